"""What the worker is told at its start."""

from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Literal

from pydantic import ByteSize, Field, field_validator
from pydantic_settings import NoDecode

from pipeline.parse.docling_models import checked
from pipeline.policy import Policy
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


class WorkerSettings(
    DatabaseSettings,
    RedisSettings,
    ObjectStoreSettings,
    VectorStoreSettings,
    EmbeddingSettings,
    ImageEmbeddingSettings,
    LogSettings,
):
    scratch_dir: Path = Field(Path(gettempdir()), validation_alias="SLUICE_SCRATCH_DIR")
    small_files: int = Field(
        64,
        ge=4,
        le=4096,
        validation_alias="SLUICE_SMALL_FILES",
        description="files of 16 KiB under way at once, of one lane; of larger ones fewer, down to "
        "four",
    )
    parsers: int = Field(
        4,
        ge=1,
        le=64,
        validation_alias="SLUICE_PARSERS",
        description="parser child processes; one dataset holds all but one of them at most",
    )
    parser_memory: ByteSize = Field(ByteSize(1024**3), validation_alias="SLUICE_PARSER_MEMORY")
    ocr: Literal["auto", "off"] = Field(
        "auto",
        validation_alias="SLUICE_OCR",
        description="whether text in scanned pages and images is recognised",
    )
    parser_ocr_memory: ByteSize = Field(
        ByteSize(2 * 1024**3),
        validation_alias="SLUICE_PARSER_OCR_MEMORY",
        description="of one document whose text is recognised",
    )
    parser_timeout: Seconds = Field(
        timedelta(minutes=10), validation_alias="SLUICE_PARSER_TIMEOUT_SECONDS"
    )
    documents_per_parser: int = Field(50, ge=1, validation_alias="SLUICE_DOCUMENTS_PER_PARSER")
    docling_models: Path | None = Field(
        None,
        validation_alias="SLUICE_DOCLING_MODELS",
        description="the folder that `make models` filled, to read PDFs with docling's models",
    )
    retry_delays: Annotated[tuple[float, ...], NoDecode] = Field(
        (60.0, 120.0, 240.0),
        max_length=20,
        validation_alias="SLUICE_RETRY_DELAYS",
        description="seconds before each retry, with commas between",
    )
    soft_limit: Seconds = Field(timedelta(minutes=50), validation_alias="SLUICE_SOFT_LIMIT_SECONDS")
    hard_limit: Seconds = Field(timedelta(hours=1), validation_alias="SLUICE_HARD_LIMIT_SECONDS")
    file_bytes_max: ByteSize = Field(
        ByteSize(5 * 1024**3), validation_alias="SLUICE_UPLOAD_BYTES_MAX"
    )
    recycle_jobs: int = Field(
        2_000,
        ge=0,
        validation_alias="SLUICE_WORKER_RECYCLE_JOBS",
        description="restart the process after so many jobs; 0 never",
    )
    recycle_memory: ByteSize = Field(
        ByteSize(2 * 1024**3),
        validation_alias="SLUICE_WORKER_RECYCLE_MEMORY",
        description="restart the process above so much memory of its own; 0 never",
    )
    metrics_host: str = Field("127.0.0.1", validation_alias="SLUICE_WORKER_METRICS_HOST")
    metrics_port: int = Field(
        8812,
        ge=0,
        le=65535,
        validation_alias="SLUICE_WORKER_METRICS_PORT",
        description="of the first process; each further one takes the next; 0 for none",
    )

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("docling_models", mode="before")
    @classmethod
    def _checked(cls, value: object) -> object:
        return checked(Path(value)) if isinstance(value, str | Path) and str(value) else None

    def policy(self) -> Policy:
        return Policy(
            retry_delays=tuple(timedelta(seconds=delay) for delay in self.retry_delays),
            soft_limit=self.soft_limit,
            hard_limit=self.hard_limit,
            file_bytes_max=self.file_bytes_max,
        )
