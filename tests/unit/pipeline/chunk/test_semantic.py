"""The semantic strategy: cuts where the subject changes."""

import asyncio
from collections.abc import Sequence
from random import Random

from pipeline.chunk import ChunkSettings, ChunkStream, chunker_for
from pipeline.document import Block, BlockKind
from unit.pipeline.chunk.documents import chunks_of

SUBJECTS = {
    "sea": ["wave", "tide", "harbour", "ship", "sailor", "anchor", "storm", "reef", "gull", "keel"],
    "bread": ["flour", "yeast", "dough", "oven", "crust", "loaf", "baker", "rye", "butter", "salt"],
    "law": ["court", "judge", "clause", "appeal", "verdict", "statute", "oath", "brief", "writ"],
}
CHOSEN = ChunkSettings("semantic", 1_000, 0)


def about(subject: str, random: Random, sentences: int) -> str:
    said = [" ".join(random.choices(SUBJECTS[subject], k=9)) for _ in range(sentences)]
    return " ".join(words.capitalize() + "." for words in said)


def bag_of_words(text: str) -> list[float]:
    """One dimension a subject, and one for all else."""
    words = text.lower().replace(".", "").split()
    return [sum(word in known for word in words) + 0.1 for known in SUBJECTS.values()]


def paragraph(text: str) -> list[Block]:
    return [Block(text, BlockKind.PARAGRAPH, 0, "")]


def test_a_text_is_cut_where_its_subject_changes_and_nowhere_near() -> None:
    random = Random(1)
    parts = [about(subject, random, 9) for subject in ("sea", "bread", "law", "bread", "sea")]
    text = " ".join(parts)

    chunks = chunks_of(paragraph(text), CHOSEN, vectors=bag_of_words)

    ends = [sum(map(len, parts[:n])) + n - 1 for n in range(1, len(parts))]
    cuts = [chunk.char_end for chunk in chunks[:-1]]
    assert len(chunks) == len(parts)
    # A passage of a few sentences may stand across the change.
    assert max(abs(end - cut) for end, cut in zip(ends, cuts, strict=True)) <= 150


def test_a_text_of_one_subject_that_fits_is_one_chunk() -> None:
    text = about("sea", Random(2), 12)

    assert len(chunks_of(paragraph(text), CHOSEN, vectors=lambda _: [1.0, 0.0])) == 1


def test_where_everything_is_alike_sizes_decide() -> None:
    text = about("sea", Random(3), 300)

    chunks = chunks_of(paragraph(text), CHOSEN, vectors=lambda _: [1.0, 0.0])

    assert max(len(chunk.text) for chunk in chunks) <= 1_000
    assert len(text) / len(chunks) > 500


def test_rounding_of_another_call_changes_nothing_to_speak_of() -> None:
    random = Random(4)
    text = " ".join(about(random.choice(list(SUBJECTS)), random, 4) for _ in range(60))
    noise = Random(5)

    def rounded_otherwise(passage: str) -> list[float]:
        return [value * (1 + noise.uniform(-1e-7, 1e-7)) for value in bag_of_words(passage)]

    exact = chunks_of(paragraph(text), CHOSEN, vectors=bag_of_words)
    other = chunks_of(paragraph(text), CHOSEN, vectors=rounded_otherwise)

    assert [chunk.text for chunk in other] == [chunk.text for chunk in exact]


def test_an_edit_changes_the_chunks_around_it_alone() -> None:
    random = Random(6)
    parts = [about(random.choice(list(SUBJECTS)), random, 5) for _ in range(120)]
    before = {
        c.text for c in chunks_of(paragraph("\n\n".join(parts)), CHOSEN, vectors=bag_of_words)
    }

    parts[40] = about("law", random, 3)
    after = chunks_of(paragraph("\n\n".join(parts)), CHOSEN, vectors=bag_of_words)

    assert len(after) > 50
    assert 0 < sum(chunk.text not in before for chunk in after) <= 12


async def test_vectors_are_asked_for_in_bounded_calls_while_the_document_is_read() -> None:
    calls: list[int] = []

    async def embed(texts: list[str]) -> Sequence[Sequence[float]]:
        await asyncio.sleep(0)
        calls.append(len(texts))
        return [bag_of_words(text) for text in texts]

    stream = ChunkStream(chunker_for(CHOSEN), embed)
    text = about("bread", Random(7), 1_200)

    early = await stream.feed(paragraph(text))
    asked_before_the_end = sum(calls)
    late = await stream.finish()

    assert early
    assert late[-1].char_end == len(text)
    assert asked_before_the_end > 100
    assert max(calls) <= 100


def test_overlap_repeats_whole_sentences() -> None:
    text = about("sea", Random(8), 200)

    first, second, *_ = chunks_of(paragraph(text), ChunkSettings("semantic", 1_000, 200))

    repeated = text[second.char_start : first.char_end]
    assert 0 < len(repeated) <= 200
    assert repeated.endswith(".")
    assert repeated[0].isupper()
