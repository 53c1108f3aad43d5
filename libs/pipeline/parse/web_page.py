"""Web pages without what stands on every page of their site.

Navigation, running heads and feet, sidebars outside the main part, cookie banners and what is shown
without scripts are cut out of the file before it is read. When that would leave only a small share
of the text, the page is made otherwise than most, and nothing is cut.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

from pipeline.parse.encodings import Utf8Bytes, encoding_of
from pipeline.parse.limits import MIB
from pipeline.parse.office import read_office
from pipeline.parse.source import Draft, Notes, Source

PAGE_BYTES_MAX = 16 * MIB  # larger ones are data, not pages of a site
SHARE_KEPT_MIN = 0.3  # of the text; an index page may be all navigation
# Text is looked at byte by byte: its tags are ASCII in every encoding that is not wide.
_BYTEWISE = "latin-1"
_WIDE = ("utf-16", "utf-32")

_MAIN_TAGS = frozenset({"main", "article"})
_TAGS = frozenset({"nav", "aside", "footer", "header"})
_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search"})
_NEVER_SHOWN = frozenset({"noscript", "template"})
_BANNER_TAGS = frozenset({"div", "section", "aside", "dialog", "form"})
_COOKIES = re.compile(
    r"(?:cookie|consent|gdpr)s?[-_ ]?(?:banner|notice|bar|consent|popup|modal|dialog|overlay|law)",
    re.I,
)

# What a page without boilerplate has none of; looked for first, as that takes no time.
_SUSPICIOUS = ("<nav", "<aside", "<footer", "<header", "<noscript", "<template", "role")
_SUSPICIOUS_NAMES = ("cookie", "consent", "gdpr")


def read_web_page(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises as `read_office`."""
    if source.size <= PAGE_BYTES_MAX:
        if encoding_of(source.path).startswith(_WIDE):
            content = Utf8Bytes(source.path).read()
        else:
            content = source.path.read_bytes()
        kept = _without_boilerplate(content.decode(_BYTEWISE))
        if kept is not None:
            path = source.scratch / "page"
            path.write_bytes(kept.encode(_BYTEWISE))
            source = replace(source, path=path, size=path.stat().st_size)
    yield from read_office(source, notes)


def _without_boilerplate(page: str) -> str | None:
    """The page with parts cut out; None to take it as it is."""
    lower = page.lower()
    if not any(sign in lower for sign in _SUSPICIOUS + _SUSPICIOUS_NAMES):
        return None  # taking a page apart costs more than reading it does
    finder = _Finder(page)
    finder.feed(page)
    finder.close()
    kept = finder.characters - finder.characters_cut
    if not finder.cuts or kept < SHARE_KEPT_MIN * finder.characters:
        return None
    parts: list[str] = []
    end = 0
    for start, stop in finder.cuts:
        parts.append(page[end:start])
        end = stop
    return "".join((*parts, page[end:]))


class _Finder(HTMLParser):
    """Where the boilerplate is, and how much of the text.

    An element that never ends is none, nor is one that holds the page's title or its main part, nor
    a table of contents, whose links lead to places of the page itself.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.cuts: list[tuple[int, int]] = []
        self.characters = self.characters_cut = 0
        self._page = page
        self._lines = [0, *(match.end() for match in re.finditer("\n", page))]
        self._main = 0  # how many main parts are open
        self._tag = ""  # of the candidate that is open
        self._start = self._depth = self._characters_inside = 0
        self._links = self._links_within = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        is_main = tag in _MAIN_TAGS or named.get("role") == "main"
        if self._tag:
            self._depth += tag == self._tag
            if "href" in named:
                self._links += 1
                self._links_within += named["href"].startswith("#")
            if is_main or tag == "h1":
                self._tag = ""
        elif self._is_boilerplate(tag, named):
            self._tag, self._start, self._depth = tag, self._offset(), 1
            self._characters_inside = self._links = self._links_within = 0
        self._main += tag in _MAIN_TAGS

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """In HTML, `<div/>` begins a `div`; void elements are none of ours."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._main = max(self._main - (tag in _MAIN_TAGS), 0)
        if tag != self._tag:
            return
        self._depth -= 1
        if self._depth == 0:
            stop = self._page.find(">", self._offset()) + 1
            if stop and not (self._links and self._links == self._links_within):
                self.cuts.append((self._start, stop))
                self.characters_cut += self._characters_inside
            self._tag = ""

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # no script, no style
            length = len("".join(data.split()))
            self.characters += length
            self._characters_inside += length

    def _is_boilerplate(self, tag: str, named: dict[str, str]) -> bool:
        if tag in _NEVER_SHOWN:
            return True
        if tag in _BANNER_TAGS and _COOKIES.search(f"{named.get('id')} {named.get('class')}"):
            return True
        return self._main == 0 and (tag in _TAGS or named.get("role") in _ROLES)

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column
