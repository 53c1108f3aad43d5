"""Office files made to hurt their reader: bombs, and the files that a bomb is packed into."""

import io
import struct
import zipfile

from data.make_samples import CONTENT_TYPES, OFFICE, RELATIONSHIPS, SHEET, VENDOR, WORD

MIB = 1024 * 1024
LYING_BYTES = 40 * MIB


def package(entries: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return out.getvalue()


def office(main: str, kind: str, xml: str | bytes, more: dict[str, str | bytes]) -> bytes:
    return package(
        {
            "[Content_Types].xml": f'<Types xmlns="{CONTENT_TYPES}"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/{main}" ContentType="{VENDOR}.{kind}.main+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{RELATIONSHIPS}"><Relationship Id="rId1"'
            f' Type="{OFFICE}/officeDocument" Target="{main}"/></Relationships>',
            main: xml,
            **more,
        }
    )


def docx(body: str, doctype: str = "") -> bytes:
    xml = (
        f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{WORD}"><w:body><w:p><w:r>'
        f"<w:t>{body}</w:t></w:r></w:p></w:body></w:document>"
    )
    return office("word/document.xml", "wordprocessingml.document", xml, {})


def xlsx(sheet: str, doctype: str = "") -> bytes:
    book = (
        f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    links = (
        f'<Relationships xmlns="{RELATIONSHIPS}"><Relationship Id="rId1"'
        f' Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    )
    xml = f'<?xml version="1.0"?>{doctype}<worksheet xmlns="{SHEET}">{sheet}</worksheet>'
    return office(
        "xl/workbook.xml",
        "spreadsheetml.sheet",
        book,
        {"xl/_rels/workbook.xml.rels": links, "xl/worksheets/sheet1.xml": xml},
    )


def odt(body: str, doctype: str = "") -> bytes:
    office_ns = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    text_ns = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    return package(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<?xml version="1.0"?>{doctype}<office:document-content'
            f' xmlns:office="{office_ns}" xmlns:text="{text_ns}"><office:body><office:text>'
            f"<text:p>{body}</text:p></office:text></office:body></office:document-content>",
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def bomb(size: int) -> bytes:
    """A document of one paragraph of blanks."""
    return docx(" " * size)


def lying_bomb() -> bytes:
    """Its directory declares 100 bytes for what unpacks to 40 MiB."""
    honest = bomb(LYING_BYTES)
    with zipfile.ZipFile(io.BytesIO(honest)) as file:
        size = file.getinfo("word/document.xml").file_size
    return honest.replace(struct.pack("<I", size), struct.pack("<I", 100))


def overlapping_bomb() -> bytes:
    """A thousand entries of the directory share one stretch of the file."""
    out = io.BytesIO(docx("x"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/shared.xml", b" " * MIB)
        shared = file.getinfo("word/shared.xml")
        for number in range(1000):
            double = zipfile.ZipInfo(f"word/double{number}.xml")
            for name in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(double, name, getattr(shared, name))
            file.filelist.append(double)
    return out.getvalue()


def nested_bomb() -> bytes:
    inner = b" " * (8 * MIB)
    for _ in range(3):
        inner = package({f"{number}.zip": inner for number in range(3)})
    return inner
