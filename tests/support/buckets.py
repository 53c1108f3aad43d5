"""Buckets of a test's own, on the S3 server itself or through the stand-in in front of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session


@asynccontextmanager
async def store_client(
    environment: Mapping[str, str], *, endpoint_url: str | None = None
) -> AsyncIterator[Any]:  # botocore builds its clients at run time; they have no static type
    """An S3 client on the environment's store, or with the same keys on another endpoint."""
    async with get_session().create_client(
        "s3",
        endpoint_url=endpoint_url or environment["SLUICE_R2_ENDPOINT_URL"],
        aws_access_key_id=environment["R2_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["R2_SECRET_ACCESS_KEY"],
        region_name="auto",
        config=AioConfig(
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=30,
            # The S3 server sends no checksums of its own for a part of an object.
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
        ),
    ) as client:
        yield client
