"""One connection to Milvus for the life of a process, and how each call is made.

The asynchronous client carries the data: it reconnects by itself, within one event loop. It cannot
create an index on Milvus Lite (it waits by calls that Lite does not have), so a collection, which
is created once, is created with the other client in a thread.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import grpc
from pymilvus import AsyncMilvusClient, MilvusClient
from pymilvus.exceptions import MilvusException

from pipeline.settings import VectorStoreSettings
from pipeline.store import collection
from pipeline.store.vector_errors import is_missing, is_unloaded, translate

T = TypeVar("T")

READ_TIMEOUT = timedelta(seconds=20)
WRITE_TIMEOUT = timedelta(seconds=60)
LOAD_TIMEOUT = timedelta(seconds=120)  # a real server reads the indexes from its object store
# After a failure gRPC refuses to connect for up to two minutes, and new channels to the address
# inherit that. The jobs have a backoff of their own; a server that is back is to be found at once.
GRPC_OPTIONS = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    # The library pings every 10 s, also between calls, and gRPC's servers hang up on that
    # ("too_many_pings"), Milvus Lite among them. This is at most two pings a call, as many as every
    # server bears, and leaves one that computes for a while the time to answer.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 0,
}


class MilvusConnection:
    """Calls with one meaning for each failure. Belongs to the event loop that opened it."""

    def __init__(self, settings: VectorStoreSettings) -> None:
        # The library logs what it raises, rows and expressions included; the caller logs instead.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self._settings = settings
        self._client = AsyncMilvusClient(
            uri=settings.milvus_uri,
            token=settings.milvus_token.get_secret_value(),
            timeout=READ_TIMEOUT.total_seconds(),
            dedicated=True,  # shared connections outlive the event loop that they belong to
            grpc_options=GRPC_OPTIONS,
        )

    async def close(self) -> None:
        await self._client.close()

    async def call(
        self, operation: str, name: str, action: Callable[[AsyncMilvusClient], Awaitable[T]]
    ) -> T | None:
        """Do it; None if the collection does not exist. Loads the collection if need be.

        Raises DependencyError, or RowRejected for what the server will never take.
        """
        try:
            try:
                return await action(self._client)
            except MilvusException as error:
                if not is_unloaded(error):
                    raise
            await self._client.load_collection(name, timeout=LOAD_TIMEOUT.total_seconds())
            return await action(self._client)
        except (MilvusException, grpc.RpcError) as error:
            if is_missing(error):
                return None
            raise translate(error, operation) from error

    async def collections(self) -> list[str]:
        """The names of this deployment's collections; also the cheapest proof of health."""
        timeout = READ_TIMEOUT.total_seconds()
        names = await self.call("listing", "", lambda c: c.list_collections(timeout=timeout))
        return [name for name in names or [] if name.startswith(self._settings.milvus_prefix)]

    async def dimensions(self, name: str) -> int | None:
        """The dimensions of a collection's vectors; None if it does not exist."""
        timeout = READ_TIMEOUT.total_seconds()
        found: dict[str, Any] | None = await self.call(
            "description", name, lambda c: c.describe_collection(name, timeout=timeout)
        )
        if found is None:
            return None
        [dense] = [each for each in found["fields"] if each["name"] == "dense"]
        return int(dense["params"]["dim"])

    async def create(self, name: str, dimensions: int) -> None:
        """Create a collection with its indexes and load it. Harmless when others do the same."""
        try:
            await asyncio.to_thread(self._create, name, dimensions)
        except (MilvusException, grpc.RpcError) as error:
            raise translate(error, "creation") from error

    def _create(self, name: str, dimensions: int) -> None:
        timeout = WRITE_TIMEOUT.total_seconds()
        client = MilvusClient(
            uri=self._settings.milvus_uri,
            token=self._settings.milvus_token.get_secret_value(),
            timeout=timeout,
            dedicated=True,
            grpc_options=GRPC_OPTIONS,
        )
        try:
            try:
                client.create_collection(
                    name,
                    schema=collection.schema(dimensions),
                    consistency_level="Strong",
                    num_partitions=collection.PARTITIONS,
                    timeout=timeout,
                )
            except MilvusException:
                if not client.has_collection(name, timeout=timeout):
                    raise
            # A process that died, or another that is at it, may have left only the collection.
            present = client.list_indexes(name, timeout=timeout)
            for index in collection.indexes():
                if index.field_name not in present:
                    self._create_index(client, name, index)
            client.load_collection(name, timeout=LOAD_TIMEOUT.total_seconds())
        finally:
            client.close()

    @staticmethod
    def _create_index(client: MilvusClient, name: str, index: Any) -> None:
        only = MilvusClient.prepare_index_params()
        only.append(index)
        timeout = WRITE_TIMEOUT.total_seconds()
        try:
            client.create_index(name, only, timeout=timeout)
        except MilvusException:
            if index.field_name not in client.list_indexes(name, timeout=timeout):
                raise
