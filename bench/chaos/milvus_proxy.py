"""Stands between the services and Milvus and passes every call on, or delays it, or fails it.

Messages go through as bytes: no method is known here but by its name.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self

import grpc

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# A server that is back is to be found at once; the outage is the fault, not the proxy's memory.
TO_SERVER = [
    *UNLIMITED,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
WRITES = frozenset({"Insert", "Upsert", "Delete"})


@dataclass
class Weather:
    """What happens to calls just now."""

    delay_seconds: float = 0
    # Shares of the writes: refused, and done although the caller hears of a failure.
    refused_share: float = 0
    unanswered_share: float = 0


class MilvusProxy:
    def __init__(self, port: int, target_port: int, random: Random) -> None:
        self._address = f"127.0.0.1:{port}"
        self._target = f"127.0.0.1:{target_port}"
        self._random = random
        self._calls: set[asyncio.Future[Any]] = set()
        self.weather = Weather()

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._target, options=TO_SERVER)
        self._server = grpc.aio.server(options=[*UNLIMITED, ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Passing(self._pass),))
        self._server.add_insecure_port(self._address)
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.stop(0)
        await self._channel.close()

    def cut(self) -> int:
        """Every call under way breaks off, done or not; how many there were."""
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        return len(calls)

    async def _pass(self, method: str, request: bytes, context: Any) -> bytes:
        weather = self.weather
        is_write = method.rsplit("/", 1)[-1] in WRITES
        if weather.delay_seconds:
            await asyncio.sleep(weather.delay_seconds * self._random.uniform(0.5, 1.5))
        if is_write and self._random.random() < weather.refused_share:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "chaos: refused")
        answer = await self._forward(method, request, context)
        if is_write and self._random.random() < weather.unanswered_share:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "chaos: done, and not answered")
        return answer

    async def _forward(self, method: str, request: bytes, context: Any) -> bytes:
        call = self._channel.unary_unary(method)(
            request,
            metadata=context.invocation_metadata(),
            timeout=context.time_remaining(),
        )
        answer = asyncio.ensure_future(_answer(call))
        self._calls.add(answer)
        try:
            result: bytes = await answer
            return result
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())
        except asyncio.CancelledError:
            if not answer.cancelled():
                raise  # it was the caller who left
            await context.abort(grpc.StatusCode.UNAVAILABLE, "chaos: cut off")
        finally:
            self._calls.discard(answer)
            call.cancel()
        raise AssertionError("an aborted call goes on")


async def _answer(call: Any) -> bytes:
    result: bytes = await call
    return result


class _Passing(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    def __init__(self, handle: Callable[[str, bytes, Any], Any]) -> None:
        self._handle = handle

    def service(self, details: Any) -> Any:
        async def handle(request: bytes, context: Any) -> bytes:
            answer: bytes = await self._handle(details.method, request, context)
            return answer

        return grpc.unary_unary_rpc_method_handler(handle)
