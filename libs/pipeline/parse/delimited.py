"""CSV and its kin of any size: a block a row, written as `column: value`, with its line."""

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from pipeline.errors import DocumentCorrupt
from pipeline.parse.encodings import lines
from pipeline.parse.media_types import MediaType
from pipeline.parse.rows import row_drafts
from pipeline.parse.source import Draft, Notes, Source

DELIMITERS = ",;\t|"
SNIFFED_LINES = 50
FIELD_CHARS_MAX = 16 * 1024 * 1024  # an unclosed quote swallows the file up to here


class RowReader(Protocol):
    """What `csv.reader` makes; the module names no such type in Python 3.11."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def read_delimited(source: Source, _notes: Notes) -> Iterator[Draft]:
    """The first row names the columns, unless it looks like data. Raises DocumentCorrupt for a
    quote that is never closed."""
    first = list(islice(lines(source.path), SNIFFED_LINES))
    preferred = "\t" if source.media_type is MediaType.TSV else ","
    delimiter = delimiter_of(first, preferred=preferred)
    csv.field_size_limit(FIELD_CHARS_MAX)
    reader = csv.reader(lines(source.path), delimiter=delimiter)
    try:
        yield from row_drafts(_numbered(reader))
    except csv.Error as error:
        raise DocumentCorrupt("the rows of the table cannot be told apart") from error


def _numbered(reader: RowReader) -> Iterator[tuple[int, list[str]]]:
    """The rows that say anything, with the line each starts in."""
    line = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield line, row
        line = reader.line_num + 1


def delimiter_of(sample: list[str], *, preferred: str) -> str:
    """The one that gives the most rows of one width; `preferred` if none gives two columns."""
    best, best_score = preferred, 0.0
    for delimiter in sorted(DELIMITERS, key=lambda candidate: candidate != preferred):
        try:
            widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
        except csv.Error:
            continue
        wide = Counter({width: rows for width, rows in widths.items() if width > 1})
        if not wide:
            continue
        _, rows = wide.most_common(1)[0]
        score = rows / widths.total()
        if score > best_score:
            best, best_score = delimiter, score
    return best
