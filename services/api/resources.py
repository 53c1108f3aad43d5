"""What the API works with, opened once for the life of the process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from redis.asyncio import Redis

from api.auth import Authentication
from api.queues import QueueReader
from api.sessions import FailedLogins
from api.settings import ApiSettings
from db.engine import Sessions, create_engine, session_factory
from pipeline.embed.client import Embedder
from pipeline.embed.configured import (
    configured_model,
    configured_pace,
    open_pace_redis,
    pace_name,
)
from pipeline.images.client import ImageEmbedder
from pipeline.images.model import configured_image_model
from pipeline.rerank import Reranker
from pipeline.search import Searcher
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore

REDIS_SECONDS = 2.0
IMAGE_QUERIES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Resources:
    sessions: Sessions
    redis: Redis
    objects: ObjectStore
    vectors: VectorStore
    embedder: Embedder
    images: ImageEmbedder | None
    searcher: Searcher
    authentication: Authentication
    queues: QueueReader
    failed_logins: FailedLogins = field(default_factory=FailedLogins)


@asynccontextmanager
async def open_resources(settings: ApiSettings) -> AsyncIterator[Resources]:
    """Nothing is connected to yet: the API starts while its dependencies are away."""
    async with AsyncExitStack() as stack:
        engine = create_engine(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool,
            application_name="sluice-api",
            prepared_statements=settings.database_prepared_statements,
        )
        stack.push_async_callback(engine.dispose)
        sessions = session_factory(engine)
        redis = Redis.from_url(
            settings.redis_url.get_secret_value(),
            decode_responses=True,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
        stack.push_async_callback(redis.aclose)
        # The workers' model; but somebody waits for a query, so it is given up sooner.
        model = replace(configured_model(settings), timeout=settings.query_embedding_timeout)
        objects = await stack.enter_async_context(ObjectStore.open(settings))
        vectors = await stack.enter_async_context(VectorStore.open(settings))
        # Queries are counted with what the workers send, and do not wait for them.
        paced = open_pace_redis(settings.redis_url.get_secret_value())
        stack.push_async_callback(paced.aclose)
        pace = configured_pace(settings, paced, namespace=settings.redis_namespace)
        embedder = await stack.enter_async_context(Embedder(model, pace))
        reranker: Reranker | None = None
        if (rerank_model := settings.rerank()) is not None:
            reranker = await stack.enter_async_context(Reranker.open(rerank_model))
        images: ImageEmbedder | None = None
        if (image_model := configured_image_model(settings)) is not None:
            sooner = replace(image_model, timeout=settings.query_embedding_timeout)
            images = await stack.enter_async_context(
                ImageEmbedder.open(sooner, calls=IMAGE_QUERIES_AT_ONCE)
            )
        yield Resources(
            sessions=sessions,
            redis=redis,
            objects=objects,
            vectors=vectors,
            embedder=embedder,
            images=images,
            searcher=Searcher(
                sessions,
                vectors,
                embedder,
                languages=settings.embedding_languages,
                reranker=reranker,
                images=images,
            ),
            authentication=Authentication(sessions),
            queues=QueueReader(
                redis,
                namespace=settings.redis_namespace,
                pace_name=pace_name(settings, namespace=settings.redis_namespace),
            ),
        )
