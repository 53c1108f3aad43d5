"""The index on a real Milvus Lite server."""

import asyncio

import pytest

from pipeline.document import Box, Position
from pipeline.filters import parse
from pipeline.settings import VectorStoreSettings
from pipeline.store.rows import TEXT_BYTES_MAX, row_id, row_identity
from pipeline.store.vector_errors import RowRejected, VectorStoreMisconfigured
from pipeline.store.vectors import VectorStore
from support.rows import DIMENSIONS, a_row, rows

DOCUMENT = "01a20a6e-107f-7db3-b47d-f05e60c5c91f"
SPACE = "space"
OWNER = {"dataset": "dataset", "document": "document"}


async def test_a_space_that_nothing_was_written_to_reads_as_empty(vectors: VectorStore) -> None:
    found = await vectors.search_dense(
        SPACE, tenant="tenant", datasets=["dataset"], vector=[1.0] * DIMENSIONS, limit=5
    )

    assert found == []
    assert await vectors.count(SPACE, **OWNER, generation=1) == 0
    assert set(await vectors.present_ordinals(SPACE, **OWNER, generation=1)) == set()
    assert [item async for item in vectors.generations(SPACE)] == []
    await vectors.delete_document(SPACE, **OWNER)
    assert await vectors.fetch(SPACE, [row_id("document", 1, 0)]) == []


async def test_a_row_reads_back_as_it_was_written(vectors: VectorStore) -> None:
    row = a_row(
        3,
        text='Zahlen: "42"\n\\ und 東京',
        heading_path=("Kapitel 1", "Größe"),
        position=Position(
            page=2,
            sheet="Blatt",
            line=7,
            box=Box(1.5, 2.25, 3.125, 4),
            line_end=9,
            attachment="Größen.xlsx",
            path='$["a key"]',
        ),
        metadata={"media_type": "application/pdf", "pages": 9},
    )

    await vectors.write(SPACE, [row])
    [found] = await vectors.fetch(SPACE, [row.id])

    assert found.text == row.text
    assert found.heading_path == row.heading_path
    assert found.position == row.position
    assert found.metadata == row.metadata
    assert (found.document, found.generation, found.ordinal) == ("document", 1, 3)
    assert (found.char_start, found.char_end) == (row.char_start, row.char_end)


async def test_a_row_without_words_or_position_is_stored_and_found_by_its_vector(
    vectors: VectorStore,
) -> None:
    row = a_row(0, text="?!")

    await vectors.write(SPACE, [row])
    [hit] = await vectors.search_dense(
        SPACE, tenant="tenant", datasets=["dataset"], vector=row.dense, limit=5
    )

    [found] = await vectors.fetch(SPACE, [hit.id])
    assert row.tokens == ""
    assert found.position == Position()
    assert hit.score == pytest.approx(1.0, abs=1e-3)


async def test_a_search_that_the_server_refuses_says_so_and_is_not_empty(
    vectors: VectorStore,
) -> None:
    await vectors.write(SPACE, [a_row(0)])

    with pytest.raises(VectorStoreMisconfigured, match="dimensions"):
        await vectors.search_dense(
            SPACE, tenant="tenant", datasets=["dataset"], vector=[1.0] * (DIMENSIONS + 1), limit=5
        )


async def test_a_space_exists_once_it_was_written_to(vectors: VectorStore) -> None:
    before = await vectors.exists(SPACE)
    await vectors.write(SPACE, [a_row(0)])

    assert (before, await vectors.exists(SPACE)) == (False, True)


async def test_writing_the_same_rows_twice_stores_them_once(vectors: VectorStore) -> None:
    await vectors.write(SPACE, rows(range(40)))

    await vectors.write(SPACE, rows(range(40)))

    assert await vectors.count(SPACE, **OWNER, generation=1) == 40
    [stored] = [item async for item in vectors.generations(SPACE)]
    assert stored.rows == 40


async def test_a_retry_learns_which_ordinals_are_missing(vectors: VectorStore) -> None:
    await vectors.write(SPACE, rows([0, 1, 5, 40_000]))
    await vectors.write(SPACE, rows([2], generation=2))
    await vectors.write(SPACE, rows([3], document="another"))

    present = await vectors.present_ordinals(SPACE, **OWNER, generation=1)

    assert set(present) == {0, 1, 5, 40_000}


async def test_vectors_of_unchanged_text_come_back_by_hash(vectors: VectorStore) -> None:
    written = rows(range(3))
    await vectors.write(SPACE, written)

    found, _ = await vectors.vectors_by_hash(
        SPACE, **OWNER, generation=1, hashes=["hash-2", "hash-0", "unknown"]
    )

    assert set(found) == {"hash-0", "hash-2"}
    assert found["hash-2"] == pytest.approx(list(written[2].dense), rel=1e-6)


async def test_what_was_half_built_goes_without_what_is_live(vectors: VectorStore) -> None:
    for generation in (1, 2, 3):
        await vectors.write(SPACE, rows(range(4), generation=generation))

    await vectors.delete_generations(
        SPACE, dataset="dataset", document="document", above=2, below=4
    )

    assert [i.generation async for i in vectors.generations(SPACE)] == [1, 2]


async def test_a_purge_leaves_the_live_generation_and_other_documents(
    vectors: VectorStore,
) -> None:
    for generation in (1, 2, 3):
        await vectors.write(SPACE, rows(range(4), generation=generation))
    await vectors.write(SPACE, rows(range(4), document="another"))

    await vectors.delete_generations(SPACE, dataset="dataset", document="document", below=3)

    left = [(i.document, i.generation, i.rows) async for i in vectors.generations(SPACE)]
    assert sorted(left) == [("another", 1, 4), ("document", 3, 4)]


async def test_stored_rows_can_be_told_from_others_of_the_same_ordinal(
    vectors: VectorStore,
) -> None:
    written = rows(range(2))
    await vectors.write(SPACE, written)

    present = await vectors.present_rows(SPACE, **OWNER, generation=1)

    assert present == {
        row.ordinal: row_identity(row.content_hash, row.char_start) for row in written
    }


async def test_what_stands_behind_the_last_chunk_can_be_removed(vectors: VectorStore) -> None:
    await vectors.write(SPACE, rows(range(4)))
    await vectors.write(SPACE, rows(range(4), generation=2))

    await vectors.delete_rows(SPACE, **OWNER, generation=2, first=1)

    left = [(i.generation, i.rows) async for i in vectors.generations(SPACE)]
    assert left == [(1, 4), (2, 1)]


async def test_a_deleted_document_or_dataset_leaves_no_row(vectors: VectorStore) -> None:
    await vectors.write(SPACE, rows(range(4)))
    await vectors.write(SPACE, rows(range(4), document="another"))
    await vectors.write(SPACE, rows(range(4), dataset="kept"))

    await vectors.delete_document(SPACE, **OWNER)
    after_document = [i.document async for i in vectors.generations(SPACE) if i.dataset != "kept"]
    await vectors.delete_dataset(SPACE, dataset="dataset")

    assert after_document == ["another"]
    assert [item.dataset async for item in vectors.generations(SPACE)] == ["kept"]


async def test_the_audit_counts_each_document_across_pages(
    vectors: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.vector_reader.AUDIT_PAGE_ROWS", 7)
    for document, count in (("a", 20), ("b", 1), ("c", 7)):
        await vectors.write(SPACE, rows(range(count), document=document))

    found = [item async for item in vectors.generations(SPACE)]
    resumed = [item async for item in vectors.generations(SPACE, after=found[0].last_id)]

    assert {item.document: item.rows for item in found} == {"a": 20, "b": 1, "c": 7}
    assert resumed == found[1:]


async def test_search_stays_within_tenant_and_datasets(vectors: VectorStore) -> None:
    await vectors.write(SPACE, [a_row(0, text="water")])
    await vectors.write(SPACE, [a_row(0, text="water", dataset="second", document="2")])
    await vectors.write(SPACE, [a_row(0, text="water", tenant="stranger", document="3")])

    one = await vectors.search_keyword(
        SPACE, tenant="tenant", datasets=["dataset"], query_tokens="water", limit=9
    )
    two = await vectors.search_dense(
        SPACE,
        tenant="tenant",
        datasets=["dataset", "second"],
        vector=a_row(0).dense,
        limit=9,
    )
    none = await vectors.search_dense(
        SPACE, tenant="tenant", datasets=[], vector=a_row(0).dense, limit=9
    )

    assert [hit.document for hit in one] == ["document"]
    assert {hit.document for hit in two} == {"document", "2"}
    assert none == []


async def test_keyword_search_ranks_the_better_match_first_in_any_script(
    vectors: VectorStore,
) -> None:
    texts = [
        "Valves are opened by hand.",
        "The pump runs; pumps were running and the pump runs dry.",
        "One pump among many other words that say nothing about the matter at all.",
        "東京タワーは港区にあります。",
    ]
    await vectors.write(SPACE, [a_row(n, text=text) for n, text in enumerate(texts)])

    async def search(query: str) -> list[int]:
        hits = await vectors.search_keyword(
            SPACE,
            tenant="tenant",
            datasets=["dataset"],
            query_tokens=a_row(0, text=query).tokens,
            limit=9,
        )
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        return [hit.ordinal for hit in hits]

    assert await search("pump") == [1, 2]
    assert await search("東京") == [3]
    assert await search("submarine") == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, [0, 1, 2]),
        ({"page": 2}, [1]),
        ({"page": {"gte": 2}}, [1, 2]),
        ({"page": {"lte": 2}}, [1]),
        ({"file_name": {"prefix": "b"}}, [1, 2]),
        ({"file_name": {"prefix": 'b"'}}, [2]),
        ({"file_name": {"in": ["a.txt", 'b"\\.txt']}}, [0, 2]),
        ({"heading": "B"}, [1, 2]),
        ({"heading": {"in": ["A", "none"]}, "page": {"gte": 2}}, [2]),
        ({"sheet": "S", "line": {"lte": 9}, "document_id": DOCUMENT.upper()}, [0]),
        ({"attachment": "Fwd.eml/prices.json"}, [0]),
        ({"path": {"prefix": "$.orders[3]"}}, [0]),
        ({"path": {"prefix": "$.orders[4]"}}, []),
        ({"path": {"in": ["$.orders[3].items[0]", "$"]}}, [0]),
        ({"file_name": '" or tenant != "'}, []),
    ],
)
async def test_a_filter_narrows_both_kinds_of_search(
    vectors: VectorStore, raw: object, expected: list[int]
) -> None:
    await vectors.write(
        SPACE,
        [
            a_row(
                0,
                text="word",
                document=DOCUMENT,
                file_name="a.txt",
                position=Position(
                    sheet="S",
                    line=9,
                    attachment="Fwd.eml/prices.json",
                    path="$.orders[3].items[0]",
                ),
            ),
            a_row(
                1,
                text="word",
                file_name="b.txt",
                position=Position(page=2),
                heading_path=("B",),
            ),
            a_row(
                2,
                text="word",
                file_name='b"\\.txt',
                position=Position(page=3),
                heading_path=("A", "B"),
            ),
        ],
    )

    dense = await vectors.search_dense(
        SPACE,
        tenant="tenant",
        datasets=["dataset"],
        vector=a_row(0).dense,
        limit=9,
        where=parse(raw),
    )
    keyword = await vectors.search_keyword(
        SPACE,
        tenant="tenant",
        datasets=["dataset"],
        query_tokens="word",
        limit=9,
        where=parse(raw),
    )

    assert sorted(hit.ordinal for hit in dense) == expected
    assert sorted(hit.ordinal for hit in keyword) == expected


async def test_creating_a_space_many_times_at_once_is_harmless(
    vector_settings: VectorStoreSettings,
) -> None:
    async def create_and_write(ordinal: int) -> None:
        async with VectorStore.open(vector_settings) as store:
            await store.ensure(SPACE, DIMENSIONS)
            await store.write(SPACE, rows([ordinal]))

    await asyncio.gather(*(create_and_write(ordinal) for ordinal in range(6)))

    async with VectorStore.open(vector_settings) as store:
        assert await store.spaces() == [SPACE]
        assert set(await store.present_ordinals(SPACE, **OWNER, generation=1)) == set(range(6))


async def test_a_space_of_other_dimensions_is_a_setting_gone_wrong(vectors: VectorStore) -> None:
    await vectors.ensure(SPACE, DIMENSIONS)

    with pytest.raises(VectorStoreMisconfigured):
        await vectors.write(SPACE, [a_row(0, dense=[1.0] * (DIMENSIONS + 1))])


async def test_a_chunk_that_no_row_can_hold_is_the_documents_fault(vectors: VectorStore) -> None:
    longest = a_row(0, text="ü" * (TEXT_BYTES_MAX // 2))

    await vectors.write(SPACE, [longest])

    assert await vectors.count(SPACE, **OWNER, generation=1) == 1
    with pytest.raises(RowRejected):
        await vectors.write(SPACE, [a_row(1, text="ü" * (TEXT_BYTES_MAX // 2 + 1))])
