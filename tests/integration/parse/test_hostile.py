"""Files made to hurt: each ends in a type of its own or with its text, and never in silence."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data.hostile import EMPTY, HOSTILE, LINES, MARK, NAMES, TEXT
from pipeline.document import ParseSummary
from pipeline.errors import PipelineError
from pipeline.parse.limits import MIB, ParseLimits
from pipeline.parse.pool import ParserPool

LIMITS = ParseLimits(
    memory_bytes=280 * MIB,
    wall_seconds=10,
    silence_seconds=2,
    cpu_seconds=1,
    characters_max=20_000_000,
    scratch_bytes=64 * MIB,
    unpacked_bytes=16 * MIB,
)
# What the others may end in is their parser's to say.
ENDS = {
    "bomb.docx": "too_large",
    "lying-bomb.docx": "document_corrupt",
    "overlapping-bomb.docx": "too_large",
    "nested-bomb.zip": "unsupported_type",
    "nested-bomb.docx": "unsupported_type",
    "laughs.docx": "document_corrupt",
    "flate-bomb.pdf": "parser_out_of_memory",
    "million-pages.pdf": "too_many_pages",
    "deep.json": "document_corrupt",
    "deep-objects.jsonl": "document_corrupt",
    "only-nuls.txt": "unsupported_type",
    "noise.pdf": "document_corrupt",
    "noise.docx": "document_corrupt",
    "climbing.docx": "unsupported_type",
    "page-loop.pdf": "no_text_found",
    "blank.txt": "no_text_found",
}
# What costs both time and memory without end, whichever limit is reached first.
MAY_END = {"nested-forms.pdf": ("parser_timeout", "parser_out_of_memory")}
TEXTS = {
    "large-cell.csv": "dough dough",
    "sparse.xlsx": "A: first\n\nXFD: last",
    "nuls.txt": TEXT,
    "utf-16.txt": LINES.strip(),
    "utf-16-no-mark.txt": LINES.strip(),
    "utf-32.txt": LINES.strip(),
    "utf-32-no-mark.csv": "a: first\nb: second",
    "koi8.txt": "Тесто отдыхает",
    "shift-jis.txt": "生地を三十分",
    "half-a-character.txt": TEXT,
    "mixed-line-ends.txt": "one\ntwo\nthree\nfour",
    "mixed-line-ends.csv": "a: 1\nb: 2\n\na: 3\nb: 4",
    "pdf-and-zip.pdf": TEXT,
    "zip-and-pdf.docx": TEXT,
    "pdf-in-fact.docx": TEXT,
    "docx-in-fact.pdf": TEXT,
    "html-in-fact.csv": TEXT,
    "numbers.json": "9" * 1000,
    "deep.html": TEXT,
}


@pytest.fixture(scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ParserPool]:
    """One for all: what one file does to it, the next ones would notice."""
    pool = ParserPool(children=1, limits=LIMITS, scratch=tmp_path_factory.mktemp("scratch"))
    await pool.start()
    yield pool
    await pool.close()


async def read(pool: ParserPool, path: Path, name: str) -> tuple[str, ParseSummary]:
    parts: list[str] = []
    async with pool.parse(path, file_name=name, content_type=None) as parsing:
        async for blocks in parsing:
            parts += (part for block in blocks for part in (block.separator, block.text))
    return "".join(parts), parsing.summary


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_ends_in_a_type_or_with_its_text(
    pool: ParserPool, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(HOSTILE[name]())

    try:
        text, summary = await read(pool, path, name)
    except PipelineError as error:
        text, end, told = "", error.code, error.advice
    else:
        told = text or ", ".join(summary.warnings)
        end = ", ".join(summary.warnings) or "completed"

    assert told
    assert end in MAY_END.get(name, (ENDS.get(name, end),))
    assert TEXTS.get(name, "") in text
    assert MARK not in text


@pytest.mark.parametrize("name", EMPTY)
async def test_an_empty_file_of_any_name_completes_and_says_so(
    pool: ParserPool, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "file"
    path.touch()

    text, summary = await read(pool, path, name)

    assert (text, summary.warnings) == ("", ("empty_file",))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_is_only_a_name(pool: ParserPool, tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_text(LINES, "utf-8")

    text, _ = await read(pool, path, name)

    assert text == LINES
