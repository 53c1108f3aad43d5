"""Files of every type that the product reads, made from paragraphs of text.

Every sentence holds its file's marker, a word of its own, so that one keyword search finds all
chunks of a file; and no two paragraphs of a corpus are equal, so that what is embedded twice shows.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from pathlib import Path
from random import Random

from data.make_samples import pdf, write_docx, write_pptx, write_xlsx

WORDS = [
    "anchor",
    "basalt",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "granite",
    "harbour",
    "island",
    "juniper",
    "kelp",
    "lantern",
    "meadow",
    "needle",
    "orchard",
    "pebble",
    "quarry",
    "river",
    "signal",
    "timber",
    "umber",
    "valley",
    "willow",
    "yarrow",
    "zenith",
    "copper",
    "linen",
    "mortar",
    "pewter",
    "saffron",
]
SENTENCES = (2, 5)
WORDS_OF_A_SENTENCE = (6, 12)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Equal seeds make equal text: an overwrite keeps some paragraphs and draws others anew."""

    seed: int

    def text(self, marker: str) -> str:
        random = Random(f"{marker}/{self.seed}")
        sentences = []
        for _ in range(random.randint(*SENTENCES)):
            words = random.choices(WORDS, k=random.randint(*WORDS_OF_A_SENTENCE))
            sentences.append(f"The {marker} of {random.randrange(10**6)} {' '.join(words)}.")
        return " ".join(sentences)


def plain(texts: Sequence[str]) -> bytes:
    return "\n\n".join(texts).encode()


def markdown(texts: Sequence[str]) -> bytes:
    parts = (f"## Part {at // 5}\n\n{text}" if at % 5 == 0 else text for at, text in _each(texts))
    return ("# A report\n\n" + "\n\n".join(parts) + "\n").encode()


def html(texts: Sequence[str]) -> bytes:
    parts = (
        f"{f'<h2>Part {at // 5}</h2>' if at % 5 == 0 else ''}<p>{escape(text)}</p>"
        for at, text in _each(texts)
    )
    head = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title></head>'
    return f"{head}<body>{''.join(parts)}</body></html>".encode()


def json_document(texts: Sequence[str]) -> bytes:
    items = [{"number": at, "note": text} for at, text in _each(texts)]
    return json.dumps({"title": "notes", "items": items}, indent=1).encode()


def json_lines(texts: Sequence[str]) -> bytes:
    return "".join(json.dumps({"n": at, "note": text}) + "\n" for at, text in _each(texts)).encode()


def comma_separated(texts: Sequence[str]) -> bytes:
    return ("number,note\n" + "".join(f'{at},"{text}"\n' for at, text in _each(texts))).encode()


def tab_separated(texts: Sequence[str]) -> bytes:
    return ("number\tnote\n" + "".join(f"{at}\t{text}\n" for at, text in _each(texts))).encode()


def mail(texts: Sequence[str]) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "ann@example.org", "ben@example.org"
    message["Subject"] = "What was found"
    message["Date"] = "Mon, 05 Jan 2026 10:00:00 +0000"
    message.set_content("\n\n".join(texts))
    return message.as_bytes()


def portable(texts: Sequence[str]) -> bytes:
    return pdf(_pages(texts))


def encrypted(texts: Sequence[str]) -> bytes:
    """It can only fail, in a quiet run too."""
    return pdf(_pages(texts), encrypted=True)


def _pages(texts: Sequence[str]) -> list[list[str]]:
    return [list(texts[start : start + 6]) for start in range(0, len(texts), 6)]


def word(texts: Sequence[str]) -> bytes:
    return _written(lambda path: write_docx(path, [("", text) for text in texts]))


def slides(texts: Sequence[str]) -> bytes:
    return _written(lambda path: write_pptx(path, [("A slide", [text]) for text in texts]))


def sheet(texts: Sequence[str]) -> bytes:
    rows: list[list[str | float]] = [["number", "note"]]
    rows += [[float(at), text] for at, text in _each(texts)]
    return _written(lambda path: write_xlsx(path, {"Notes": rows}))


def _each(texts: Sequence[str]) -> "enumerate[str]":
    return enumerate(texts)


def _written(write: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


MAKERS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "txt": plain,
    "md": markdown,
    "html": html,
    "json": json_document,
    "jsonl": json_lines,
    "csv": comma_separated,
    "tsv": tab_separated,
    "eml": mail,
    "pdf": portable,
    "docx": word,
    "pptx": slides,
    "xlsx": sheet,
    "locked.pdf": encrypted,
}
