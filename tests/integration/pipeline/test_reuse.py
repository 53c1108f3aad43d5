"""No text is paid for twice: across documents of a tenant, and whatever becomes of an attempt."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update

from db.engine import Sessions
from db.models import Document, EmbeddedText, Job, Outcome, Usage
from db.repositories.embedded_texts import EmbeddedTextRepository, Place
from pipeline.embed.batcher import Batcher, EmbeddedShare
from pipeline.embed.recent import Recent
from pipeline.embed.waiting import Payer
from pipeline.store.rows import Row
from pipeline.store.vectors import VectorStore
from pipeline.tools import Tools
from support.catalog import apply, document_of
from support.indexed import Indexed, put, tools

__all__ = ["put", "tools"]  # fixtures, taken over

PAGES = [f"Page {page}. " + f"What page {page} has to say is said here. " * 20 for page in range(6)]
TEXT = "\n\n".join(PAGES)


def forget_recent(tools: Tools) -> None:
    """As if the process had been started anew: only what is stored can be found."""
    batcher: Batcher = tools.batcher
    batcher._recent = Recent()  # nothing else tells a restart from none


async def usage_of(tools: Tools, indexed: Indexed) -> list[Usage]:
    async with tools.sessions() as session:
        rows = await session.scalars(
            select(Usage).where(Usage.dataset_id == indexed.home.dataset_id)
        )
        return list(rows)


async def places(tools: Tools, document_id: UUID) -> int:
    async with tools.sessions() as session:
        count = await session.scalar(
            select(func.count())
            .select_from(EmbeddedText)
            .where(EmbeddedText.document_id == document_id)
        )
    return count or 0


async def test_a_text_that_the_tenant_has_elsewhere_costs_nothing(put: Any, tools: Tools) -> None:
    first = await put("a.txt", TEXT)
    paid = await first.index()
    forget_recent(tools)
    second = await put("b.txt", TEXT, tenant_id=first.home.tenant_id)

    free = await second.index()

    rows = await second.rows()
    assert paid.tokens > 0
    assert (free.tokens, free.chunks_embedded) == (0, 0)
    assert free.chunks_reused == paid.chunks_embedded == len(rows)
    [spent] = await usage_of(tools, second)
    assert (spent.tokens, spent.texts_reused) == (0, len(rows))
    assert spent.tokens_saved > 0
    dense = await tools.vectors.vectors_of_rows(
        tools.model.space,
        {row.id: row.content_hash for row in rows},
        tenant=str(second.home.tenant_id),
        datasets=[str(second.home.dataset_id)],
    )
    assert set(dense) == {row.content_hash for row in rows}


async def test_another_tenant_pays_for_the_same_text(put: Any, tools: Tools) -> None:
    first = await put("a.txt", TEXT)
    paid = await first.index()
    second = await put("a.txt", TEXT)

    other = await second.index()

    assert other.tokens == paid.tokens > 0
    assert other.chunks_reused == 0


async def test_a_text_whose_row_has_gone_is_embedded_and_found_from_then_on(
    put: Any, tools: Tools
) -> None:
    first = await put("a.txt", TEXT)
    paid = await first.index()
    document = await document_of(tools.sessions, first.home, "a.txt")
    await tools.vectors.delete_document(
        tools.model.space, dataset=str(document.dataset_id), document=str(document.id)
    )
    tenant = first.home.tenant_id
    forget_recent(tools)

    again = await (await put("b.txt", TEXT, tenant_id=tenant)).index()
    forget_recent(tools)
    found = await (await put("c.txt", TEXT, tenant_id=tenant)).index()

    assert again.tokens == paid.tokens
    assert found.tokens == 0


async def test_files_of_one_text_that_come_together_are_paid_for_once(
    put: Any, tools: Tools
) -> None:
    first = await put("a.txt", TEXT)
    tenant = first.home.tenant_id
    others = [await put(f"{n}.txt", TEXT, tenant_id=tenant) for n in range(3)]

    attempts = await asyncio.gather(*(each.index() for each in (first, *others)))

    paid = [attempt for attempt in attempts if attempt.tokens]
    assert sum(each.chunks_embedded for each in attempts) == len(await first.rows())
    assert sum(attempt.tokens for attempt in paid) == max(each.tokens for each in paid)


async def test_the_places_of_rows_that_are_purged_are_forgotten(put: Any, tools: Tools) -> None:
    first = await put("a.txt", TEXT)
    await first.index()
    document = await document_of(tools.sessions, first.home, "a.txt")
    known = await places(tools, document.id)

    for below in (document.generation, document.generation + 1):
        async with tools.sessions.begin() as session:
            assert await EmbeddedTextRepository(session).forget(document.id, below=below)
        if below == document.generation:
            assert await places(tools, document.id) == known > 0

    assert await places(tools, document.id) == 0


async def purge(tools: Tools, indexed: Indexed) -> None:
    """As upkeep does it once a document is gone."""
    document = await document_of(tools.sessions, indexed.home, indexed.name)
    await tools.vectors.delete_document(
        tools.model.space, dataset=str(document.dataset_id), document=str(document.id)
    )
    async with tools.sessions.begin() as session:
        await EmbeddedTextRepository(session).forget(document.id, below=document.generation + 1)


async def test_a_text_is_known_after_the_document_that_paid_for_it_is_gone(
    put: Any, tools: Tools
) -> None:
    first = await put("a.txt", TEXT)
    paid = await first.index()
    tenant = first.home.tenant_id
    copies = []
    for name in ("b.txt", "c.txt", "d.txt"):
        forget_recent(tools)
        copies.append(copy := await put(name, TEXT, tenant_id=tenant))
        reused = await copy.index()
        assert (reused.tokens, reused.chunks_embedded) == (0, 0)
        # Each time the one that is known longest goes.
        await purge(tools, first if len(copies) == 1 else copies[-2])
    forget_recent(tools)
    await purge(tools, copies[-1])

    again = await (await put("e.txt", TEXT, tenant_id=tenant)).index()

    assert again.tokens == paid.tokens > 0  # nobody has it any more


async def test_a_note_that_comes_after_the_purge_is_not_taken(put: Any, tools: Tools) -> None:
    first = await put("a.txt", TEXT)
    await first.index()
    document = await document_of(tools.sessions, first.home, "a.txt")
    late = {UUID(int=7): Place(document.dataset_id, document.id, document.generation - 1, 0)}
    before = await places(tools, document.id)

    async with tools.sessions.begin() as session:
        await EmbeddedTextRepository(session).note(late)

    assert await places(tools, document.id) == before


async def test_rows_that_a_retry_finds_are_known_to_others(put: Any, tools: Tools) -> None:
    first = await put("a.txt", TEXT)
    silent = Silent(tools.vectors)
    job_id = await first.tell()
    await replace(first, tools=replace(tools, vectors=silent)).run(job_id)  # written, not counted
    document = await document_of(tools.sessions, first.home, "a.txt")
    async with tools.sessions.begin() as session:
        await session.execute(delete(EmbeddedText).where(EmbeddedText.document_id == document.id))
        await session.execute(update(Job).where(Job.id == job_id).values(run_after=func.now()))
    await first.run(job_id)
    forget_recent(tools)

    other = await (await put("b.txt", TEXT, tenant_id=first.home.tenant_id)).index()

    assert other.tokens == 0


async def test_a_vector_of_a_beginning_is_told_apart_in_later_versions_and_by_nobody_else(
    put: Any, tools: Tools
) -> None:
    in_part = replace(tools, batcher=InPart(tools.batcher))
    first = replace(await put("a.txt", TEXT), tools=in_part)
    await first.index()
    async with tools.sessions.begin() as session:  # a new version with the same text
        await session.execute(
            update(Document)
            .where(Document.dataset_id == first.home.dataset_id)
            .values(live_fingerprint="of an older parser")
        )
    news = first.home.change("a.txt", etag="e2", minute=1)
    [job_id] = (await apply(tools.sessions, news)).values()
    assert job_id is not None
    renewed = await replace(first, tools=tools).run(job_id)
    document = await document_of(tools.sessions, first.home, "a.txt")
    forget_recent(tools)
    other = await (await put("b.txt", TEXT, tenant_id=first.home.tenant_id)).index()

    assert (renewed.tokens, renewed.chunks_embedded) == (0, 0)
    assert "chunks_cut" in document.warnings
    assert other.chunks_reused == 0


async def test_what_was_paid_is_written_down_also_by_who_lost_the_job(
    put: Any, tools: Tools
) -> None:
    first = await put("a.txt", TEXT)
    batcher = Batcher(tools.batcher._embedder)  # one that writes down nothing
    stolen = Stolen(batcher, tools.sessions)

    attempt = await replace(first, tools=replace(tools, batcher=stolen)).index()

    spent = await usage_of(tools, first)
    assert attempt.outcome != Outcome.COMPLETED
    assert sum(each.tokens for each in spent) == attempt.tokens > 0


class Silent(VectorStore):
    """Writes, and counts wrongly, so that an attempt ends before its switch."""

    def __init__(self, real: VectorStore) -> None:
        self.__dict__.update(vars(real))

    async def count(self, space: str, **_: Any) -> int:
        return 0


class InPart(Batcher):
    """Takes a text only in part."""

    def __init__(self, real: Batcher) -> None:
        self.__dict__.update(vars(real))

    async def embed(self, payer: Payer, texts: Sequence[str]) -> EmbeddedShare:
        share = await super().embed(payer, texts)
        return replace(share, cut=list(range(len(texts))))


class Stolen(Batcher):
    """Embeds, while somebody else takes the job."""

    def __init__(self, real: Batcher, sessions: Sessions) -> None:
        self.__dict__.update(vars(real))
        self._sessions = sessions

    async def embed(self, payer: Payer, texts: Sequence[str]) -> EmbeddedShare:
        share = await super().embed(payer, texts)
        async with self._sessions.begin() as session:
            await session.execute(
                update(Job).where(Job.id == payer.job).values(fence=Job.fence + 1)
            )
        return share


class StuckVectors(VectorStore):
    """Reads, and never comes back from a write."""

    def __init__(self, real: VectorStore) -> None:
        self.__dict__.update(vars(real))
        self.writing = asyncio.Event()

    async def write(self, space: str, rows: Sequence[Row]) -> None:
        self.writing.set()
        await asyncio.Event().wait()


async def test_what_is_paid_is_written_down_before_the_attempt_ends(put: Any, tools: Tools) -> None:
    stuck = StuckVectors(tools.vectors)
    indexed = replace(await put("a.txt", TEXT), tools=replace(tools, vectors=stuck))
    job_id = await indexed.tell()

    attempt = asyncio.create_task(indexed.run(job_id))
    await stuck.writing.wait()
    while not (spent := await usage_of(tools, indexed)):  # noqa: ASYNC110 - a row
        await asyncio.sleep(0.02)
    attempt.cancel()

    assert sum(each.tokens for each in spent) > 0
    assert {each.job_id for each in spent} == {job_id}
