"""Walks docling's document tree in reading order and yields drafts.

Headings form the path of what follows them, list items keep their markers, table rows are written
as `column: value`. Page furniture (running heads and feet) is left out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline.document import BlockKind, Box, Position
from pipeline.parse.docling_engine import Tree
from pipeline.parse.docling_tables import table_drafts
from pipeline.parse.source import Draft

_KINDS = {
    "list_item": BlockKind.LIST_ITEM,
    "code": BlockKind.CODE,
    "caption": BlockKind.CAPTION,
    "title": BlockKind.HEADING,
    "section_header": BlockKind.HEADING,
}
_BOXES = {"checkbox_selected": "- [x] ", "checkbox_unselected": "- [ ] "}
# Of the classes of pictures those that no model has to guess.
_SAID_BY_FORMATS = re.compile(r"signature|stamp|\w+_chart")
TABLES_IN_TABLES_MAX = 4
_FURNITURE = "furniture"
_INDENT = "  "
_BEFORE_PUNCTUATION = re.compile(r" (?=[.,;:!?)](?:\s|$))")


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a format's boxes become points from the top left; None for boxes that are none."""

    points_per_unit: float | None = 1.0


class TreeWalk:
    """One pass over one tree."""

    def __init__(self, tree: Tree, geometry: Geometry, *, depth: int = 0) -> None:
        self._tree = tree
        self._depth = depth  # of the tables that this walk is a cell of
        self._geometry = geometry
        self._headings: list[tuple[int, str]] = []
        self._position = Position()
        self.seen: set[str] = set()  # what is not to be written again
        self._counted: Counter[str] = Counter()  # items of each ordered list
        self._sheet: str | None = None
        self._kind = BlockKind.PARAGRAPH  # of the draft before

    def drafts(self, root: Tree | None = None) -> Iterator[Draft]:
        """Blank ones included; the layout drops them."""
        # A stack of our own: a hostile file nests deeper than Python recurses.
        pending: list[tuple[Tree, int]] = [(root or self._tree["body"], -1)]
        while pending:
            item, depth = pending.pop()
            if item.get("content_layer") == _FURNITURE or self._seen_before(item):
                continue
            self._move_to(item)
            label = item.get("label", "")
            if label == "inline":
                self._kind = BlockKind.PARAGRAPH
                text = self._inline_text(item)
                yield Draft(text, heading_path=self._path(), position=self._position)
                continue
            if label in ("list", "ordered_list"):
                depth += 1
            yield from self._own_drafts(item, label, depth)
            references = [*item.get("captions", ()), *item.get("children", ())]
            pending.extend((self._resolve(reference), depth) for reference in reversed(references))

    def _seen_before(self, item: Tree) -> bool:
        reference = str(item.get("self_ref"))
        if reference in self.seen:
            return True
        self.seen.add(reference)
        return False

    def _resolve(self, reference: Tree) -> Tree:
        _, shelf, *index = reference["$ref"].split("/")
        found: Tree = self._tree[shelf][int(index[0])] if index else self._tree[shelf]
        return found

    def _own_drafts(self, item: Tree, label: str, depth: int) -> Iterator[Draft]:
        if shows := _shown_by(item):
            self._kind = BlockKind.CAPTION
            yield Draft(shows, self._kind, heading_path=self._path(), position=self._position)
        table = item.get("data") or _chart_of(item)
        if table is not None:
            self._kind = BlockKind.TABLE
            table = self._with_cells_of_blocks(table)
            is_sheet, in_cell = self._geometry.points_per_unit is None, self._depth > 0
            yield from table_drafts(
                table, self._path(), self._position, as_rows=is_sheet, in_cell=in_cell
            )
            return
        kind = _KINDS.get(label, BlockKind.PARAGRAPH)
        if kind is BlockKind.PARAGRAPH and _is_in_picture(item):
            kind = BlockKind.PICTURE_TEXT
        text = str(item.get("text") or "")
        if not text.strip() and label in _KINDS:
            text = self._formatted_text(item)
        if not text.strip():
            return
        if kind is BlockKind.HEADING:
            level = int(item.get("level", 0)) if label == "section_header" else 0
            self._headings = [h for h in self._headings if h[0] < level]
            self._headings.append((level, " ".join(text.split())))
        if kind is BlockKind.LIST_ITEM:
            marker = self._number(item) if item.get("enumerated") else "-"
            text = f"{_INDENT * max(depth, 0)}{marker} {text}"
        text = _BOXES.get(label, "") + text
        separator = "\n" if kind is self._kind is BlockKind.LIST_ITEM else "\n\n"
        self._kind = kind
        yield Draft(text, kind, separator, self._path(), self._position)

    def _with_cells_of_blocks(self, table: Tree) -> Tree:
        """The table with what its cells hold written out: paragraphs, lists, tables of their own.

        Such a cell's blocks stand in the tree once more, as children of the table: they are passed
        over. Tables nested beyond all measure keep the plain text of their cells.
        """
        if self._depth >= TABLES_IN_TABLES_MAX:
            return table
        return {**table, "table_cells": [self._cell(cell) for cell in table["table_cells"]]}

    def _cell(self, cell: Tree) -> Tree:
        if "ref" not in cell:
            return cell
        inside = self._resolve(cell["ref"])
        walk = TreeWalk(self._tree, self._geometry, depth=self._depth + 1)
        text = " ".join(draft.text for draft in walk.drafts(inside))
        self.seen |= walk.seen  # pictures of a cell are also listed behind the table
        return {**cell, "text": text if text.strip() else cell["text"], "is_rich": True}

    def _formatted_text(self, item: Tree) -> str:
        """Of a heading or a list item whose runs differ in style: they are its first child."""
        for reference in item.get("children", ())[:1]:
            child = self._resolve(reference)
            if child.get("label") == "inline" and not self._seen_before(child):
                return self._inline_text(child)
        return ""

    def _inline_text(self, group: Tree) -> str:
        """Runs of one paragraph that differ in style only."""
        texts: list[str] = []
        pending = [group]
        while pending:
            item = pending.pop()
            self.seen.add(str(item.get("self_ref")))
            texts.append(str(item.get("text") or "").strip())
            pending.extend(map(self._resolve, reversed(item.get("children", []))))
        return _BEFORE_PUNCTUATION.sub("", " ".join(filter(None, texts)))

    def _number(self, item: Tree) -> str:
        """As the document has it; web pages leave the counting to the reader."""
        group = str((item.get("parent") or {}).get("$ref"))
        self._counted[group] += 1
        return str(item.get("marker") or f"{self._counted[group]}.")

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._headings)

    def _move_to(self, item: Tree) -> None:
        """What has no place of its own, such as a speaker's note, stands where the last one did."""
        if item.get("label") == "sheet":
            self._sheet = str(item.get("name") or "") or None
        provenance: list[Any] = item.get("prov") or []
        if not provenance:
            self._position = replace(self._position, box=None, line=None, sheet=self._sheet)
            return
        first = provenance[0]
        page, box = int(first["page_no"]), first["bbox"]
        if page != self._position.page and self._geometry.points_per_unit is None:
            self._headings = []
        line = int(box["t"]) + 1 if self._sheet is not None else None
        self._position = Position(page, self._sheet, line, self._box(page, box))

    def _box(self, page: int, box: Tree) -> Box | None:
        scale = self._geometry.points_per_unit
        if scale is None:
            return None
        top, bottom = float(box["t"]), float(box["b"])
        if box.get("coord_origin") == "BOTTOMLEFT":
            height = float(self._tree["pages"][str(page)]["size"]["height"])
            top, bottom = height - top, height - bottom
        values = (float(box["l"]), top, float(box["r"]), bottom)
        return Box(*(round(value * scale, 2) for value in values))


def _shown_by(item: Tree) -> str:
    """What a picture is, if its format says so: a signature, a stamp, a kind of chart."""
    found = ((item.get("meta") or {}).get("classification") or {}).get("predictions") or [{}]
    name = str(found[0].get("class_name") or "")
    return name.replace("_", " ").capitalize() if _SAID_BY_FORMATS.fullmatch(name) else ""


def _is_in_picture(item: Tree) -> bool:
    return str((item.get("parent") or {}).get("$ref")).startswith("#/pictures/")


def _chart_of(item: Tree) -> Tree | None:
    """The figures that a chart was drawn from, as a table."""
    chart = (item.get("meta") or {}).get("tabular_chart") or {}
    table: Tree | None = chart.get("chart_data")
    return table if table and table.get("table_cells") else None
