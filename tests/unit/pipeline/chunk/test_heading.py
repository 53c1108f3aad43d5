"""The heading strategy: chunks that follow the structure of a document."""

from pipeline.chunk import ChunkSettings
from pipeline.document import Block, BlockKind, Position
from unit.pipeline.chunk.documents import canonical, chunks_of

CHOSEN = ChunkSettings("heading", 200, 20)
PROSE = "A sentence of some length stands here. " * 3
LONG = "A sentence of some length stands here. " * 20
H, P = BlockKind.HEADING, BlockKind.PARAGRAPH


def document(*parts: tuple[BlockKind, str, tuple[str, ...]], page: int = 1) -> list[Block]:
    blocks: list[Block] = []
    end = 0
    for kind, text, path in parts:
        separator = "\n\n" if blocks else ""
        start = end + len(separator)
        blocks.append(Block(text.strip(), kind, start, separator, path, Position(page=page)))
        end = blocks[-1].char_end
    return blocks


def test_a_long_section_is_cut_by_itself() -> None:
    blocks = document(
        (H, "One", ("One",)), (P, LONG, ("One",)), (H, "Two", ("Two",)), (P, LONG, ("Two",))
    )

    chunks = chunks_of(blocks, CHOSEN)

    border = canonical(blocks).index("Two")
    assert len(chunks) > 6
    assert all(chunk.char_end <= border or chunk.char_start >= border for chunk in chunks)
    assert {chunk.heading_path for chunk in chunks} == {("One",), ("Two",)}


def test_small_sections_of_one_parent_share_a_chunk_that_carries_the_parents_headings() -> None:
    blocks = document(
        (H, "Colours", ("Top", "Colours")),
        (P, "Red.", ("Top", "Colours")),
        (H, "Sounds", ("Top", "Sounds")),
        (P, "Loud.", ("Top", "Sounds")),
    )

    [chunk] = chunks_of(blocks, CHOSEN)

    assert chunk.text == canonical(blocks)
    assert chunk.heading_path == ("Top",)


def test_small_sections_of_different_parents_stay_apart() -> None:
    blocks = document((P, "Red.", ("A", "Colours")), (P, "Loud.", ("B", "Sounds")))

    assert [chunk.text for chunk in chunks_of(blocks, CHOSEN)] == ["Red.", "Loud."]


def test_a_heading_with_nothing_under_it_joins_the_section_below() -> None:
    blocks = document((H, "Top", ("Top",)), (H, "In", ("Top", "In")), (P, PROSE, ("Top", "In")))

    [chunk] = chunks_of(blocks, CHOSEN)

    assert chunk.text.startswith("Top")
    assert chunk.heading_path == ("Top", "In")


def test_one_more_section_moves_the_chunks_near_it_and_no_others() -> None:
    def sections(numbers: list[int]) -> list[Block]:
        return document(
            *((P, f"Section {n} is rather short.", ("Top", f"No. {n}")) for n in numbers)
        )

    before = {chunk.text for chunk in chunks_of(sections(list(range(1, 200))), CHOSEN)}
    after = [chunk.text for chunk in chunks_of(sections(list(range(200))), CHOSEN)]

    assert len(before) > 30
    assert sum(text not in before for text in after) < 8
