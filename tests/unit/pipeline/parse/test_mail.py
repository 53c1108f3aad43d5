"""Mails with their attachments: each read as what it is, and none of them fails the mail."""

import base64
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image

from data.make_samples import write_docx
from data.pictures import encoded, pdf_of
from pipeline.document import AttachmentPages, Block, BlockKind
from unit.pipeline.parse.conftest import Parse

DATA = Path(__file__).parents[3] / "data"


def mail(subject: str = "Order", body: str = "See the files.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", subject
    message.set_content(body)
    return message


def attach(message: EmailMessage, content: bytes, name: str, kind: str = "") -> None:
    maintype, _, subtype = (kind or "application/octet-stream").partition("/")
    message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)


def of(blocks: list[Block], attachment: str | None) -> list[Block]:
    return [block for block in blocks if block.position.attachment == attachment]


def test_each_attachment_is_read_as_what_its_bytes_are(parse: Parse, tmp_path: Path) -> None:
    write_docx(tmp_path / "plan.docx", [("Heading1", "Pests"), ("", "Flour moths come in June.")])
    message = mail()
    attach(message, (tmp_path / "plan.docx").read_bytes(), "plan.bin")
    attach(message, b"Bread;Price\nRye;4.20\n", "prices.csv", "text/csv")
    attach(message, (DATA / "demo" / "oven-manual.pdf").read_bytes(), "manual.pdf")

    blocks, summary = parse(message.as_bytes(), "order.eml")

    assert "See the files." in [block.text for block in of(blocks, None)]
    assert of(blocks, "plan.bin")[-1].text == "Flour moths come in June."
    [row] = [b for b in of(blocks, "prices.csv") if b.kind is BlockKind.ROW]
    assert (row.text, row.position.line) == ("Bread: Rye\nPrice: 4.20", 2)
    assert row.heading_path == ("Order", "prices.csv")
    assert max(b.position.page or 0 for b in of(blocks, "manual.pdf")) == 3
    assert summary.warnings == ()


def test_the_pages_of_attachments_are_counted_and_noted_with_the_name_of_their_file(
    parse: Parse,
) -> None:
    written = ["Rye bread is baked on Tuesday and on Friday, as it was in the old days."] * 6
    inner, outer = mail("Scans"), mail("Fwd")
    attach(inner, pdf_of([(written, None), ((), None)]), "old.pdf")
    outer.add_attachment(inner)
    attach(outer, (DATA / "demo" / "oven-manual.pdf").read_bytes(), "manual.pdf")
    attach(outer, encoded([Image.new("L", (200, 200), 255)] * 2, "TIFF"), "fax.tiff")

    _, summary = parse(outer.as_bytes(), "fwd.eml")

    assert summary.attachments == (
        AttachmentPages("Scans.eml/old.pdf", 2, 1, 0),
        AttachmentPages("manual.pdf", 3, 3, 0),
        AttachmentPages("fax.tiff", 2, 0, 0),
    )
    assert (summary.page_count, summary.pages_with_text, summary.pages_by_ocr) == (7, 4, 0)
    assert [(note.attachment, note.page) for note in summary.page_notes] == [
        ("Scans.eml/old.pdf", 2), ("fax.tiff", 1), ("fax.tiff", 2),
    ]  # fmt: skip


def test_an_attachment_that_cannot_be_read_costs_a_warning_that_names_it(parse: Parse) -> None:
    message = mail()
    attach(message, b"PK\x03\x04 and then nothing", "broken.docx")
    attach(message, (DATA / "encrypted.pdf").read_bytes(), "secret.pdf")
    attach(message, b"\x7fELF" + bytes(range(256)), "game.exe")
    attach(message, b'{"loaves": 30}\n{"loaves": ', "cut.json")
    attach(message, b"", "nothing.txt")
    attach(message, b"Thirty loaves.", "note.txt")

    blocks, summary = parse(message.as_bytes(), "order.eml")

    assert of(blocks, "note.txt")[-1].text == "Thirty loaves."
    assert of(blocks, "cut.json")[-1].text == "loaves: 30"
    assert summary.warnings == (
        "attachment_not_read: broken.docx (document_corrupt)",
        "attachment_not_read: secret.pdf (document_encrypted)",
        "attachment_not_read: game.exe (unsupported_type)",
        "attachment_incomplete: cut.json (document_corrupt)",
        "attachment_not_read: nothing.txt (empty_file)",
    )


def test_an_attachment_whose_base64_is_damaged_is_not_read_as_text(parse: Parse) -> None:
    payload = base64.encodebytes(b"%PDF-1.4 " + bytes(range(256)) * 8).decode()
    mail = (
        "From: a@example.org\r\nSubject: cut\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nThe words of the mail.\r\n"
        "--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="test.pdf"\r\n\r\n'
        f"{payload[:1005]}\r\n--x--\r\n"
    )

    blocks, summary = parse(mail.encode(), "cut.eml")

    assert "JVBERi" not in "".join(block.text for block in blocks)
    assert "attachment_not_read: test.pdf (document_corrupt)" in summary.warnings


def test_messages_in_messages_are_read_with_their_attachments(parse: Parse) -> None:
    inner, outer = mail("Question", "How many?"), mail("Fwd")
    attach(inner, b"Thirty loaves.", "../../etc/answer.txt")
    outer.add_attachment(inner)

    blocks, _ = parse(outer.as_bytes(), "fwd.eml")

    answer = next(b for b in blocks if b.text == "Thirty loaves.")
    assert answer.position.attachment == "Question.eml/answer.txt"
    assert answer.heading_path == ("Fwd", "Question.eml", "Question", "answer.txt")


def test_messages_nested_a_hundred_deep_are_read_to_a_depth(parse: Parse) -> None:
    content = b"Subject: level 0\r\n\r\nbody 0\r\n"
    for level in range(1, 100):
        content = (
            (
                f"Subject: level {level}\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n"
                f"--b{level}\r\n\r\nbody {level}\r\n"
                f"--b{level}\r\nContent-Type: message/rfc822\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--b{level}--\r\n".encode()
        )

    blocks, summary = parse(b"From: a@example.org\r\n" + content, "deep.eml")

    bodies = [block.text for block in blocks if block.text.startswith("body")]
    assert bodies == [f"body {level}" for level in range(99, 90, -1)]
    assert summary.warnings == ("attachment_not_read: level 90.eml (too_large)",)


def test_thousands_of_attachments_are_read_up_to_the_limit(parse: Parse) -> None:
    part = "--b\r\nContent-Disposition: attachment; filename=t{0}.txt\r\n\r\nfile {0}\r\n"
    parts = "".join(part.format(number) for number in range(5_000))
    content = (
        "From: a@example.org\r\nSubject: Many\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    )

    blocks, summary = parse(content, "many.eml")

    texts = {block.text for block in blocks}
    assert {f"file {number}" for number in range(200)} <= texts
    assert "file 200" not in texts
    assert len(summary.warnings) == 21
    assert summary.warnings[-1] == "attachment_not_read: 4780 more"


def test_attachments_of_one_name_are_told_apart(parse: Parse) -> None:
    message = mail()
    attach(message, b"First.", "note.txt")
    attach(message, b"Second.", "note.txt")

    blocks, _ = parse(message.as_bytes(), "order.eml")

    assert of(blocks, "note.txt")[-1].text == "First."
    [name] = {b.position.attachment for b in blocks} - {None, "note.txt"}
    assert of(blocks, name)[-1].text == "Second."


def test_a_signature_and_its_logo_are_no_attachments(parse: Parse) -> None:
    message = mail()
    message.set_content('<p>See the files.</p><img src="cid:logo">', subtype="html")
    message.add_related(
        b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", cid="<logo>", filename="logo.png"
    )
    attach(message, b"-----BEGIN", "signature.asc", "application/pgp-signature")

    blocks, summary = parse(message.as_bytes(), "order.eml")

    assert {block.position.attachment for block in blocks} == {None}
    assert summary.warnings == ()


@pytest.mark.parametrize("charset", ["koi8-r", "windows-1251", "utf-8"])
def test_a_body_of_html_alone_in_an_old_charset_is_read(parse: Parse, charset: str) -> None:
    message = mail()
    message.set_content(
        "<p>Тридцать <b>буханок</b></p>", subtype="html", charset=charset, cte="quoted-printable"
    )

    blocks, _ = parse(message.as_bytes(), "order.eml")

    assert "Тридцать буханок" in [" ".join(block.text.split()) for block in blocks]
