"""JSON Lines of any size: a record a line, with its line number.

A line that is no JSON is text that somebody wrote all the same, so it can be found too.
"""

from collections.abc import Iterator

import orjson

from pipeline.document import BlockKind, Position
from pipeline.errors import DocumentCorrupt
from pipeline.parse.encodings import lines
from pipeline.parse.records import leaves, record_text
from pipeline.parse.source import Draft, Notes, Source


def read_json_lines(source: Source, notes: Notes) -> Iterator[Draft]:
    """Lines that are not JSON are taken as text with a warning; DocumentCorrupt if all are."""
    valid = invalid = 0
    for number, line in enumerate(lines(source.path), start=1):
        text = line.strip()
        if not text:
            continue
        try:
            value = orjson.loads(text.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            invalid += 1
            yield Draft(text, position=Position(line=number))
            continue
        valid += 1
        yield Draft(record_text(leaves(value)), BlockKind.RECORD, position=Position(line=number))
    if invalid:
        if not valid:
            raise DocumentCorrupt("no line of the file is valid JSON")
        notes.warn("invalid_lines")
