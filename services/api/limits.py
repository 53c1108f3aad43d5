"""What handlers need to know of the settings."""

from dataclasses import dataclass
from datetime import timedelta

from pipeline.chunk import ChunkSettings

BODY_BYTES_MAX = 1024 * 1024  # a thousand long file names fit
IMAGE_BYTES_MAX = 2 * 1024 * 1024  # of one that is searched by
# Its base64, and the filter beside it.
SEARCH_BODY_BYTES_MAX = 3 * 1024 * 1024
# R2 takes a single PUT of up to 5 MiB below 5 GiB.
PUT_BYTES_MAX = 5 * 1024**3 - 5 * 1024**2
PAGE_DEFAULT = 50
PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Limits:
    upload_bytes_max: int
    upload_url_expiry: timedelta
    download_url_expiry: timedelta
    large_bytes: int
    bucket: str
    order_time: timedelta  # what one order to many jobs may take; the rest is for another request
    chunking: ChunkSettings  # where a dataset says nothing else
