"""Files made to hurt their reader, small as files: `HOSTILE` has each under its name.

Made when a test asks for them, so that nothing on the disk sets off a virus scanner, and so that
what is wrong with each can be read.
"""

import json
import zlib
from collections.abc import Callable

from data.hostile_packages import (
    bomb,
    docx,
    lying_bomb,
    nested_bomb,
    odt,
    overlapping_bomb,
    package,
    xlsx,
)
from data.hostile_pdfs import flate_bomb_pdf, million_pages_pdf, nested_forms_pdf, page_loop_pdf
from data.make_samples import pdf

MIB = 1024 * 1024
TEXT = "The oven is preheated to 250 degrees. Rye dough rests for thirty minutes."
_ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE x [<!ENTITY l0 "lol">{_ENTITIES}]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY out SYSTEM "file:///etc/passwd">]>'
MARK = "root:"  # what the file of a machine's users begins with

SPARSE_SHEET = (
    '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>first'
    '</t></is></c></row><row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>last</t></is></c>'
    "</row></sheetData>"
)
SHEET_OF_LAUGHS = (
    '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&l9;</t></is></c></row></sheetData>'
)
SHEET_FROM_OUTSIDE = SHEET_OF_LAUGHS.replace("&l9;", "&out;")
SVG = (
    f'<?xml version="1.0"?>{LAUGHS}<svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>'
)
GOOD_PDF = pdf([[TEXT]])
LINES = f"{TEXT}\n{TEXT}\n"

HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb.docx": lambda: bomb(32 * MIB),
    "lying-bomb.docx": lying_bomb,
    "overlapping-bomb.docx": overlapping_bomb,
    "nested-bomb.zip": nested_bomb,
    "nested-bomb.docx": nested_bomb,
    "laughs.docx": lambda: docx("&l9;", LAUGHS),
    "laughs.xlsx": lambda: xlsx(SHEET_OF_LAUGHS, LAUGHS),
    "laughs.odt": lambda: odt("&l9;", LAUGHS),
    "laughs.xml": SVG.encode,
    "laughs.html": f"{LAUGHS}<html><body><p>&l9;</p></body></html>".encode,
    "outside.docx": lambda: docx("&out;", OUTSIDE),
    "outside.xlsx": lambda: xlsx(SHEET_FROM_OUTSIDE, OUTSIDE),
    "outside.odt": lambda: odt("&out;", OUTSIDE),
    "outside.xml": f'<?xml version="1.0"?>{OUTSIDE}<svg><text>&out;</text></svg>'.encode,
    "outside.html": f"{OUTSIDE}<html><body><p>&out;</p></body></html>".encode,
    "flate-bomb.pdf": flate_bomb_pdf,
    "nested-forms.pdf": nested_forms_pdf,
    "page-loop.pdf": page_loop_pdf,
    "million-pages.pdf": million_pages_pdf,
    "sparse.xlsx": lambda: xlsx(SPARSE_SHEET),
    "deep.json": lambda: b"[" * 200_000 + b"]" * 200_000,
    "deep-objects.jsonl": lambda: (b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"\n") * 2,
    "deep.html": lambda: b"<html>" + b"<div>" * 200_000 + TEXT.encode() + b"</div>" * 200_000,
    "deep.xml": lambda: b"<a>" * 200_000 + TEXT.encode() + b"</a>" * 200_000,
    "deep.md": lambda: b">" * 200_000 + b" " + TEXT.encode(),
    "deep.rtf": lambda: b"{\\rtf1 " + b"{" * 200_000 + TEXT.encode() + b"}" * 200_001,
    "large-cell.csv": f'a,b\n"{"dough " * 170_000}",2\n'.encode,
    "unclosed-quote.csv": f'a,b\n1,"{LINES * 20_000}'.encode,
    "endless-line.txt": lambda: b"x" * (3 * MIB),
    "nuls.txt": lambda: TEXT.replace(" ", "\0 \0").encode(),
    "only-nuls.txt": lambda: bytes(100_000),
    "blank.txt": lambda: b" \n\t\r\n" * 1000,
    "utf-16.txt": lambda: LINES.encode("utf-16"),
    "utf-16-no-mark.txt": lambda: LINES.encode("utf-16-le"),
    "utf-32.txt": lambda: LINES.encode("utf-32"),
    "utf-32-no-mark.csv": lambda: "a,b\nfirst,second\n".encode("utf-32-be"),
    "koi8.txt": lambda: ("Тесто отдыхает тридцать минут, печь уже горячая. " * 20).encode("koi8-r"),
    "shift-jis.txt": lambda: ("生地を三十分休ませてから、窯に入れます。" * 20).encode("shift-jis"),
    "half-a-character.txt": lambda: b"\xf0\x9f\x8d" + LINES.encode() + b"\xe2\x82",
    "mixed-line-ends.txt": lambda: b"one\rtwo\r\nthree\nfour\x0b\x0cfive\xc2\x85six",
    "mixed-line-ends.csv": lambda: b"a,b\r1,2\r\n3,4\n5,6\r\r\n",
    "pdf-and-zip.pdf": lambda: GOOD_PDF + docx(TEXT),
    "zip-and-pdf.docx": lambda: docx(TEXT) + GOOD_PDF,
    "pdf-in-fact.docx": lambda: GOOD_PDF,
    "docx-in-fact.pdf": lambda: docx(TEXT),
    "html-in-fact.csv": f"<!doctype html><p>{TEXT}</p>".encode,
    "noise.pdf": lambda: b"%PDF-1.7\n" + zlib.compress(bytes(range(256)) * 400),
    "noise.docx": lambda: b"PK\x03\x04" + zlib.compress(bytes(range(256)) * 400),
    "climbing.docx": lambda: package({"../../../climbed": "x", "word/../../y": "x"}),
    "numbers.json": lambda: b"[" + b"9" * 100_000 + b"]",
    "keys.json": lambda: json.dumps({"k" * 100_000: [{"a": "b"}] * 10}).encode(),
    "lone-surrogate.json": lambda: b'{"a": "\\ud800 ' + TEXT.encode() + b'"}',
}
EMPTY = ("empty.txt", "empty.csv", "empty.json", "empty.pdf", "empty.docx", "empty.html")
NAMES = (
    "n" * 251 + ".txt",
    "\u05e9\u05dc\u05d5\u05dd-\u202etxt.exe.txt",
    "cafe\u0301.txt",
    "../../etc/passwd.txt",
    "a\nb\t'\".txt",
    ".txt",
    "txt",
)
