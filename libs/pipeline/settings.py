"""Settings that more than one process reads, in groups; each process composes what it needs.

Names that users know stay as they are (`R2_…`, `CF_…`, `OPENAI_…`); ours begin with `SLUICE_`.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _seconds(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value  # an ISO 8601 duration, perhaps


# A duration that the environment gives as a plain number of seconds.
Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))]
Price = Annotated[Decimal, Field(ge=0)]


class Settings(BaseSettings):
    """Frozen, read once from the environment at the start of a process."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class DatabaseSettings(Settings):
    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    database_pool: int = Field(8, ge=1, le=200, validation_alias="SLUICE_DATABASE_POOL")
    database_prepared_statements: bool = Field(
        True,
        validation_alias="SLUICE_DATABASE_PREPARED_STATEMENTS",
        description="false behind a transaction pooler such as PgBouncer",
    )


class RedisSettings(Settings):
    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    redis_namespace: str = Field("sluice", validation_alias="SLUICE_REDIS_NAMESPACE")


class ObjectStoreSettings(Settings):
    r2_account_id: str = Field(validation_alias="R2_ACCOUNT_ID")
    r2_access_key_id: SecretStr = Field(validation_alias="R2_ACCESS_KEY_ID")
    r2_secret_access_key: SecretStr = Field(validation_alias="R2_SECRET_ACCESS_KEY")
    r2_bucket: str = Field(validation_alias="R2_BUCKET")
    r2_derived_bucket_name: str | None = Field(None, validation_alias="SLUICE_R2_DERIVED_BUCKET")
    r2_endpoint_url: str | None = Field(None, validation_alias="SLUICE_R2_ENDPOINT_URL")

    @property
    def endpoint_url(self) -> str:
        """Where the S3 API answers; a jurisdiction or a local stand-in is named in full."""
        return self.r2_endpoint_url or f"https://{self.r2_account_id}.r2.cloudflarestorage.com"

    @property
    def derived_bucket(self) -> str:
        """For parsed text; it must not notify the queue."""
        return self.r2_derived_bucket_name or f"{self.r2_bucket}-derived"


class VectorStoreSettings(Settings):
    milvus_uri: str = Field(validation_alias="MILVUS_URI")
    milvus_token: SecretStr = Field(SecretStr(""), validation_alias="MILVUS_TOKEN")
    milvus_prefix: str = Field(
        "sluice_", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", validation_alias="SLUICE_MILVUS_PREFIX"
    )


class EmbeddingSettings(Settings):
    openai_api_key: SecretStr = Field(SecretStr("not-needed"), validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field("https://api.openai.com/v1", validation_alias="OPENAI_BASE_URL")
    embedding_model: str = Field(
        "text-embedding-3-small", validation_alias="SLUICE_EMBEDDING_MODEL"
    )
    embedding_dimensions: int | None = Field(
        None, ge=2, le=32_768, validation_alias="SLUICE_EMBEDDING_DIMENSIONS"
    )
    query_prefix: str = Field("", validation_alias="SLUICE_EMBEDDING_QUERY_PREFIX")
    passage_prefix: str = Field("", validation_alias="SLUICE_EMBEDDING_PASSAGE_PREFIX")
    input_tokens: int = Field(
        8_191,
        ge=128,
        le=1_000_000,
        validation_alias="SLUICE_EMBEDDING_INPUT_TOKENS",
        description="what the model reads of one text, in cl100k tokens; longer chunks are parted",
    )
    batch_inputs: int = Field(100, ge=1, le=2048, validation_alias="SLUICE_EMBEDDING_BATCH")
    embedding_concurrency: int = Field(
        4, ge=1, le=64, validation_alias="SLUICE_EMBEDDING_CONCURRENCY"
    )
    embedding_timeout: Seconds = Field(
        timedelta(seconds=60), validation_alias="SLUICE_EMBEDDING_TIMEOUT_SECONDS"
    )
    batch_tokens: int = Field(
        250_000, ge=128, le=10_000_000, validation_alias="SLUICE_EMBEDDING_BATCH_TOKENS"
    )
    batch_bytes: int = Field(
        2_000_000, ge=1_024, le=100_000_000, validation_alias="SLUICE_EMBEDDING_BATCH_BYTES"
    )
    refused_texts: Literal["fail", "cut"] = Field(
        "fail",
        validation_alias="SLUICE_EMBEDDING_REFUSED",
        description="what becomes of a chunk that the endpoint refuses alone",
    )
    requests_per_minute_first: int | None = Field(
        None, ge=1, validation_alias="SLUICE_EMBEDDING_REQUESTS_PER_MINUTE_FIRST"
    )
    requests_per_minute_max: int | None = Field(
        None, ge=1, validation_alias="SLUICE_EMBEDDING_REQUESTS_PER_MINUTE"
    )
    tokens_per_minute_first: int | None = Field(
        None, ge=1, validation_alias="SLUICE_EMBEDDING_TOKENS_PER_MINUTE_FIRST"
    )
    tokens_per_minute_max: int | None = Field(
        None, ge=1, validation_alias="SLUICE_EMBEDDING_TOKENS_PER_MINUTE"
    )
    embedding_price: Decimal | None = Field(
        None,
        ge=0,
        validation_alias="SLUICE_EMBEDDING_PRICE",
        description="dollars per million tokens of the model that is set",
    )
    embedding_prices: Annotated[dict[str, Price], NoDecode] = Field(
        {},
        validation_alias="SLUICE_EMBEDDING_PRICES",
        description="dollars per million tokens, as `model=0.02,other=0.13`",
    )

    @field_validator("embedding_prices", mode="before")
    @classmethod
    def _split_prices(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
        if not all(model.strip() for model, _, _ in pairs):
            raise ValueError("takes `model=price`, with commas between")
        return {model.strip(): price.strip() for model, _, price in pairs}


class ImageEmbeddingSettings(Settings):
    image_embedding_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        validation_alias="SLUICE_IMAGE_EMBEDDING_URL",
        description="the whole address of an endpoint for texts and images; none by default",
    )
    image_embedding_api_key: SecretStr = Field(
        SecretStr(""), validation_alias="SLUICE_IMAGE_EMBEDDING_API_KEY"
    )
    image_embedding_model: str = Field("", validation_alias="SLUICE_IMAGE_EMBEDDING_MODEL")
    image_embedding_format: Literal["jina", "voyage", "cohere", "vllm"] = Field(
        "jina", validation_alias="SLUICE_IMAGE_EMBEDDING_FORMAT"
    )
    image_embedding_dimensions: int | None = Field(
        None, ge=2, le=32_768, validation_alias="SLUICE_IMAGE_EMBEDDING_DIMENSIONS"
    )
    image_embedding_batch: int = Field(
        8,
        ge=1,
        le=100,
        validation_alias="SLUICE_IMAGE_EMBEDDING_BATCH",
        description="images of one request; vLLM's form takes one",
    )
    image_embedding_timeout: Seconds = Field(
        timedelta(seconds=60),
        gt=timedelta(0),
        validation_alias="SLUICE_IMAGE_EMBEDDING_TIMEOUT_SECONDS",
    )
    image_embedding_price: Decimal | None = Field(
        None,
        ge=0,
        validation_alias="SLUICE_IMAGE_EMBEDDING_PRICE",
        description="dollars per million tokens",
    )
    images_max: int = Field(
        200,
        ge=1,
        le=1_000,
        validation_alias="SLUICE_IMAGES_MAX",
        description="images of a document that get vectors",
    )

    @model_validator(mode="after")
    def _image_model_is_named(self) -> Self:
        if self.image_embedding_url and not self.image_embedding_model:
            raise ValueError("SLUICE_IMAGE_EMBEDDING_MODEL must name the model of the image URL")
        return self


class LogSettings(Settings):
    log_level: str = Field("INFO", validation_alias="SLUICE_LOG_LEVEL")
    log_json: bool | None = Field(
        None,
        validation_alias="SLUICE_LOG_JSON",
        description="JSON or not; by default JSON unless on a terminal",
    )


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S]) -> S:
    """The process's settings, or its end with one line a variable that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        _refuse(kind, error)


def _refuse(kind: type[Settings], error: ValidationError) -> NoReturn:
    lines = [
        f"{_variable(kind, problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    ]
    raise SystemExit("Cannot start, the settings are not right:\n  " + "\n  ".join(lines))


def _variable(kind: type[Settings], location: tuple[Any, ...]) -> str:
    name = str(location[0]) if location else "settings"
    field = kind.model_fields.get(name)
    alias = field.validation_alias if field is not None else None
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return str(alias or name)
