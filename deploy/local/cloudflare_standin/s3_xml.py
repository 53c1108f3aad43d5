"""The few XML documents that the proxy has to understand or mend."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from cloudflare_standin.s3_errors import MalformedXml

DELETE_KEYS_MAX = 1000  # S3's limit for one DeleteObjects
XML_BYTES_MAX = 4 * 1024 * 1024  # 10,000 parts or 1,000 keys of 1024 bytes, with room to spare

_BARE_ETAG = re.compile(rb"<ETag>([0-9a-f]+)</ETag>")
_ANY_ETAG = re.compile(rb"<ETag>[^<]*</ETag>")


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    keys: list[str]
    quiet: bool


def read_delete(body: bytes) -> DeleteRequest:
    root = _parse(body)
    keys = [element.text or "" for element in root.iterfind("{*}Object/{*}Key")]
    if not 0 < len(keys) <= DELETE_KEYS_MAX:
        raise MalformedXml(f"A delete names between 1 and {DELETE_KEYS_MAX} keys")
    return DeleteRequest(keys, quiet=root.findtext("{*}Quiet") == "true")


def write_delete(keys: Collection[str]) -> bytes:
    objects = "".join(f"<Object><Key>{_text(key)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>false</Quiet>{objects}</Delete>".encode()


def read_delete_failures(body: bytes) -> dict[str, tuple[str, str]]:
    """(code, message) by key."""
    return {
        error.findtext("{*}Key", ""): (
            error.findtext("{*}Code", ""),
            error.findtext("{*}Message", ""),
        )
        for error in _parse(body).iterfind("{*}Error")
    }


def write_delete_result(deleted: Collection[str], failed: dict[str, tuple[str, str]]) -> bytes:
    parts = [f"<Deleted><Key>{_text(key)}</Key></Deleted>" for key in deleted]
    parts += [
        f"<Error><Key>{_text(key)}</Key><Code>{_text(code)}</Code>"
        f"<Message>{_text(message)}</Message></Error>"
        for key, (code, message) in failed.items()
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(parts)}'
        "</DeleteResult>"
    ).encode()


def is_error(body: bytes) -> bool:
    """True for an S3 error, which CompleteMultipartUpload may send with status 200."""
    return _parse(body).tag.rpartition("}")[2] == "Error"


def quote_etags(listing: bytes) -> bytes:
    """R2 quotes the ETags of a listing, the local object store does not."""
    return _BARE_ETAG.sub(rb"<ETag>&quot;\1&quot;</ETag>", listing)


def replace_etag(body: bytes, etag: str) -> bytes:
    return _ANY_ETAG.sub(f"<ETag>{_text(etag)}</ETag>".encode(), body)


def _parse(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314 - signed with our own key, or from our own server
    except ET.ParseError as exc:
        raise MalformedXml("The XML is not well-formed") from exc


def _text(text: str) -> str:
    # A newline or tab in a key would be folded by the reader without this.
    return escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
