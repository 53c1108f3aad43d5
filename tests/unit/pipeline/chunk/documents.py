"""Documents for tests of chunking strategies, and chunking them without an embedder."""

import hashlib
from collections.abc import Callable, Sequence
from random import Random

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.chunk.registry import AskingChunker
from pipeline.document import Block, BlockKind, Chunk, Position

Vectors = Callable[[str], Sequence[float]]

SCRAPS = [
    *[
        "word",
        "is",
        "Another sentence. ",
        " ",
        " ",
        "\n",
        "\n\n",
        "漢字",
        "。",
        "e\u0301",
        "1234567",
    ],
    *["👩‍👩‍👧‍👦", "🇳🇴", "क्षि", " \u0301", " " * 70, "x" * 90, "한국어 ", "!?—", "\u200d", "\t"],
]
KINDS = [BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.ROW, BlockKind.LIST_ITEM]
PATHS = [(), ("A",), ("A", "B"), ("A", "C"), ("A", "C", "D"), ("E",)]


def random_document(seed: int, *, blocks: int = 12, scraps: int = 60) -> list[Block]:
    """Blocks of every kind and length in many scripts, tables among them, over a few pages."""
    random = Random(seed)
    known = random.sample(SCRAPS, random.randint(2, len(SCRAPS)))
    made: list[Block] = []
    end, page, path = 0, 1, PATHS[0]
    for _ in range(random.randint(1, blocks)):
        separator = random.choice(["\n\n", "\n", " "]) if made else ""
        page += random.random() < 0.1
        path = random.choice(PATHS) if random.random() < 0.5 else path
        kind = BlockKind.TABLE if random.random() < 0.15 else random.choice(KINDS)
        text = "".join(random.choices(known, k=random.randint(1, scraps))).strip() or "a"
        if kind is BlockKind.TABLE:
            text = table(random.randint(1, 30))
        start = end + len(separator)
        made.append(Block(text, kind, start, separator, path, Position(page=page)))
        end = start + len(text)
    return made


def table(rows: int) -> str:
    lines = ["| city | people |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| town number {n} | {n * 977} |" for n in range(rows))])


def canonical(blocks: Sequence[Block]) -> str:
    return "".join(block.separator + block.text for block in blocks)


def hashed(text: str) -> list[float]:
    """A vector that says nothing, but always the same."""
    return [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:4]]


def chunks_of(
    blocks: Sequence[Block],
    chosen: ChunkSettings,
    *,
    input_tokens: int = 8_191,
    vectors: Vectors = hashed,
) -> list[Chunk]:
    chunker = chunker_for(chosen, input_tokens=input_tokens)
    chunks: list[Chunk] = []
    for block in blocks:
        chunks += chunker.feed(block)
        chunks += learnt(chunker, vectors)
    return [*chunks, *chunker.finish(), *learnt(chunker, vectors)]


def learnt(chunker: object, vectors: Vectors) -> list[Chunk]:
    chunks: list[Chunk] = []
    if isinstance(chunker, AskingChunker):
        while (texts := chunker.texts()) is not None:
            chunks += chunker.learn([vectors(text) for text in texts])
    return chunks
