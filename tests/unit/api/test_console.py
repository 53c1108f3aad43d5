"""The console's page and files, as they leave the api."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar

from api.console.routes import FOLDER, Console

BUCKET = "https://account.r2.cloudflarestorage.com"


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(route_handlers=Console(f"{BUCKET}/docs").handlers(), openapi_config=None)
    transport = httpx.ASGITransport(cast(Any, app))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]+)"', page)


async def test_the_page_runs_nothing_but_its_own_files_and_reaches_the_bucket(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/jobs/0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11")

    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert f"connect-src 'self' {BUCKET};" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>([^<]+)", answer.text) == []
    assert all(it.startswith(("/static/console/", "/docs")) for it in addresses(answer.text))


async def test_every_file_that_the_page_names_is_there_and_kept_for_ever(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/")

    for address in addresses(page.text):
        if address.startswith("/static/"):
            answer = await browser.get(address)
            assert answer.status_code == 200, address
            assert "immutable" in answer.headers["cache-control"]


async def test_a_file_of_another_release_is_the_present_one_and_kept_by_nobody(
    browser: httpx.AsyncClient,
) -> None:
    first = await browser.get("/static/console/older/app.js")
    second = await browser.get(
        "/static/console/older/app.js", headers={"If-None-Match": first.headers["etag"]}
    )

    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"].startswith("text/javascript")
    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "../shell.py", "%2e%2e/shell.py", "vendor/VENDORED.md"]
)
async def test_nothing_else_is_served(browser: httpx.AsyncClient, name: str) -> None:
    answer = await browser.get(f"/static/console/x/{name}")

    assert answer.status_code == 404


async def test_files_are_packed_for_those_who_take_it(browser: httpx.AsyncClient) -> None:
    worker = "/static/console/x/vendor/pdfjs/worker.js"
    packed = await browser.get(worker, headers={"Accept-Encoding": "gzip"})
    plain = await browser.get(worker, headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert "wasm-unsafe-eval" in packed.headers["content-security-policy"]
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


def test_no_module_writes_markup_or_evaluates_text() -> None:
    ours = [path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts]

    found = [
        f"{path.name}: {word}"
        for path in ours
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
        if word in path.read_text()
    ]

    assert len(ours) > 40
    assert found == []


def test_what_is_vendored_is_listed_with_its_licence() -> None:
    vendor = FOLDER / "vendor"
    listed = (vendor / "VENDORED.md").read_text()

    names = {path.relative_to(vendor).parts[0] for path in vendor.iterdir()} - {"VENDORED.md"}

    assert {name for name in names if name.removesuffix(".md") not in listed} == set()
    assert Path(vendor / "pdfjs" / "LICENSE").is_file()
