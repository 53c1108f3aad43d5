"""Text to tokens for keyword search, the same for a chunk and for a query.

Analysed on our side because servers differ: Milvus Lite has no stemmer, and each server splits
other scripts in its own way. What leaves here is ASCII letters and digits between blanks, which
every `standard` analyzer splits alike. Any change of the result raises ANALYSIS_VERSION, which is
part of the fingerprint of what is stored.
"""

import base64
import threading
import unicodedata
from collections.abc import Iterator

import regex
import Stemmer

from pipeline.store.rows import TOKENS_BYTES_MAX

ANALYSIS_VERSION = 1
DEFAULT_LANGUAGE = "english"

# Longer runs are no words (encodings, hashes, keys mashed together); their start identifies them.
WORD_CHARS_MAX = 64
# Marks what is not plain ASCII; a plain word that starts with it is encoded too, so no two
# different words become one token.
ENCODED = "0u"

# Scripts written without blanks between words. They are split from what surrounds them before
# pairs are made; U+30FC lengthens a vowel in both kana and so has no script of its own.
UNSPACED = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー"
)
RUNS = regex.compile(
    rf"(?P<unspaced>[{UNSPACED}]+)|(?P<word>[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+)",
    regex.VERSION1,
)

_stemmers = threading.local()  # a stemmer holds a buffer: one per thread


def analyse(
    text: str, *, language: str = DEFAULT_LANGUAGE, bytes_max: int = TOKENS_BYTES_MAX
) -> str:
    """The tokens of a text, joined by blanks; at most `bytes_max` long, what is over is left out.

    `language` names the Snowball stemmer; scripts that it does not know pass through it unchanged.
    Raises KeyError for a language without a stemmer.
    """
    tokens: list[str] = []
    size = -1  # no blank before the first
    for token in _tokens(unicodedata.normalize("NFKC", text).casefold(), language):
        size += len(token) + 1
        if size > bytes_max:
            break
        tokens.append(token)
    return " ".join(tokens)


def _tokens(text: str, language: str) -> Iterator[str]:
    stemmer = _stemmer(language)
    for run in RUNS.finditer(text):
        found = run.group()
        if run.lastgroup == "word":
            yield _encode(stemmer.stemWord(found[:WORD_CHARS_MAX]))
        elif len(found) == 1:
            yield _encode(found)
        else:
            for first in range(len(found) - 1):
                yield _encode(found[first : first + 2])


def _encode(token: str) -> str:
    if token.isascii() and not token.startswith(ENCODED):
        return token
    # UTF-16 and base 32: the shortest here for the scripts that need it, nine bytes for a pair.
    packed = base64.b32encode(token.encode("utf-16-be", errors="replace")).decode()
    return ENCODED + packed.rstrip("=").lower()


def _stemmer(language: str) -> Stemmer.Stemmer:
    known: dict[str, Stemmer.Stemmer] = _stemmers.__dict__
    if language not in known:
        known[language] = Stemmer.Stemmer(language)
    return known[language]
