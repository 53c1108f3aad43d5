"""Exact cl100k token counts without a network: what OpenAI limits and bills by.

tiktoken looks for its ranks in a cache folder and fetches them otherwise. The file is shipped
beside this module under the name that its cache wants, so tiktoken is pointed there while it loads.
"""

import hashlib
import os
import re
import threading
from functools import cache
from pathlib import Path

import tiktoken

from pipeline.errors import InternalError

RANKS_FILE = Path(__file__).parent / "data" / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
RANKS_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"

# One call holds all its tokens in memory; a million characters take up to 0.6 s.
PIECE_CHARS_MAX = 1_000_000
# Where a text may be cut without a change to its tokens: cl100k joins a blank to the word after it.
CUT = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")
CUT_SEARCH_CHARS = 2_000

_loading = threading.Lock()


def count_tokens(text: str) -> int:
    """How many cl100k tokens `text` has; what looks like a special token counts as plain text.

    Exact, but for runs of more than a million characters that hold no two words with a blank
    between: there each cut may add one.
    """
    encoding = load_encoding()
    return sum(len(encoding.encode(piece, disallowed_special=())) for piece in _pieces(text))


def load_encoding() -> tiktoken.Encoding:
    """The encoding, which tiktoken's own `get_encoding` then has too. At first it takes 0.3 s."""
    with _loading:
        return _load()


@cache
def _load() -> tiktoken.Encoding:
    # tiktoken deletes a file with another hash and goes to the network: neither may happen here.
    if hashlib.sha256(RANKS_FILE.read_bytes()).hexdigest() != RANKS_SHA256:
        raise InternalError(f"{RANKS_FILE.name} is not the cl100k_base that this release ships")
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(RANKS_FILE.parent)
    try:
        return tiktoken.get_encoding("cl100k_base")
    finally:
        if before is None:
            del os.environ[CACHE_VARIABLE]
        else:
            os.environ[CACHE_VARIABLE] = before


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    while len(text) - start > PIECE_CHARS_MAX:
        limit = start + PIECE_CHARS_MAX
        end = limit
        for cut in CUT.finditer(text, limit - CUT_SEARCH_CHARS, limit):
            end = cut.start()
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return pieces
