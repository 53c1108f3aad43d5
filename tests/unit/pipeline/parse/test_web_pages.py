"""Web pages: what stands on every page of a site is left out, and never the page itself."""

import pytest

from unit.pipeline.parse.conftest import Parse

BODY = "<h1>Harbour rye</h1><p>" + "It keeps for nine days. " * 20 + "</p>"
MENU = "<ul><li><a href='/shop'>Shop</a></li><li><a href='/jobs'>Jobs</a></li></ul>"


def text_of(parse: Parse, page: str | bytes) -> str:
    blocks, _ = parse(page, "page.html")
    return "\n".join(block.text for block in blocks)


@pytest.mark.parametrize(
    "extra",
    [
        f"<nav>{MENU}</nav>",
        f"<nav><div><nav>{MENU}</nav></div>{MENU}</nav>",
        f"<footer>{MENU}</footer>",
        f"<aside>{MENU}</aside>",
        f"<header>{MENU}</header>",
        f"<DIV ROLE='navigation'>{MENU}</DIV>",
        f"<div class='x cookie-banner'>{MENU}</div>",
        f"<div id='gdpr_consent'><div>{MENU}</div></div>",
        f"<noscript>{MENU}</noscript>",
    ],
)
def test_what_surrounds_a_page_is_left_out(parse: Parse, extra: str) -> None:
    page = f"<html><body><main>{BODY}</main>{extra}<p>The end.</p></body></html>"

    text = text_of(parse, page)

    assert "Jobs" not in text
    assert "Harbour rye" in text
    assert "nine days" in text
    assert text.endswith("The end.")


@pytest.mark.parametrize(
    "page",
    [
        f"<html><body><nav>{MENU * 3}</nav><p>Home</p></body></html>",
        f"<main>{BODY}<aside>{MENU}</aside></main>",
        f"{BODY}<nav>{MENU}",
        f"{BODY}<header><h1>Also</h1>{MENU}</header>",
        f"{BODY}<nav><a href='#one'>Jobs</a> <a href='#two'>Pests</a></nav>",
        f"{BODY}<p class='consent'>Jobs</p>",
    ],
    ids=["only content", "inside", "unclosed", "title", "contents of the page", "a word"],
)
def test_what_may_be_the_page_itself_stays(parse: Parse, page: str) -> None:
    assert "Jobs" in text_of(parse, page)


def test_the_bytes_of_an_old_encoding_come_through(parse: Parse) -> None:
    page = f"<meta charset='koi8-r'><main><h1>Хлеб</h1>{BODY}</main><nav>{MENU}</nav>"

    text = text_of(parse, page.encode("koi8-r"))

    assert "Хлеб" in text
    assert "Jobs" not in text
