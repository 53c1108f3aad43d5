"""The lines of one page as drafts: headings with their path, items, tables, text."""

from collections.abc import Collection, Iterator

from pipeline.document import BlockKind, Position
from pipeline.parse.pdf.lines import Line, Page
from pipeline.parse.pdf.outline import Outline, TextStyle, is_heading
from pipeline.parse.pdf.paragraphs import Paragraph, item_text, paragraphs
from pipeline.parse.pdf.tables import Structure, Table, bare, confirmed
from pipeline.parse.source import Draft


def drafts_of(
    page: Page, structure: Structure, outline: Outline, style: TextStyle, vocabulary: Collection[str]
) -> Iterator[Draft]:
    """In reading order. A table stands where its first line does."""
    first_lines: dict[int, Table] = {}
    within: set[int] = set()
    for table, lines in confirmed(page, structure.tables):
        first_lines[id(lines[0])] = table
        within.update(map(id, lines))
    run: list[Line] = []
    last: Draft | None = None
    for line in [*page.lines, None]:
        if line is not None and id(line) not in within:
            run.append(line)
            continue
        for paragraph in paragraphs(run, vocabulary):
            last = _draft(page, paragraph, structure, outline, style, last)
            yield last
        run = []
        if line is not None and (found := first_lines.get(id(line))) is not None:
            position = Position(page=page.number, box=found.box)
            last = Draft(
                found.markdown, BlockKind.TABLE, heading_path=outline.path, position=position
            )
            yield last


def _draft(
    page: Page,
    paragraph: Paragraph,
    structure: Structure,
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
