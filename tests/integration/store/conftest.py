"""The two stores of the pipeline, on the session's real servers."""

from collections.abc import AsyncIterator

import pytest

from pipeline.settings import ObjectStoreSettings, VectorStoreSettings
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from stack.backends import Backends
from stack.ports import LOOPBACK


@pytest.fixture
def vector_settings(servers: Backends, collection_prefix: str) -> VectorStoreSettings:
    servers.start("milvus")
    return VectorStoreSettings.model_validate(
        {**servers.environment(), "SLUICE_MILVUS_PREFIX": collection_prefix}
    )


@pytest.fixture
async def vectors(vector_settings: VectorStoreSettings) -> AsyncIterator[VectorStore]:
    async with VectorStore.open(vector_settings) as store:
        yield store


@pytest.fixture
def object_settings(servers: Backends, bucket: str) -> ObjectStoreSettings:
    """A bucket of the test's own, which also holds what is derived; no stand-in in between."""
    return ObjectStoreSettings.model_validate(
        {
            **servers.environment(),
            "R2_BUCKET": bucket,
            "SLUICE_R2_DERIVED_BUCKET": bucket,
            "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{servers.ports.objects}",
        }
    )


@pytest.fixture
async def objects(object_settings: ObjectStoreSettings) -> AsyncIterator[ObjectStore]:
    async with ObjectStore.open(object_settings) as store:
        yield store
