"""Sheets whose few cells lie far apart: read cell by cell, as no reader of rectangles can.

docling-rs leaves out a sheet whose used area is beyond ten million cells, calamine would hold all
of it. What stands in such a sheet is written with the letters of its columns: there is no header
that a column so far away could have.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from pipeline.document import BlockKind, Position
from pipeline.errors import DocumentCorrupt
from pipeline.parse.source import Draft, Notes

AREA_MAX = 10_000_000  # cells; docling-rs's own limit
READ_BYTES = 1024 * 1024
SHARED_STRINGS_MAX = 2_000_000

_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_OVERLAP = 256  # a cell's tag is shorter
# What a package raises whose parts are damaged, encrypted, or packed in a way that nobody knows.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def is_sparse(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether the cells of a sheet span more than AREA_MAX."""
    rows, columns = [0, 0], [0, 0]
    left = b""
    with package.open(entry) as file:
        while piece := file.read(READ_BYTES):
            for letters, number in _CELL.findall(left + piece):
                row, column = int(number), _column(letters.decode())
                rows = [min(rows[0] or row, row), max(rows[1], row)]
                columns = [min(columns[0] or column, column), max(columns[1], column)]
            left = piece[-_OVERLAP:]
    return (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1) > AREA_MAX


def sparse_drafts(package: zipfile.ZipFile, notes: Notes) -> Iterator[Draft]:
    """A block a row that holds anything, of all sheets. Raises DocumentCorrupt."""
    try:
        sheets = list(_sheets(package))
        strings = list(_strings(package))
        notes.page_count = len(sheets)
        for page, (name, path) in enumerate(sheets, start=1):
            for row, cells in _rows(package, path, strings):
                text = "\n".join(f"{letters}: {value}" for letters, value in cells)
                yield Draft(text, BlockKind.ROW, position=Position(page=page, sheet=name, line=row))
    except (ET.ParseError, KeyError, IndexError, ValueError, *BROKEN) as error:
        raise DocumentCorrupt("the file cannot be read as a workbook") from error


def _sheets(package: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Names of sheets, and of their parts."""
    targets = {
        str(item.get("Id")): str(item.get("Target"))
        for item in _elements(package, "xl/_rels/workbook.xml.rels", "Relationship")
    }
    for sheet in _elements(package, "xl/workbook.xml", "sheet"):
        target = targets[str(sheet.get(_RELATION))]
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if "/worksheets/" in path:
            yield str(sheet.get("name")), path


def _strings(package: zipfile.ZipFile) -> Iterator[str]:
    if "xl/sharedStrings.xml" not in package.namelist():
        return
    for count, item in enumerate(_elements(package, "xl/sharedStrings.xml", "si")):
        if count >= SHARED_STRINGS_MAX:
            raise ValueError("more strings than a sparse workbook needs")
        yield _text_of(item)


def _rows(
    package: zipfile.ZipFile, path: str, strings: list[str]
) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Row numbers, and the cells that say anything with the letters of their columns."""
    for row in _elements(package, path, "row"):
        cells: list[tuple[str, str]] = []
        number = int(row.get("r") or 0)
        for cell in row:
            found = _REFERENCE.fullmatch(cell.get("r") or "")
            value = _value_of(cell, strings).strip()
            if found and value:
                number = int(found[2])
                cells.append((found[1], value))
        if cells:
            yield number, cells


def _value_of(cell: ET.Element, strings: list[str]) -> str:
    kind = cell.get("t")
    if kind == "inlineStr":
        return _text_of(cell)
    value = next((str(child.text or "") for child in cell if _name_of(child) == "v"), "")
    if kind == "s" and value:
        return strings[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    return value


def _text_of(item: ET.Element) -> str:
    return "".join(str(part.text or "") for part in item.iter() if _name_of(part) == "t")


def _elements(package: zipfile.ZipFile, path: str, name: str) -> Iterator[ET.Element]:
    """All of a name in a part, each let go when the next is asked for."""
    with package.open(path) as file:
        if b"<!DOCTYPE" in file.read(READ_BYTES):
            raise DocumentCorrupt("the workbook declares entities, which no workbook does")
    with package.open(path) as file:
        for _, element in ET.iterparse(file):  # noqa: S314  a part with a DTD is refused above
            if _name_of(element) == name:
                yield element
                element.clear()


def _name_of(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _column(letters: str) -> int:
    """From 1: A is 1, XFD is 16,384."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
