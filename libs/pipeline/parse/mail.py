"""Mail: its head and body, then every attachment through the reader of what its bytes are.

An attachment's blocks name it in their position and in their headings, below the mail's subject.
One that cannot be read costs a warning that names it, never the mail; so does what is beyond the
limits, which hold for a mail with all the messages in it.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from docling_rs import EmailAttachment

from pipeline.document import BlockKind
from pipeline.errors import DocumentCorrupt, ParserCrashed, ParserOutOfMemory, PipelineError
from pipeline.parse.detect import detect
from pipeline.parse.docling_engine import attachments
from pipeline.parse.limits import MIB
from pipeline.parse.media_types import MediaType
from pipeline.parse.office import read_office
from pipeline.parse.source import ATTACHMENTS_MAX, Draft, Notes, Source

ATTACHMENT_BYTES_MAX = 128 * MIB  # of all, unpacked; few servers take mails of more than 50
DEPTH_MAX = 8  # messages in messages: a thread forwarded whole has three or four
NAME_CHARS_MAX = 200
WARNINGS_MAX = 20  # attachments named one by one; the rest are counted

_MAILS = (MediaType.EMAIL, MediaType.OUTLOOK)
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature")
_LOGO_BYTES_MAX = 8 * 1024  # a smaller picture is a logo or an icon, and no page of text
_LOOKED_AT = 1024  # bytes
# Base64 that is damaged somewhere is handed on as it stands.
_ENCODED = re.compile(rb"[A-Za-z0-9+/=]{40,}(\r?\n[A-Za-z0-9+/=]*)+|[A-Za-z0-9+/=]{200,}")
_NOT_READ = "attachment_not_read"
_INCOMPLETE = "attachment_incomplete"
_OVER_LIMIT = "too_large"


def read_mail(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises as `read_office`, and for the mail itself only."""
    budget = _Budget()
    yield from _message(source, notes, budget, depth=0)
    notes.warnings += budget.complaints()


@dataclass(slots=True)
class _Budget:
    """What is left for attachments, and what was wrong with them."""

    entries: int = ATTACHMENTS_MAX
    size: int = ATTACHMENT_BYTES_MAX
    serial: int = 0
    _complaints: list[str] = field(default_factory=list)
    _unnamed: int = 0

    def take(self, size: int) -> int:
        """One attachment of so many bytes; returns its number."""
        self.entries = max(self.entries - 1, 0)
        self.size = max(self.size - size, 0)
        self.serial += 1
        return self.serial

    def complain(self, warning: str, name: str, code: str) -> None:
        if len(self._complaints) < WARNINGS_MAX:
            self._complaints.append(f"{warning}: {name} ({code})")
        else:
            self._unnamed += 1

    def complaints(self) -> list[str]:
        more = [f"{_NOT_READ}: {self._unnamed} more"] if self._unnamed else []
        return self._complaints + more


def _message(source: Source, notes: Notes, budget: _Budget, *, depth: int) -> Iterator[Draft]:
    headings: tuple[str, ...] = ()
    for draft in read_office(source, notes):
        if draft.kind is BlockKind.HEADING and not headings:
            headings = draft.heading_path
        yield draft
    found = attachments(source, entries_max=budget.entries, bytes_max=budget.size)
    names: Counter[str] = Counter()
    found.reverse()
    while found:  # each is let go before the next, for their bytes' sake
        attachment = found.pop()
        if not _is_read(attachment):
            continue
        name = _clean(attachment.name)
        names[name] += 1
        if names[name] > 1:
            name = f"{name} ({names[name]})"
        own = Notes()
        with source.album.within(name):
            for draft in _attachment(source, attachment, name, own, budget=budget, depth=depth + 1):
                position = draft.position
                inner = f"{name}/{position.attachment}" if position.attachment else name
                yield replace(
                    draft,
                    heading_path=(*headings, name, *draft.heading_path),
                    position=replace(position, attachment=inner),
                )
        notes.add_attachment(name, own)


def _attachment(
    mail: Source,
    attachment: EmailAttachment,
    name: str,
    notes: Notes,
    *,
    budget: _Budget,
    depth: int,
) -> Iterator[Draft]:
    """Its name as a heading, then its own blocks; complains instead of raising."""
    yield Draft(name, BlockKind.HEADING)
    data = attachment.data
    if data is None or depth > DEPTH_MAX:
        budget.complain(_NOT_READ, name, _OVER_LIMIT)
        return
    if not data:
        budget.complain(_NOT_READ, name, "empty_file")
        return
    folder = mail.scratch / f"attachment-{budget.take(len(data))}"
    said = False
    try:
        folder.mkdir()
        (folder / "content").write_bytes(data)
        part = _part(mail, folder / "content", attachment)
        if part.media_type in _MAILS:
            drafts = _message(part, notes, budget, depth=depth)
        else:
            drafts = mail.readers[part.media_type](part, notes)
        for draft in drafts:
            said = said or bool(draft.text.strip())
            yield draft
    except Exception as error:
        # Whatever a library raises: the mail and its other attachments are still to be read.
        budget.complain(_INCOMPLETE if said else _NOT_READ, name, _code_of(error))
    else:
        for warning in notes.warnings:
            budget.complain(_INCOMPLETE, name, warning)
        if not said:
            budget.complain(_NOT_READ, name, "no_text_found")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(mail: Source, path: Path, attachment: EmailAttachment) -> Source:
    """Raises as `detect`, and DocumentCorrupt for what could not be unpacked."""
    media_type = detect(
        path, file_name=attachment.name, content_type=attachment.content_type, limits=mail.limits
    )
    kind = (attachment.content_type or "text/").lower()
    if media_type is MediaType.TEXT and not kind.startswith("text/"):
        with path.open("rb") as file:
            if _ENCODED.fullmatch(file.read(_LOOKED_AT)):
                raise DocumentCorrupt("The attachment's base64 is damaged.")
    size = path.stat().st_size
    return replace(mail, path=path, media_type=media_type, size=size, scratch=path.parent)


def _is_read(attachment: EmailAttachment) -> bool:
    """Signatures say nothing, nor do the logos below them."""
    kind = (attachment.content_type or "").lower()
    is_logo = kind.startswith("image/") and attachment.size < _LOGO_BYTES_MAX
    return not is_logo and kind.replace("/x-", "/") not in _SIGNATURES


def _clean(name: str) -> str:
    """One line without control characters, and no path."""
    printable = "".join(c if c.isprintable() and c not in "/\\" else " " for c in name)
    return " ".join(printable.split())[:NAME_CHARS_MAX] or "attachment"


def _code_of(error: Exception) -> str:
    match error:
        case PipelineError():
            return error.code
        case MemoryError():
            return ParserOutOfMemory.code
        case _:
            return ParserCrashed.code
