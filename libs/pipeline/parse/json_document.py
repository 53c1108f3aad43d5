"""JSON of any size, read as a stream of events: a block a record, its path as heading and place.

A record is an item of the outermost array of objects, or else a branch of the outermost object. A
long record leaves in several blocks; the place of each is the innermost that holds all it says.
"""

import json
import sys
from collections.abc import Iterator
from itertools import takewhile

import ijson

from pipeline.document import BlockKind, Position
from pipeline.errors import DocumentCorrupt
from pipeline.parse.encodings import Utf8Bytes
from pipeline.parse.records import DEPTH_MAX, record_text, scalar_text
from pipeline.parse.source import Draft, Notes, Source

READ_CHARS = 64 * 1024
KEY_CHARS_MAX = 200  # in a path; some keys are documents themselves
PATH_CHARS_MAX = 1_000
RECORD_CHARS = 4_000  # a record leaves when it has as much; the next block carries on

Steps = list[str | int]


def read_json(source: Source, _notes: Notes) -> Iterator[Draft]:
    """Takes several values in a row too, for exporters that name JSON Lines `.json`.

    Raises DocumentCorrupt for what is not JSON, after the blocks that were readable.
    """
    # At an integer that Python will not convert, ijson's C code crashes now and then. Converted, it
    # costs the square of its digits, which the limits of time see to.
    sys.set_int_max_str_digits(0)
    file = Utf8Bytes(source.path)
    records = _Records()
    try:
        for event, value in ijson.basic_parse(file, multiple_values=True, buf_size=READ_CHARS):
            yield from records.take(event, value)
    except (ijson.JSONError, ValueError) as error:
        raise DocumentCorrupt("the file is not valid JSON") from error
    finally:
        file.close()
    yield from records.flush()


class _Records:
    """Where in the tree the events are, and the leaves of the record under way."""

    def __init__(self) -> None:
        self._steps: Steps = []  # of the value to come: keys, and indexes from 0
        self._record: Steps = []
        self._leaves: list[tuple[str, list[str]]] = []
        self._chars = 0
        self._place: Steps = []  # what the leaves have in common

    def take(self, event: str, value: object) -> Iterator[Draft]:
        """One event of ijson; yields the record that it ends."""
        if event == "map_key":
            self._steps[-1] = str(value)
            return
        if event in ("end_map", "end_array"):
            self._steps.pop()
            self._step_on()
        elif event in ("start_map", "start_array"):
            if len(self._steps) >= DEPTH_MAX:
                raise DocumentCorrupt(f"the file nests deeper than {DEPTH_MAX} levels")
            self._steps.append("" if event == "start_map" else 0)
        else:
            yield from self._add(scalar_text(value))
            self._step_on()
        if not self._steps:
            yield from self.flush()

    def flush(self) -> Iterator[Draft]:
        """The record under way."""
        if self._leaves:
            heading = _path(self._record)
            text = record_text((path, ", ".join(values)) for path, values in self._leaves)
            yield Draft(
                text,
                BlockKind.RECORD,
                heading_path=(heading,) if heading else (),
                position=Position(path=_json_path(self._place)),
            )
            self._leaves, self._chars = [], 0

    def _step_on(self) -> None:
        if self._steps and isinstance(self._steps[-1], int):
            self._steps[-1] += 1

    def _add(self, text: str) -> Iterator[Draft]:
        in_list = bool(self._steps) and isinstance(self._steps[-1], int)
        leaf = self._steps[:-1] if in_list else self._steps  # a list of scalars is one leaf
        record = _record_of(leaf)
        if record != self._record or self._chars > RECORD_CHARS:
            yield from self.flush()
            self._record = record
        if not text:
            return
        container = leaf[: max(len(leaf) - 1, len(record))]
        if not self._leaves:
            self._place = container
        elif container != self._place:
            self._place = _shared(self._place, container)
        # An item's own paths read better without its place in the array, which the heading names.
        is_item = bool(record) and isinstance(record[-1], int)
        path = _path(leaf[len(record) :] if is_item else leaf)
        if in_list and self._leaves and self._leaves[-1][0] == path:
            self._leaves[-1][1].append(text)
        else:
            self._leaves.append((path, [text]))
        self._chars += len(path) + len(text)


def _record_of(leaf: Steps) -> Steps:
    for at, step in enumerate(leaf):
        if isinstance(step, int):
            return leaf[: at + 1]
    return leaf[:1] if len(leaf) > 1 else []


def _path(steps: Steps) -> str:
    """`orders[3].customer.name`"""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")


def _shared(first: Steps, second: Steps) -> Steps:
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return [step for step, _ in shared]


def _json_path(steps: Steps) -> str:
    """`$.orders[3].customer`, as JSONPath has it; keys that are no names are quoted."""
    parts = ["$"]
    for step in steps:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.isidentifier():
            parts.append(f".{step[:KEY_CHARS_MAX]}")
        else:
            parts.append(f"[{json.dumps(step[:KEY_CHARS_MAX], ensure_ascii=False)}]")
    return "".join(parts)[:PATH_CHARS_MAX]
