"""The embedding model that the settings describe; the api and the worker must see the same."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pipeline.embed.model import EmbeddingModel
from pipeline.embed.pace.budget import Limits, first_valves
from pipeline.embed.pace.pacer import Pacer
from pipeline.embed.pace.shared import SharedBudget, budget_name
from pipeline.embed.prices import price_of
from pipeline.settings import EmbeddingSettings

MINUTE = 60
# A pace that is not known soon is not waited for: calls go on without.
REDIS_SECONDS = 1.0


def configured_model(settings: EmbeddingSettings) -> EmbeddingModel:
    price = settings.embedding_price
    if price is None:
        price = price_of(settings.embedding_model, settings.embedding_prices)
    return EmbeddingModel(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        model=settings.embedding_model,
        dimensions=settings.embedding_dimensions,
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        input_tokens=settings.input_tokens,
        batch_inputs=settings.batch_inputs,
        batch_tokens=settings.batch_tokens,
        batch_bytes=settings.batch_bytes,
        timeout=settings.embedding_timeout,
        cuts_refused=settings.refused_texts == "cut",
        price=price,
    )


def open_pace_redis(url: str) -> Redis:
    """A client that gives up soon; the caller closes it."""
    return Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),  # the library's own tries again for seconds
    )


def configured_pace(settings: EmbeddingSettings, redis: Redis, *, namespace: str) -> Pacer:
    """One budget for all processes with this endpoint and key."""
    limits = Limits(
        requests_first=_a_second(settings.requests_per_minute_first),
        requests_max=_a_second(settings.requests_per_minute_max),
        tokens_first=_a_second(settings.tokens_per_minute_first),
        tokens_max=_a_second(settings.tokens_per_minute_max),
    )
    name = pace_name(settings, namespace=namespace)
    return Pacer(limits, SharedBudget(redis, name, first_valves(limits)))


def pace_name(settings: EmbeddingSettings, *, namespace: str) -> str:
    """Where in Redis that budget is."""
    return budget_name(
        namespace,
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key.get_secret_value(),
    )


def _a_second(a_minute: int | None) -> float | None:
    return None if a_minute is None else a_minute / MINUTE
