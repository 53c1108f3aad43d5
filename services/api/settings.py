"""What the API process reads from the environment, once, at its start."""

from datetime import timedelta
from typing import Self

from pydantic import ByteSize, Field, SecretStr, model_validator

from api.limits import PUT_BYTES_MAX
from pipeline.chunk import ChunkSettings
from pipeline.chunk.registry import default_settings
from pipeline.queue import LARGE_BYTES
from pipeline.rerank import RerankFormat, RerankModel
from pipeline.settings import (
    DatabaseSettings,
    EmbeddingSettings,
    ImageEmbeddingSettings,
    LogSettings,
    ObjectStoreSettings,
    RedisSettings,
    Seconds,
    VectorStoreSettings,
)


class ApiSettings(
    DatabaseSettings,
    RedisSettings,
    ObjectStoreSettings,
    VectorStoreSettings,
    EmbeddingSettings,
    ImageEmbeddingSettings,
    LogSettings,
):
    host: str = Field("127.0.0.1", validation_alias="SLUICE_API_HOST")
    port: int = Field(8800, ge=1, le=65_535, validation_alias="SLUICE_API_PORT")
    cors_origins_list: str = Field(
        "",
        validation_alias="SLUICE_API_CORS_ORIGINS",
        description="origins of browsers that may call, separated by commas; none by default",
    )
    forwarded_allow_ips: str = Field(
        "",
        validation_alias="SLUICE_API_FORWARDED_ALLOW_IPS",
        description="proxies whose X-Forwarded headers are believed; none by default",
    )
    request_timeout: Seconds = Field(
        timedelta(seconds=30), validation_alias="SLUICE_API_REQUEST_TIMEOUT_SECONDS"
    )
    shutdown_grace: Seconds = Field(
        timedelta(seconds=20), validation_alias="SLUICE_API_SHUTDOWN_SECONDS"
    )
    connections_max: int = Field(1_000, ge=1, validation_alias="SLUICE_API_CONNECTIONS")
    live_connections_max: int = Field(
        500,
        ge=1,
        validation_alias="SLUICE_LIVE_CONNECTIONS",
        description="WebSockets of a process; they count among its connections",
    )
    live_connections_per_tenant: int = Field(
        100, ge=1, validation_alias="SLUICE_LIVE_CONNECTIONS_PER_TENANT"
    )

    upload_bytes_max: ByteSize = Field(
        ByteSize(PUT_BYTES_MAX), ge=1, le=PUT_BYTES_MAX, validation_alias="SLUICE_UPLOAD_BYTES_MAX"
    )
    upload_url_expiry: Seconds = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=7),
        validation_alias="SLUICE_UPLOAD_URL_SECONDS",
        description="how long an upload URL works",
    )
    download_url_expiry: Seconds = Field(
        timedelta(minutes=15),
        ge=timedelta(seconds=10),
        le=timedelta(days=7),
        validation_alias="SLUICE_DOWNLOAD_URL_SECONDS",
        description="how long the URL of an original in a hit works",
    )
    chunk_strategy: str = Field(
        "recursive",
        validation_alias="SLUICE_CHUNK_STRATEGY",
        description="for datasets that say nothing else, as all of these",
    )
    chunk_size: int | None = Field(
        None,
        validation_alias="SLUICE_CHUNK_SIZE",
        description="characters or tokens; the strategy's own default if not given",
    )
    chunk_overlap: int | None = Field(None, validation_alias="SLUICE_CHUNK_OVERLAP")
    chunk_heading_prefix: bool = Field(False, validation_alias="SLUICE_CHUNK_HEADING_PREFIX")
    large_bytes: int = Field(LARGE_BYTES, ge=1, validation_alias="SLUICE_LARGE_BYTES")

    query_embedding_timeout: Seconds = Field(
        timedelta(seconds=5),
        validation_alias="SLUICE_QUERY_EMBEDDING_SECONDS",
        description="after which a hybrid search answers from keywords alone",
    )
    embedding_languages_list: str = Field(
        "*",
        validation_alias="SLUICE_EMBEDDING_LANGUAGES",
        description="languages the model knows, such as en,de; * for all",
    )
    rerank_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        validation_alias="SLUICE_RERANK_URL",
        description="the whole address of a /rerank endpoint; none by default",
    )
    rerank_api_key: SecretStr = Field(SecretStr(""), validation_alias="SLUICE_RERANK_API_KEY")
    rerank_model: str = Field("", validation_alias="SLUICE_RERANK_MODEL")
    rerank_format: RerankFormat = Field(
        RerankFormat.DOCUMENTS,
        validation_alias="SLUICE_RERANK_FORMAT",
        description="documents (Jina, Cohere, vLLM, infinity, llama.cpp) or texts (TEI)",
    )
    rerank_depth: int = Field(50, ge=1, le=500, validation_alias="SLUICE_RERANK_TOP")
    rerank_timeout: Seconds = Field(
        timedelta(seconds=3),
        gt=timedelta(0),
        validation_alias="SLUICE_RERANK_TIMEOUT_SECONDS",
        description="after which hits stay in their own order",
    )

    @model_validator(mode="after")
    def _chunking_is_valid(self) -> Self:
        self.chunking()
        return self

    def chunking(self) -> ChunkSettings:
        return default_settings(
            self.chunk_strategy,
            size=self.chunk_size,
            overlap=self.chunk_overlap,
            heading_prefix=self.chunk_heading_prefix,
        )

    def rerank(self) -> RerankModel | None:
        """None where no reranker is configured."""
        if not self.rerank_url:
            return None
        return RerankModel(
            url=self.rerank_url,
            api_key=self.rerank_api_key,
            model=self.rerank_model,
            form=self.rerank_format,
            depth=self.rerank_depth,
            timeout=self.rerank_timeout,
        )

    @property
    def cors_origins(self) -> list[str]:
        return _parts(self.cors_origins_list)

    @property
    def embedding_languages(self) -> list[str]:
        return _parts(self.embedding_languages_list)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
