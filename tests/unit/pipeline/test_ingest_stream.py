"""How the tasks that write a document end together."""

import asyncio
from typing import Any

import pytest

from pipeline.chunk import ChunkStream
from pipeline.document import Chunk
from pipeline.ingest import Ingestion
from pipeline.text import DocumentText

SOON_SECONDS = 5.0


class Steps:
    async def step(self) -> None:
        return


class Commits(Ingestion):
    """One batch that stands in a commit, which fails as it is cancelled.

    SQLAlchemy then raises what failed in place of the cancellation, and some callers bear that.
    """

    def __init__(self, *, is_borne: bool) -> None:
        self._batches = asyncio.Queue(2)
        self._failures = []
        self._attempt: Any = Steps()
        self._is_borne = is_borne
        self.began = asyncio.Event()

    async def _read(self, text: DocumentText, chunks: ChunkStream) -> None:
        await self._batches.put([])
        await asyncio.Event().wait()

    async def _advance(self, batch: list[Chunk]) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self._is_borne:
                raise OSError("the connection was cut") from None


@pytest.mark.parametrize("is_borne", [False, True])
async def test_a_cancelled_attempt_ends_also_where_a_failing_commit_takes_the_cancellations_place(
    is_borne: bool,
) -> None:
    ingestion = Commits(is_borne=is_borne)
    nothing: Any = None
    work = asyncio.create_task(ingestion._stream(nothing, nothing))
    await asyncio.wait_for(ingestion.began.wait(), SOON_SECONDS)

    work.cancel()
    await asyncio.wait([work], timeout=SOON_SECONDS)

    assert work.done()
    assert work.cancelled() or isinstance(work.exception(), OSError)
