"""Which failures are alike: a short hash of an error without what is particular to one document."""

import hashlib
import re

FINGERPRINT_CHARS = 16  # 64 bits: no two of a tenant's kinds of failures meet by chance
TEXT_CHARS_MAX = 2_000  # what makes failures alike stands at the beginning

# In this order: an id holds numbers, and a quoted name may hold either.
PARTICULARS = tuple(
    re.compile(pattern)
    for pattern in (
        # Quotes, but not the apostrophe of a word.
        r"(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)",
        r'"[^"\n]*"',
        r"`[^`\n]*`",
        r"[“„][^“”\n]*[“”]",
        r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
        r"(?i)\b0x[0-9a-f]+\b",
        r"(?i)\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b",
        r"\d+(?:[.,:_]\d+)*",
    )
)


def error_fingerprint(code: str, stage: str | None, text: str) -> str:
    """Equal for failures of one code and stage whose texts differ only in particulars: numbers,
    UUIDs, hexadecimal ids, quoted names, case and blanks. 16 hexadecimal digits, stable for good.
    """
    whole = "\n".join((code, stage or "", _normalised(text)))
    return hashlib.sha256(whole.encode(errors="replace")).hexdigest()[:FINGERPRINT_CHARS]


def _normalised(text: str) -> str:
    text = text[:TEXT_CHARS_MAX]
    for particular in PARTICULARS:
        text = particular.sub("?", text)
    return " ".join(text.lower().split())
