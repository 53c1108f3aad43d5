"""Writes the sample files of this folder: `cd tests && python -m data.make_samples`.

All of them are about one made-up bakery, so that a search over them has something to find. The
formats are written by hand, in their smallest valid form, so no library's taste is in them; the
texts stand in `bakery.py`. Run it again after a change and commit the result.
"""

import json
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from data import bakery

HERE = Path(__file__).parent
DEMO = HERE / "demo"
ZIP_DATE = (2026, 1, 1, 0, 0, 0)  # so that the same texts give the same bytes

RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
VENDOR = "application/vnd.openxmlformats-officedocument"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def main() -> None:
    """Writes every file."""
    DEMO.mkdir(exist_ok=True)
    (DEMO / "welcome.txt").write_text(bakery.WELCOME, "utf-8")
    (DEMO / "handbook.md").write_text(bakery.HANDBOOK, "utf-8")
    (DEMO / "opening-hours.html").write_text(bakery.OPENING_HOURS, "utf-8")
    (DEMO / "rota.tsv").write_text(bakery.ROTA, "utf-8")
    (DEMO / "suppliers.csv").write_text(bakery.SUPPLIERS, "utf-8")
    (DEMO / "recipes.json").write_text(json.dumps(bakery.RECIPES, indent=2), "utf-8")
    orders = (json.dumps(order) + "\n" for order in bakery.ORDERS)
    (DEMO / "orders.jsonl").write_text("".join(orders), "utf-8")
    (DEMO / "oven-manual.pdf").write_bytes(pdf(bakery.OVEN_MANUAL))
    write_docx(DEMO / "hygiene-plan.docx", bakery.HYGIENE_PLAN)
    write_pptx(DEMO / "training.pptx", bakery.TRAINING)
    write_xlsx(DEMO / "price-list.xlsx", bakery.PRICE_LIST)
    (HERE / "encrypted.pdf").write_bytes(pdf(bakery.OVEN_MANUAL, encrypted=True))
    (HERE / "blank.pdf").write_bytes(pdf([[]]))
    (HERE / "latin-1.txt").write_bytes("Crème brûlée, à emporter, déjà prête.\n".encode("cp1252"))
    (HERE / "utf-16.csv").write_bytes("Brot;Preis\nRoggen;4,20 €\n".encode("utf-16"))


def pdf(pages: list[list[str]], *, encrypted: bool = False) -> bytes:
    """A page a list of paragraphs; a paragraph that begins with `# ` is set larger."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    kids = []
    for paragraphs in pages:
        content = page_content(paragraphs)
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R"
    if encrypted:
        # No password opens it: the check value is not that of any.
        nothing = "00" * 32
        trailer += (
            f" /ID [<{nothing}> <{nothing}>] /Encrypt"
            f" << /Filter /Standard /V 1 /R 2 /P -4 /O <{nothing}> /U <{nothing}> >>"
        )
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    return out + (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n"
    ).encode("ascii")


def page_content(paragraphs: list[str]) -> str:
    """PDF operators that set the paragraphs one below the other, broken into lines."""
    lines = []
    top = 770
    for paragraph in paragraphs:
        size = 18 if paragraph.startswith("# ") else 11
        for line in wrapped(paragraph.removeprefix("# "), 800 // size):
            text = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            lines.append(f"BT /F1 {size} Tf 72 {top} Td ({text}) Tj ET")
            top -= round(size * 1.3)
        top -= size
    return "\n".join(lines)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def write_docx(path: Path, items: list[tuple[str, str] | list[list[str]]]) -> None:
    """An item is (style, text) or a table."""
    body = "".join(
        docx_table(item) if isinstance(item, list) else docx_paragraph(*item) for item in items
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/>'
        f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr></w:style>'
        for level in (1, 2)
    )
    write_package(
        path,
        main=(
            "word/document.xml",
            f"{VENDOR}.wordprocessingml.document.main+xml",
            f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        ),
        parts=[
            (
                "word/styles.xml",
                f"{VENDOR}.wordprocessingml.styles+xml",
                "styles",
                f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>',
            )
        ],
    )


def docx_paragraph(style: str, text: str) -> str:
    mark = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{mark}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def docx_table(rows: list[list[str]]) -> str:
    def cell(text: str) -> str:
        return f"<w:tc>{docx_paragraph('', text)}</w:tc>"

    body = "".join(f"<w:tr>{''.join(map(cell, row))}</w:tr>" for row in rows)
    grid = "<w:gridCol/>" * len(rows[0])
    return f"<w:tbl><w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>"


def write_xlsx(
    path: Path, sheets: dict[str, list[list[str | float]]], *, merged: tuple[str, ...] = ()
) -> None:
    """Sheets by name, rows of cells; `merged` are ranges such as `A1:B1` of the first sheet."""
    ranges = "".join(f'<mergeCell ref="{cells}"/>' for cells in merged)
    merges = f"<mergeCells>{ranges}</mergeCells>" if ranges else ""
    names = "".join(
        f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"/>'
        for at, name in enumerate(sheets, start=1)
    )
    write_package(
        path,
        main=(
            "xl/workbook.xml",
            f"{VENDOR}.spreadsheetml.sheet.main+xml",
            f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        ),
        parts=[
            (
                f"xl/worksheets/sheet{at}.xml",
                f"{VENDOR}.spreadsheetml.worksheet+xml",
                "worksheet",
                f'<worksheet xmlns="{SHEET}"><sheetData>{sheet_rows(rows)}</sheetData>'
                f"{merges if at == 1 else ''}</worksheet>",
            )
            for at, rows in enumerate(sheets.values(), start=1)
        ],
    )


def sheet_rows(rows: list[list[str | float]]) -> str:
    def cell(reference: str, value: str | float) -> str:
        if isinstance(value, str):
            text = f"<is><t>{escape(value)}</t></is>"
            return f'<c r="{reference}" t="inlineStr">{text}</c>'
        return f'<c r="{reference}"><v>{value}</v></c>'

    return "".join(
        f'<row r="{number}">'
        + "".join(cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )


def write_pptx(path: Path, slides: list[tuple[str, list[str]]]) -> None:
    """Slides of a title and lines of text."""
    ids = "".join(f'<p:sldId id="{255 + at}" r:id="rId{at}"/>' for at in range(1, len(slides) + 1))
    write_package(
        path,
        main=(
            "ppt/presentation.xml",
            f"{VENDOR}.presentationml.presentation.main+xml",
            f'<p:presentation xmlns:p="{SLIDE}" xmlns:r="{OFFICE}"><p:sldIdLst>{ids}</p:sldIdLst>'
            '<p:sldSz cx="9144000" cy="6858000"/></p:presentation>',
        ),
        parts=[
            (
                f"ppt/slides/slide{at}.xml",
                f"{VENDOR}.presentationml.slide+xml",
                "slide",
                slide(title, lines),
            )
            for at, (title, lines) in enumerate(slides, start=1)
        ],
    )


def slide(title: str, lines: list[str]) -> str:
    def shape(number: int, kind: str, top: int, texts: list[str]) -> str:
        paragraphs = "".join(f"<a:p><a:r><a:t>{escape(t)}</a:t></a:r></a:p>" for t in texts)
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind} {number}"/><p:cNvSpPr/>'
            f'<p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr><a:xfrm>'
            f'<a:off x="457200" y="{top}"/><a:ext cx="8229600" cy="1143000"/></a:xfrm></p:spPr>'
            f"<p:txBody><a:bodyPr/>{paragraphs}</p:txBody></p:sp>"
        )

    return (
        f'<p:sld xmlns:p="{SLIDE}" xmlns:a="{DRAWING}"><p:cSld><p:spTree><p:nvGrpSpPr>'
        '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
        f"{shape(2, 'title', 274638, [title])}{shape(3, 'body', 1600200, lines)}"
        "</p:spTree></p:cSld></p:sld>"
    )


def write_package(
    path: Path, *, main: tuple[str, str, str], parts: list[tuple[str, str, str, str]]
) -> None:
    """An Office file: its main part, and (name, content type, relationship, XML) of the others."""
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    main_name, main_type, main_xml = main
    folder, _, base = main_name.partition("/")
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>'
        for name, kind in [(main_name, main_type), *((p[0], p[1]) for p in parts)]
    )
    links = "".join(
        f'<Relationship Id="rId{at}" Type="{OFFICE}/{part[2]}"'
        f' Target="{part[0].removeprefix(folder + "/")}"/>'
        for at, part in enumerate(parts, start=1)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{CONTENT_TYPES}"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELATIONSHIPS}"><Relationship Id="rId1"'
        f' Type="{OFFICE}/officeDocument" Target="{main_name}"/></Relationships>',
        main_name: main_xml,
        f"{folder}/_rels/{base}.rels": f'<Relationships xmlns="{RELATIONSHIPS}">{links}'
        "</Relationships>",
        **{part[0]: part[3] for part in parts},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in files.items():
            package.writestr(zipfile.ZipInfo(name, ZIP_DATE), declaration + text)


if __name__ == "__main__":
    main()
