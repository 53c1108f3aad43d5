"""A real Chromium before the real product. What it complains of fails the test."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from stack.backends import Backends
from support.product import Client, Product, running_product
from support.visits import Visit

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_MILLISECONDS = 30_000  # two cores run the product, the browser and other tests


def chromium() -> str:
    """Its path; skips the test without it, or fails it where it has to be there."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    message = "Chromium is not installed (Debian: apt-get install chromium)"
    if os.environ.get("SLUICE_BROWSER_REQUIRED") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    expect.set_options(timeout=WAIT_MILLISECONDS)
    async with async_playwright() as playwright:
        # Without a sandbox, since the tests may run as root; it sees our own pages alone.
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture(scope="module")
async def product(
    browser: Browser,
    backends: Backends,
    database_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Product]:
    """At the address whose pages the local bucket lets upload."""
    folder = tmp_path_factory.mktemp("services")
    port = backends.ports.api
    async with running_product(backends, database_template, folder, port=port) as running:
        yield running


@pytest.fixture
async def client(product: Product) -> AsyncIterator[Client]:
    async with product.client() as ready:
        yield ready


@pytest.fixture
async def visit(browser: Browser, client: Client) -> AsyncIterator[Visit]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MILLISECONDS)
    visit = Visit(await context.new_page(), client.url).listen()
    yield visit
    await context.close()
    assert visit.complaints == []
