"""Our reading of the files with a known answer, scored beside that of docling-rs alone."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.parse.rendering import DoclingMarkdown, markdown_of
from bench.parse.scores import Scores, scores

from pipeline.document import Block
from pipeline.errors import PipelineError
from pipeline.parse.limits import ParseLimits
from pipeline.parse.reading import Reading


@dataclass(slots=True)
class Mean:
    """Of the documents that have a score."""

    total: float = 0.0
    number: int = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.total += value
            self.number += 1

    @property
    def value(self) -> float | None:
        return self.total / self.number if self.number else None


@dataclass(slots=True)
class Quality:
    """Means over the documents of a format."""

    order: Mean = field(default_factory=Mean)
    tables: Mean = field(default_factory=Mean)
    headings: Mean = field(default_factory=Mean)

    def add(self, found: Scores) -> None:
        self.order.add(found.order)
        self.tables.add(found.tables)
        self.headings.add(found.headings)


@dataclass(slots=True)
class Standing:
    """One format: ours, docling-rs's, and what ours took."""

    ours: Quality = field(default_factory=Quality)
    theirs: Quality = field(default_factory=Quality)
    documents: int = 0
    failed: int = 0
    pages: int = 0
    cpu_seconds: float = 0.0


def pairs_in(corpus: Path) -> Iterator[tuple[Path, Path]]:
    """(file, its known answer): folders `sources` and `groundtruth` that stand side by side."""
    for truths in sorted(corpus.rglob("groundtruth")):
        for truth in sorted(truths.glob("*.md")):
            sources = truths.parent / "sources"
            named = sources / truth.stem
            found = named if named.is_file() else sources / f"{truth.stem}.pdf"
            if found.is_file():
                yield found, truth


def standings(corpus: Path, *, each: bool = False) -> dict[str, Standing]:
    """By the suffix of the files; `each` prints the scores of every document."""
    found: dict[str, Standing] = {}
    docling = DoclingMarkdown()
    for path, truth in pairs_in(corpus):
        standing = found.setdefault(path.suffix.removeprefix(".").lower(), Standing())
        expected = truth.read_text("utf-8")
        read_in_process(path)  # libraries load, pages come into the system's cache
        begun = time.process_time()
        blocks, pages = read_in_process(path)
        standing.cpu_seconds += time.process_time() - begun
        standing.pages += pages
        standing.documents += 1
        standing.failed += not blocks
        ours, theirs = scores(markdown_of(blocks), expected), scores(docling.of(path), expected)
        standing.ours.add(ours)
        standing.theirs.add(theirs)
        if each:
            print(f"  {path.name:50} {_line(ours)}   docling-rs {_line(theirs)}")
    return found


def read_in_process(path: Path) -> tuple[list[Block], int]:
    """Blocks and pages; nothing of a file that cannot be read."""
    with tempfile.TemporaryDirectory(prefix="sluice-parse-") as scratch:
        reading = Reading(
            path,
            file_name=path.name,
            content_type=None,
            limits=ParseLimits(),
            scratch=Path(scratch),
        )
        try:
            return list(reading), reading.summary.page_count or 0
        except PipelineError:
            return [], 0


def _line(found: Scores) -> str:
    values = (found.order, found.tables, found.headings)
    return " / ".join("   -" if value is None else f"{value:.3f}" for value in values)
