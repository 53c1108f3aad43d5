"""The embedding model that the settings describe; the api and the worker must see the same."""

from pipeline.embed.model import EmbeddingModel
from pipeline.settings import EmbeddingSettings


def configured_model(settings: EmbeddingSettings) -> EmbeddingModel:
    return EmbeddingModel(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        model=settings.embedding_model,
        dimensions=settings.embedding_dimensions,
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        input_tokens=settings.input_tokens,
        batch_inputs=settings.batch_inputs,
        timeout=settings.embedding_timeout,
        price_per_million_tokens=settings.price_per_million_tokens,
    )
