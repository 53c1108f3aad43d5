"""Asynchronous methods for callers without an event loop.

A loop runs in a thread of its own, as long as the client is open; every call waits for its turn of
it. Signatures and docstrings are those of the asynchronous methods, for people and for type
checkers, so none of them stands twice.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")


class LoopThread:
    """Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="sluice-client", daemon=True
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result; what interrupts the caller, such as ^C, cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class Facade(Generic[A]):
    """The blocking side of an asynchronous object."""

    def __init__(self, thread: LoopThread, inner: A) -> None:
        self._thread = thread
        self._inner = inner


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Facade[A], P], T]:
    """A coroutine method as one that returns its result."""

    @functools.wraps(method)
    def call(self: Facade[A], /, *arguments: P.args, **options: P.kwargs) -> T:
        return self._thread.run(method(self._inner, *arguments, **options))

    return call


def blocking_iterator(
    method: Callable[Concatenate[A, P], AsyncIterator[T]],
) -> Callable[Concatenate[Facade[A], P], Iterator[T]]:
    """A method that gives an asynchronous iterator as one that gives a plain one."""

    @functools.wraps(method)
    def call(self: Facade[A], /, *arguments: P.args, **options: P.kwargs) -> Iterator[T]:
        items = method(self._inner, *arguments, **options)

        async def following() -> T:
            return await anext(items)

        try:
            while True:
                try:
                    item = self._thread.run(following())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self._thread.run(_closed(items))

    return call


async def _closed(items: AsyncGenerator[Any, Any]) -> None:
    await items.aclose()
