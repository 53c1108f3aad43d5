"""The lines of one page as drafts: headings with their path, items, tables, text."""

from collections.abc import Collection, Iterator

from pipeline.document import BlockKind, Position
from pipeline.parse.pdf.lines import Line, Page
from pipeline.parse.pdf.outline import Outline, TextStyle, is_heading
from pipeline.parse.pdf.paragraphs import Paragraph, item_text, paragraphs
from pipeline.parse.pdf.reading_order import in_reading_order
from pipeline.parse.pdf.table_grid import Table
from pipeline.parse.pdf.tables import Structure, bare, confirmed
from pipeline.parse.source import Draft


def drafts_of(
    page: Page,
    structure: Structure,
    outline: Outline,
    style: TextStyle,
    vocabulary: Collection[str],
) -> Iterator[Draft]:
    """In reading order."""
    last: Draft | None = None
    for part in in_reading_order(list(_parts(page, structure, vocabulary))):
        if isinstance(part, Table):
            position = Position(page=page.number, box=part.box)
            last = Draft(
                part.markdown, BlockKind.TABLE, heading_path=outline.path, position=position
            )
        else:
            last = _draft(page, part, structure, outline=outline, style=style, last=last)
        yield last


def head_draft(page: Page, line: Line, outline: Outline) -> Draft:
    """Of a running head or foot: a block of its own, no heading whatever it is set in."""
    position = Position(page=page.number, box=line.box)
    return Draft(line.text, heading_path=outline.path, position=position)


def _parts(
    page: Page, structure: Structure, vocabulary: Collection[str]
) -> Iterator[Paragraph | Table]:
    """In the order of the content; a table stands where its first line does."""
    tables: dict[int, Table | None] = {}
    for table, lines in confirmed(page, structure.tables):
        tables.update(dict.fromkeys(map(id, lines)))
        tables[id(lines[0])] = table
    run: list[Line] = []
    for line in page.lines:
        if id(line) not in tables:
            run.append(line)
            continue
        yield from paragraphs(run, vocabulary)
        run = []
        if (found := tables[id(line)]) is not None:
            yield found
    yield from paragraphs(run, vocabulary)


def _draft(
    page: Page,
    paragraph: Paragraph,
    structure: Structure,
    *,
    outline: Outline,
    style: TextStyle,
    last: Draft | None,
) -> Draft:
    position = Position(page=page.number, box=paragraph.box)
    was_named = bare(paragraph.text) in structure.headings
    if is_heading(paragraph, style, was_named=was_named):
        path = outline.add(paragraph)
        return Draft(paragraph.text, BlockKind.HEADING, heading_path=path, position=position)
    if not paragraph.is_item:
        return Draft(paragraph.text, heading_path=outline.path, position=position)
    follows = last is not None and last.kind is BlockKind.LIST_ITEM
    return Draft(
        item_text(paragraph.text),
        BlockKind.LIST_ITEM,
        separator="\n" if follows else "\n\n",
        heading_path=outline.path,
        position=position,
    )
