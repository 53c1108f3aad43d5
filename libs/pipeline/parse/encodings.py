"""Which encoding a text file has, and its text as a stream with plain line ends.

A byte order mark decides; then UTF-16 and UTF-32 show by their zero bytes, UTF-8 by being valid;
what is left is guessed by charset-normalizer.
"""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from pipeline.errors import DocumentCorrupt

SAMPLE_BYTES = 16 * 1024 * 1024  # read at 1 GB/s: a stray byte further on is replaced, not fatal
GUESS_BYTES = 64 * 1024  # the guesser reads each byte dozens of times
PIECE_CHARS = 64 * 1024
# A line is held whole; one of this length is no line of a text anyone wrote.
LINE_CHARS_MAX = 32 * 1024 * 1024

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Other encodings look like UTF-8 by chance in one character of seven at most, so three wrong bytes
# for each right character is UTF-8 with damage.
_WRONG_BYTES_TOLERATED = 3


def encoding_of(path: Path) -> str:
    """A codec name that `open` knows."""
    with path.open("rb") as file:
        return encoding_of_bytes(file.read(SAMPLE_BYTES))


def encoding_of_bytes(sample: bytes) -> str:
    """As `encoding_of`, for the first bytes of a file."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    return _wide_encoding(sample) or _eight_bit_encoding(sample)


def _wide_encoding(sample: bytes) -> str | None:
    head = sample[:4096]
    quarter = len(head) // 4
    if quarter < 1:
        return None
    zeros = [head[at::4].count(0) / quarter for at in range(4)]
    even, odd = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if min(zeros[0], zeros[1]) > 0.9 and zeros[3] < 0.1:
        return "utf-32-be"
    if min(zeros[2], zeros[3]) > 0.9 and zeros[0] < 0.1:
        return "utf-32-le"
    # Half of it Latin is enough; anything in an eight-bit encoding has hardly any zero.
    if even > 0.4 and odd < 0.05:
        return "utf-16-be"
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return None


def _eight_bit_encoding(sample: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        text = sample[:GUESS_BYTES].decode("utf-8", "replace")
        wrong = text.count("\ufffd")
        right = sum(1 for char in text if char > "\x7f") - wrong
        if wrong == 0 or wrong <= _WRONG_BYTES_TOLERATED * right:
            return "utf-8"
    else:
        return "utf-8"
    guesses = from_bytes(sample[:GUESS_BYTES])
    best = guesses.best()
    # A text too short to show its language fits many encodings: then the commonest one.
    common = next((guess for guess in guesses if guess.encoding == "cp1252"), None)
    if best is None or (common is not None and common.coherence >= best.coherence):
        return "cp1252"
    return best.encoding


def without_invisible(text: str) -> str:
    """Without NULs, and without the marks that stay inside files joined from several."""
    return text.replace("\0", "").replace("\ufeff", "")


def open_text(path: Path, *, newline: str | None = None) -> io.TextIOWrapper:
    """The file decoded; what cannot be decoded is U+FFFD. `newline` as for `open`."""
    return path.open(encoding=encoding_of(path), errors="replace", newline=newline)


def pieces(path: Path) -> Iterator[str]:
    """The text of a file of any size in constant memory, line ends normalised, NULs removed."""
    with open_text(path) as file:
        while piece := file.read(PIECE_CHARS):
            yield without_invisible(piece)


def lines(path: Path) -> Iterator[str]:
    """The lines with their ends as they are; raises DocumentCorrupt for one beyond all measure."""
    with open_text(path, newline="") as file:
        while line := file.readline(LINE_CHARS_MAX):
            if len(line) == LINE_CHARS_MAX:
                raise DocumentCorrupt("a line of the file is longer than 32 million characters")
            yield without_invisible(line)


class Utf8Bytes:
    """A file-like object for parsers that read UTF-8 bytes, over a file of any encoding."""

    def __init__(self, path: Path) -> None:
        self._file = open_text(path, newline="")

    def read(self, size: int = -1) -> bytes:
        """At least one character's bytes unless the file has ended; `size` counts characters."""
        return self._file.read(size).encode("utf-8", "replace")

    def close(self) -> None:
        self._file.close()
