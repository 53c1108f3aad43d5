"""What a dataset chose about its chunks, from its row to the rows of the index."""

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from db.models import Dataset, Document, Outcome
from pipeline.analysis import analyse_query
from pipeline.fingerprint import content_hash
from pipeline.tools import Tools
from support.catalog import document_of
from support.indexed import put, tools
from support.payers import payer
from support.rows import a_row

__all__ = ["put", "tools"]  # fixtures, taken over

SENTENCES = [f"This is sentence number {n}, and it speaks of one thing." for n in range(120)]
PROSE = " ".join(SENTENCES)
SECTIONS = "\n\n".join(
    f"# Part {n}\n\n{' '.join(SENTENCES[n * 30 : n * 30 + 30])}" for n in range(4)
)


async def test_with_a_heading_prefix_what_is_hashed_has_the_headings_and_what_is_shown_not(
    put: Any,
) -> None:
    dataset = await put(
        "a.md", SECTIONS, chunk_strategy="heading", chunk_size=500, chunk_heading_prefix=True
    )

    await dataset.index()

    rows = await dataset.rows()
    assert {row.heading_path for row in rows} == {(f"Part {n}",) for n in range(4)}
    for row in rows:
        context = f"{row.heading_path[0]}\n"
        assert row.metadata == {"context": context}
        assert row.content_hash == content_hash(context + row.text)
        assert len(row.text) == row.char_end - row.char_start <= 500


async def test_passages_that_decide_where_semantic_chunks_end_are_counted_as_paid(
    put: Any,
) -> None:
    dataset = await put("a.txt", PROSE, chunk_strategy="semantic", chunk_overlap=0)

    attempt = await dataset.index()

    rows = await dataset.rows()
    assert " ".join(row.text for row in rows) == PROSE
    in_chunks = sum(-(-len(row.text.encode()) // 4) for row in rows)  # as the server counts
    assert in_chunks * 1.9 < attempt.tokens < in_chunks * 2.3


async def test_an_attempt_that_resumes_with_other_cuts_replaces_what_differs(
    put: Any, tools: Tools
) -> None:
    chosen = {"chunk_strategy": "semantic", "chunk_overlap": 0}
    quiet, resumed = await put("a.txt", PROSE, **chosen), await put("a.txt", PROSE, **chosen)
    await quiet.index()
    expected, count = await quiet.rows(), len(await quiet.rows())
    done = await document_of(tools.sessions, quiet.home)
    # As if an attempt had died that had cut otherwise from the second chunk on.
    job_id = await resumed.tell()
    async with tools.sessions.begin() as session:
        await session.execute(
            update(Document)
            .where(Document.dataset_id == resumed.home.dataset_id)
            .values(
                generation=done.live_generation,
                building_etag=done.live_etag,
                building_fingerprint=done.live_fingerprint,
            )
        )
    found = await document_of(tools.sessions, resumed.home)
    vector = (await tools.batcher.embed(payer("a test"), ["anything"])).vectors[0]
    first = expected[0]
    rows = [
        a_row(0, text=first.text, content_hash=first.content_hash, char_start=first.char_start),
        a_row(1, text="Cut otherwise."),
        a_row(count, text="One too many."),
    ]
    owner: dict[str, Any] = {
        "dataset": str(found.dataset_id),
        "document": str(found.id),
        "dense": vector,
    }
    await tools.vectors.write(tools.model.space, [replace(row, **owner) for row in rows])

    attempt = await resumed.run(job_id)

    assert attempt.outcome == Outcome.COMPLETED
    assert (attempt.chunks_embedded, attempt.chunks_reused) == (count - 1, 1)
    assert [row.text for row in await resumed.rows()] == [row.text for row in expected]


async def test_words_are_stored_in_the_forms_of_their_language_and_the_dataset_knows_it(
    put: Any, tools: Tools
) -> None:
    text = "Die Häuser der Stadt sind alt, und sie werden nicht gestrichen."
    dataset = await put("a.txt", text, chunk_size=1000)

    await dataset.index()

    async with tools.sessions() as session:
        found = await session.get_one(Dataset, dataset.home.dataset_id)
    rows = await tools.vectors.search_keyword(
        tools.model.space,
        tenant=str(found.tenant_id),
        datasets=[str(found.id)],
        query_tokens=analyse_query("Haus", found.languages),
        limit=5,
    )
    assert found.languages == ["de"]
    assert len(rows) == 1
