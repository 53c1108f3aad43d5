"""What the API answers about uploads."""

from dataclasses import dataclass

from sluice.models import Job


@dataclass(frozen=True, slots=True)
class UploadUrl:
    file_name: str
    object_key: str
    upload_url: str
    method: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class UploadUrls:
    upload_urls: tuple[UploadUrl, ...]


@dataclass(frozen=True, slots=True)
class CompletedUploads:
    jobs: tuple[Job, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    upload_id: str
    file_name: str
    part_bytes: int
    part_count: int


@dataclass(frozen=True, slots=True)
class PartUrl:
    number: int
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class PartUrls:
    parts: tuple[PartUrl, ...]


@dataclass(frozen=True, slots=True)
class StoredPart:
    number: int
    etag: str
    size: int
