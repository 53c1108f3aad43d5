"""Rows that wait while others are written go together, and a bad one harms nobody else."""

import asyncio

import pytest

from pipeline.errors import Dependency, DependencyError
from pipeline.store.rows import Row
from pipeline.store.shared_writes import REQUESTS, ROWS_MAX, SharedWrites
from pipeline.store.vector_errors import RowRejected


def row(document: str) -> Row:
    return Row("t", "d", document, 1, 0, [0.5], "text", "text", "hash", 0, 4, "a.txt")


class Index:
    """Answers once it is told to."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.answer = asyncio.Event()
        self.away = False

    async def write(self, _: str, rows: list[Row]) -> None:
        self.requests.append([each.document for each in rows])
        await self.answer.wait()
        if self.away:
            raise DependencyError("away", dependency=Dependency.VECTOR_STORE)
        if any(each.document == "bad" for each in rows):
            raise RowRejected("a row that is never taken")


async def begun(writes: SharedWrites, document: str, space: str = "s") -> asyncio.Task[None]:
    task = asyncio.create_task(writes.write(space, [row(document)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_who_waits_goes_together_and_who_gave_up_stays_behind() -> None:
    index = Index()
    writes = SharedWrites(index.write)
    tasks = [await begun(writes, str(n)) for n in range(REQUESTS + 5)]
    tasks.append(await begun(writes, "elsewhere", space="other"))
    tasks[REQUESTS].cancel()
    index.answer.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    alone = [[str(n)] for n in range(REQUESTS)]
    together = [str(n) for n in range(REQUESTS + 1, REQUESTS + 5)]
    assert index.requests == [*alone, together, ["elsewhere"]]
    assert [type(each) for each in results if each is not None] == [asyncio.CancelledError]


async def test_a_row_that_is_refused_fails_its_owner_only() -> None:
    index = Index()
    writes = SharedWrites(index.write)
    first = [await begun(writes, str(n)) for n in range(REQUESTS)]
    shared = [await begun(writes, name) for name in ("good", "bad", "fine")]
    index.answer.set()

    results = await asyncio.gather(*first, *shared, return_exceptions=True)

    assert [type(each) for each in results[REQUESTS:]] == [type(None), RowRejected, type(None)]


async def test_an_outage_is_told_to_all_and_the_next_write_goes_out() -> None:
    index = Index()
    index.answer.set()
    index.away = True
    writes = SharedWrites(index.write)
    with pytest.raises(DependencyError):
        await writes.write("s", [row("a")])
    index.away = False

    await writes.write("s", [row("a")] * (ROWS_MAX + 1))

    assert [len(each) for each in index.requests] == [1, ROWS_MAX, 1]
