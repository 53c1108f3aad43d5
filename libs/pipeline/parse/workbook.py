"""Workbooks: small ones as a tree with their regions told apart, large ones row by row, sparse ones
cell by cell.

docling-rs finds several tables on one sheet, but a tree takes some hundred times the memory of the
sheet's XML; calamine holds a cell in a few bytes.
"""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time

import python_calamine

from pipeline.document import Position
from pipeline.errors import DocumentCorrupt, DocumentEncrypted
from pipeline.parse.office import read_office
from pipeline.parse.records import scalar_text
from pipeline.parse.rows import row_drafts
from pipeline.parse.source import Draft, Notes, Source
from pipeline.parse.sparse_sheets import BROKEN, is_sparse, sparse_drafts

TREE_XML_BYTES_MAX = 4 * 1024 * 1024  # 100,000 cells; 500 MB as a tree


def read_workbook(source: Source, notes: Notes) -> Iterator[Draft]:
    """As `read_office`; a large workbook has one table a sheet, its first row the header."""
    source.must_fit_in_memory()
    size, any_is_sparse = _look_into(source)
    if any_is_sparse:
        with zipfile.ZipFile(source.path) as package:
            yield from sparse_drafts(package, notes)
        return
    yield from read_office(source, notes) if size <= TREE_XML_BYTES_MAX else _rows(source, notes)


def _look_into(source: Source) -> tuple[int, bool]:
    """How many bytes of XML its sheets are, and whether one of them is sparse."""
    try:
        with zipfile.ZipFile(source.path) as package:
            sheets = [entry for entry in package.infolist() if _holds_cells(entry)]
            size = sum(sheet.file_size for sheet in sheets)
            return size, any(is_sparse(package, sheet) for sheet in sheets)
    except BROKEN as error:
        raise DocumentCorrupt("the file cannot be read as a workbook") from error


def _holds_cells(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith(".xml") and "/worksheets/" in entry.filename


def _rows(source: Source, notes: Notes) -> Iterator[Draft]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(source.path)
        notes.page_count = len(workbook.sheet_names)
        for number, name in enumerate(workbook.sheet_names, start=1):
            sheet = workbook.get_sheet_by_name(name)
            yield from row_drafts(_numbered(sheet), Position(page=number, sheet=name))
    except python_calamine.PasswordError as error:
        raise DocumentEncrypted("the file is protected by a password") from error
    except python_calamine.CalamineError as error:
        raise DocumentCorrupt("the file cannot be read as a workbook") from error


def _numbered(sheet: python_calamine.CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """The rows that say anything, with the number each has in the sheet."""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [_cell_text(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            yield number, cells


def _cell_text(value: object) -> str:
    """As the sheet shows it, as near as its value tells."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return scalar_text(value)
