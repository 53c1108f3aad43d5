"""Every file of a folder through the real parser children and a chunker: is what comes out right?

    make bench-alone NAME=corpus ARGS='/path/to/files --report files.tsv'

A file ends well (it has text, or a warning says why not) or with one of the documented codes;
anything else, and every broken promise, is a fault and counted as one: a chunk that is not the
canonical text between its offsets, a position that cannot be. PDFs and images are left out unless
`--all` is given: they take the most time, and `bench/parse` judges them.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, Chunk, ParseSummary, Position
from pipeline.errors import PermanentError, PipelineError
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import named_type
from pipeline.parse.pool import ParserPool

LEFT_OUT = {".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif"}
LIMITS = ParseLimits(wall_seconds=300)


@dataclass(slots=True)
class Outcome:
    """What one file came to."""

    path: Path
    media_type: str = ""
    code: str = "ok"
    is_fault: bool = False
    seconds: float = 0.0
    chars: int = 0
    chunks: int = 0
    warnings: tuple[str, ...] = ()
    kinds: Counter[str] = field(default_factory=Counter)


async def judge(pool: ParserPool, path: Path) -> Outcome:
    """One file; never raises for what a file can do."""
    outcome = Outcome(path)
    begun = time.monotonic()
    blocks: list[Block] = []
    try:
        async with pool.parse(path, file_name=path.name, content_type=None) as parsing:
            async for batch in parsing:
                blocks += batch
        summary = parsing.summary
    except PipelineError as error:
        named = named_type(path.name, None)
        outcome.media_type = named.value if named else "?"
        outcome.code, outcome.is_fault = error.code, not isinstance(error, PermanentError)
        return outcome
    finally:
        outcome.seconds = time.monotonic() - begun
    outcome.media_type, outcome.warnings = summary.media_type, summary.warnings
    outcome.kinds.update(block.kind.value for block in blocks)
    chunks = _chunks(blocks)
    outcome.chars, outcome.chunks = summary.char_count, len(chunks)
    faults = [*_faults_of_blocks(blocks, summary), *_faults_of_chunks(chunks, blocks)]
    if faults:
        outcome.code, outcome.is_fault = faults[0], True
    elif not blocks:
        outcome.code = "empty"
    return outcome


def _chunks(blocks: list[Block]) -> list[Chunk]:
    chunker = chunker_for(ChunkSettings())
    return [*(chunk for block in blocks for chunk in chunker.feed(block)), *chunker.finish()]


def _faults_of_blocks(blocks: list[Block], summary: ParseSummary) -> Iterator[str]:
    if not blocks and not summary.warnings:
        yield "empty_in_silence"
    if blocks and blocks[-1].char_end != summary.char_count:
        yield "characters_miscounted"
    for block in blocks:
        if not _is_plausible(block.position, summary.page_count):
            yield "position_impossible"


def _faults_of_chunks(chunks: list[Chunk], blocks: list[Block]) -> Iterator[str]:
    text = "".join(part for block in blocks for part in (block.separator, block.text))
    if bool(chunks) != bool(text.strip()):
        yield "text_without_chunks"
    covered = bytearray(len(text))
    for chunk in chunks:
        if text[chunk.char_start : chunk.char_end] != chunk.text:
            yield "offsets_wrong"
        covered[chunk.char_start : chunk.char_end] = b"\1" * (chunk.char_end - chunk.char_start)
    if any(not covered[at] and not text[at].isspace() for at in range(len(text))):
        yield "text_in_no_chunk"


def _is_plausible(position: Position, pages: int | None) -> bool:
    if position.page is not None and not 1 <= position.page <= (pages or position.page):
        return False
    if position.line is not None and position.line < 1:
        return False
    box = position.box
    return box is None or (box.left <= box.right and box.top <= box.bottom)


def report(outcomes: list[Outcome]) -> None:
    """A line a type, then every fault by name."""
    by_type: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_type[outcome.media_type].append(outcome)
    row = "{:<74}{:>6}{:>6}{:>7}{:>7}{:>10}{:>8}{:>8}".format
    print(row("type", "files", "good", "empty", "refused", "chars", "chunks", "seconds"))
    for media_type, found in sorted(by_type.items()):
        codes = Counter(outcome.code for outcome in found)
        refused = sum(o.code not in ("ok", "empty") and not o.is_fault for o in found)
        print(
            row(
                media_type,
                len(found),
                codes["ok"],
                codes["empty"],
                refused,
                sum(outcome.chars for outcome in found),
                sum(outcome.chunks for outcome in found),
                f"{sum(outcome.seconds for outcome in found):.1f}",
            )
        )
    print("codes:", dict(Counter(outcome.code for outcome in outcomes).most_common()))
    print("warnings:", dict(Counter(w for o in outcomes for w in o.warnings).most_common()))
    faults = [outcome for outcome in outcomes if outcome.is_fault]
    print(f"{len(outcomes)} files, {len(faults)} faults")
    for outcome in faults:
        print(f"  {outcome.code}  {outcome.path}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="PDFs and images too")
    parser.add_argument("--report", type=Path, help="a line a file, with tabs between")
    options = parser.parse_args()
    paths = [
        path
        for path in sorted(options.folder.rglob("*"))
        if path.is_file() and (options.all or path.suffix.lower() not in LEFT_OUT)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        pool = ParserPool(children=1, limits=LIMITS, scratch=Path(scratch))
        await pool.start()
        try:
            outcomes = [await judge(pool, path) for path in paths]
        finally:
            await pool.close()
    if options.report is not None:
        lines = (
            f"{o.path.relative_to(options.folder)}\t{o.media_type}\t{o.code}\t{o.chars}\t{o.chunks}"
            f"\t{o.seconds:.2f}\t{','.join(o.warnings)}\t{dict(o.kinds)}\n"
            for o in outcomes
        )
        options.report.write_text("".join(lines), "utf-8")
    report(outcomes)
    if any(outcome.is_fault for outcome in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    asyncio.run(main())
