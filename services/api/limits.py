"""What handlers need to know of the settings."""

from dataclasses import dataclass
from datetime import timedelta

from pipeline.chunk import ChunkSettings

BODY_BYTES_MAX = 1024 * 1024  # a thousand long file names fit
PAGE_DEFAULT = 50
PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Limits:
    upload_bytes_max: int
    upload_url_expiry: timedelta
    large_bytes: int
    chunking: ChunkSettings  # where a dataset says nothing else
