"""Text to tokens for keyword search, the same for a chunk and for a query.

Analysed on our side because servers differ: Milvus Lite has no stemmer, and each server splits
other scripts in its own way. What leaves here is ASCII letters and digits between blanks, which
every `standard` analyzer splits alike. Any change of the result raises ANALYSIS_VERSION, which is
part of the fingerprint of what is stored.

Each word goes through the stemmer of its script; those of Latin letters through the stemmer of the
chunk's language. A query is too short to tell that, so its words are looked for in the form that
each language of the dataset gives them.
"""

import base64
import threading
import unicodedata
from collections.abc import Collection, Iterator

import regex
import Stemmer

from pipeline.languages import common_words, language_of
from pipeline.store.rows import TOKENS_BYTES_MAX

ANALYSIS_VERSION = 2
DEFAULT_LANGUAGE = "en"

# Longer runs are no words (encodings, hashes, keys mashed together); their start identifies them.
WORD_CHARS_MAX = 64
# Marks what is not plain ASCII; a plain word that starts with it is encoded too, so no two
# different words become one token.
ENCODED = "0u"

# Snowball's algorithms by language, for the languages of Latin letters.
LATIN_STEMMERS = {
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "sv": "swedish",
    "tr": "turkish",
}
# Of other scripts the commonest language; the same for chunk and query whatever the language is.
SCRIPT_STEMMERS = tuple(
    (regex.compile(rf"\p{{Script={script}}}"), algorithm)
    for script, algorithm in {
        "Cyrillic": "russian",
        "Arabic": "arabic",
        "Greek": "greek",
        "Devanagari": "hindi",
        "Armenian": "armenian",
        "Hebrew": "yiddish",
        "Tamil": "tamil",
    }.items()
)

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
    """The tokens of a chunk, joined by blanks; at most `bytes_max` long, what is over is left out.

    `language` (ISO 639-1) chooses the stemmer for words of Latin letters; one that has none leaves
    them as they are.
    """
    return _joined(_tokens(text, [language]), bytes_max)


def analyse_query(text: str, languages: Collection[str]) -> str:
    """The tokens of a query to chunks in these languages, each once.

    A word is there in every form that one of the languages gives it. Of a sentence the words that
    every sentence has are left out: chunks hold them all, by chance more or fewer (Cranfield, nDCG
    @10 by words alone: .343 with them, .352 without).
    """
    wanted = sorted({*languages, DEFAULT_LANGUAGE})
    tokens = dict.fromkeys(_tokens(_without_common_words(text), wanted))
    return _joined(iter(tokens), TOKENS_BYTES_MAX)


def _without_common_words(query: str) -> str:
    """The words that say what is asked; all of them where nothing would be left.

    One in capitals is no common word where others are not: WHO, IT, US.
    """
    common = common_words(language_of(query))
    shouts = not any(character.islower() for character in query)
    kept = [
        word
        for word in (run.group() for run in RUNS.finditer(query))
        if _fold(word) not in common or (word.isupper() and len(word) > 1 and not shouts)
    ]
    return " ".join(kept) if common and kept else query


def matches(text: str, tokens: Collection[str], *, language: str) -> list[tuple[int, int]]:
    """Where the text holds one of these tokens of a query: ranges of characters, from the left.

    Neighbouring pairs of an unspaced script become one range.
    """
    found: list[tuple[int, int]] = []
    for run in RUNS.finditer(text):
        for start, end in _matches_of_run(run, tokens, language):
            if found and start <= found[-1][1] and run.lastgroup == "unspaced":
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


def _matches_of_run(
    run: "regex.Match[str]", tokens: Collection[str], language: str
) -> Iterator[tuple[int, int]]:
    found = run.group()
    folded = _fold(found)
    if run.lastgroup == "unspaced" and len(folded) == len(found) > 1:
        for first in range(len(found) - 1):
            if _encode(folded[first : first + 2]) in tokens:
                yield run.start() + first, run.start() + first + 2
    elif any(token in tokens for token in _tokens(found, [language])):
        yield run.start(), run.end()


def _joined(tokens: Iterator[str], bytes_max: int) -> str:
    kept: list[str] = []
    size = -1  # no blank before the first
    for token in tokens:
        size += len(token) + 1
        if size > bytes_max:
            break
        kept.append(token)
    return " ".join(kept)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _tokens(text: str, languages: Collection[str]) -> Iterator[str]:
    for run in RUNS.finditer(_fold(text)):
        found = run.group()
        if run.lastgroup == "word":
            word = found[:WORD_CHARS_MAX]
            for stem in dict.fromkeys(_stem(word, language) for language in languages):
                yield _encode(stem)
        elif len(found) == 1:
            yield _encode(found)
        else:
            for first in range(len(found) - 1):
                yield _encode(found[first : first + 2])


def _stem(word: str, language: str) -> str:
    if not word.isascii():
        for script, algorithm in SCRIPT_STEMMERS:
            if script.search(word):
                return str(_stemmer(algorithm).stemWord(word)) or word
    if (algorithm_of_latin := LATIN_STEMMERS.get(language)) is None:
        return word
    return str(_stemmer(algorithm_of_latin).stemWord(word)) or word


def _encode(token: str) -> str:
    if token.isascii() and not token.startswith(ENCODED):
        return token
    # UTF-16 and base 32: the shortest here for the scripts that need it, nine bytes for a pair.
    packed = base64.b32encode(token.encode("utf-16-be", errors="replace")).decode()
    return ENCODED + packed.rstrip("=").lower()


def _stemmer(algorithm: str) -> Stemmer.Stemmer:
    known: dict[str, Stemmer.Stemmer] = _stemmers.__dict__
    if algorithm not in known:
        known[algorithm] = Stemmer.Stemmer(algorithm)
    return known[algorithm]
