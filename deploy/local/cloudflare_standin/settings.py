"""What the stand-in reads from the environment, once, at start."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MAX_RETRIES_LIMIT = 100  # Cloudflare's own bound on a consumer's max_retries
VISIBILITY_TIMEOUT_MS_MAX = 12 * 60 * 60 * 1000  # 12 hours, Cloudflare's bound
DELAY_SECONDS_MAX = 86_400  # 24 hours, Cloudflare's bound on retry and send delays


class Settings(BaseSettings):
    """Field names are for the code; the alias of each is the variable that people set."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", validation_alias="SLUICE_STANDIN_HOST")
    queues_port: int = Field(8801, ge=0, le=65535, validation_alias="SLUICE_STANDIN_QUEUES_PORT")
    r2_port: int = Field(8802, ge=0, le=65535, validation_alias="SLUICE_STANDIN_R2_PORT")
    data_dir: Path = Field(validation_alias="SLUICE_STANDIN_DATA_DIR")
    s3_upstream: str = Field(pattern="^https?://", validation_alias="SLUICE_STANDIN_S3_UPSTREAM")
    account_id: str = Field(min_length=1, validation_alias="CF_ACCOUNT_ID")
    api_token: SecretStr = Field(min_length=1, validation_alias="CF_API_TOKEN")
    queue_name: str = Field(min_length=1, validation_alias="CF_QUEUE_NAME")
    bucket: str = Field(min_length=1, validation_alias="R2_BUCKET")
    access_key_id: str = Field(min_length=1, validation_alias="R2_ACCESS_KEY_ID")
    secret_access_key: SecretStr = Field(min_length=1, validation_alias="R2_SECRET_ACCESS_KEY")
    allowed_origins: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), validation_alias="SLUICE_STANDIN_ALLOWED_ORIGINS"
    )
    max_retries: int = Field(
        10, ge=0, le=MAX_RETRIES_LIMIT, validation_alias="SLUICE_STANDIN_MAX_RETRIES"
    )
    retry_delay_seconds: int = Field(
        0, ge=0, le=DELAY_SECONDS_MAX, validation_alias="SLUICE_STANDIN_RETRY_DELAY_SECONDS"
    )
    visibility_timeout_ms: int = Field(
        30_000,
        ge=1,
        le=VISIBILITY_TIMEOUT_MS_MAX,
        validation_alias="SLUICE_STANDIN_VISIBILITY_TIMEOUT_MS",
    )

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.queues_port == self.r2_port and self.queues_port != 0:
            raise ValueError("SLUICE_STANDIN_QUEUES_PORT and SLUICE_STANDIN_R2_PORT must differ")
        return self

    @property
    def dead_letter_queue_name(self) -> str:
        return f"{self.queue_name}-dlq"
