"""What an edit changes: the chunks that stand around it, wherever the rest of the text moves."""

from collections.abc import Callable
from random import Random

import pytest

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind

CHUNKS = 100
# What one paragraph's edit may change, and how much some need: one in seventy over real texts.
CHANGED = 3
CHANGED_MAX = 5


def chunks_of(text: str) -> list[str]:
    chunker = chunker_for(ChunkSettings())
    block = Block(text, BlockKind.PARAGRAPH, 0, "")
    return [chunk.text for chunk in [*chunker.feed(block), *chunker.finish()]]


def words(random: Random, count: int) -> str:
    """Words of two to ten letters; the alphabet is large enough that none comes twice by chance."""
    return " ".join(
        "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 10)))
        for _ in range(count)
    )


def prose(random: Random, length: int) -> str:
    text = ""
    while len(text) < length:
        text += words(random, random.randint(5, 25)).capitalize() + ". "
    return text.strip()


def paragraphs(random: Random) -> list[str]:
    return [prose(random, int(40 * 50 ** random.random())) for _ in range(180)]


def short_paragraphs(random: Random) -> list[str]:
    return [prose(random, random.randint(60, 400)) for _ in range(330)]


def long_paragraphs(random: Random) -> list[str]:
    return [prose(random, random.randint(2_000, 8_000)) for _ in range(16)]


def log_lines(random: Random) -> list[str]:
    return [words(random, random.randint(5, 15)) for _ in range(1_000)]


def without_blanks(random: Random) -> list[str]:
    alphabet = [chr(code) for code in range(0x4E00, 0x4F00)]
    return ["".join(random.choices(alphabet, k=random.randint(5, 60))) for _ in range(2_600)]


TEXTS = {
    "paragraphs": (paragraphs, "\n\n"),
    "short paragraphs": (short_paragraphs, "\n\n"),
    "long paragraphs": (long_paragraphs, "\n\n"),
    "lines": (log_lines, "\n"),
    "one line of words": (log_lines, " "),
    "script without blanks": (without_blanks, "。"),
}

Edit = Callable[[Random, str], list[str]]


def change_a_word(random: Random, paragraph: str) -> list[str]:
    at = random.randrange(len(paragraph))
    return [paragraph[:at] + words(random, 1) + paragraph[at + 5 :]]


def add_a_sentence(random: Random, paragraph: str) -> list[str]:
    at = random.randrange(len(paragraph))
    return [paragraph[:at] + " " + prose(random, 80) + " " + paragraph[at:]]


def rewrite_longer(random: Random, paragraph: str) -> list[str]:
    return [prose(random, min(1_000, len(paragraph) * 3 // 2))]


def insert_another(random: Random, paragraph: str) -> list[str]:
    return [prose(random, random.randint(50, 500)), paragraph]


def delete_it(_random: Random, _paragraph: str) -> list[str]:
    return []


EDITS: list[Edit] = [change_a_word, add_a_sentence, rewrite_longer, insert_another, delete_it]


@pytest.mark.parametrize("kind", TEXTS)
def test_an_edit_of_a_paragraph_changes_a_few_chunks_and_no_more(kind: str) -> None:
    make, separator = TEXTS[kind]
    random = Random(3)
    written = make(random)
    before = chunks_of(separator.join(written))
    known = set(before)

    changed = []
    for edit in EDITS:
        for _ in range(10):
            at = random.choice([i for i, piece in enumerate(written) if len(piece) <= 8_000])
            edited = [*written[:at], *edit(random, written[at]), *written[at + 1 :]]
            after = chunks_of(separator.join(edited))
            changed.append(sum(chunk not in known for chunk in after))

    assert len(before) > CHUNKS
    assert max(changed) <= CHANGED_MAX
    assert sum(count > CHANGED for count in changed) <= len(changed) * 0.1


def test_chunks_are_filled_nearly_as_well_as_if_no_edit_ever_came() -> None:
    random = Random(4)
    text = "\n\n".join(paragraphs(random))

    chunks = chunks_of(text)

    assert len(text) / len(chunks) > 600
