"""What people do with the console, from the first visit on."""

import asyncio
from itertools import count
from pathlib import Path
from uuid import uuid4

from playwright.async_api import FilePayload, Locator, Page, Route, ViewportSize, expect

from api.keys import create
from db.engine import create_engine, session_factory
from db.models import Role
from stack.services import LOCAL_TENANT
from support.product import Client, Product
from support.visits import Visit

DATA = Path(__file__).parents[1] / "data"
HOSTILE_NAME = "<img src=x onerror=document.body.remove()>.txt"
PLACES = ["datasets", "jobs", "failures", "workers", "costs", "audit-log", "settings"]
PHONE = ViewportSize(width=390, height=844)


def text_file(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}


def data_file(name: str, media_type: str) -> FilePayload:
    return {"name": Path(name).name, "mimeType": media_type, "buffer": (DATA / name).read_bytes()}


def row(page: Page, file_name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=file_name)


async def open_dataset(visit: Visit, client: Client, name: str) -> str:
    """A new one, in a browser that is logged in; returns its id."""
    made = await client.call("POST", "/datasets", {"name": name})
    dataset: str = made["dataset"]["id"]
    await visit.log_in(client.key, at=f"/datasets/{dataset}")
    await expect(visit.page.get_by_role("heading", name=name)).to_be_visible()
    return dataset


async def upload(page: Page, *files: FilePayload) -> None:
    await page.get_by_label("Files to upload").set_input_files(list(files))


async def test_from_the_first_visit_to_the_first_hit_without_a_reload(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    await visit.log_in(client.key)
    await page.evaluate("window.sameDocument = true")
    await page.get_by_role("button", name="New dataset").first.click()
    await page.get_by_label("Name").fill("Bakery")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_text("Drop your first files here")).to_be_visible()

    await upload(
        page,
        data_file("demo/oven-manual.pdf", "application/pdf"),
        text_file(HOSTILE_NAME, "Nobody may put a ladder before the flour store."),
    )

    uploads = page.get_by_role("region", name="Uploads")
    await expect(uploads.get_by_text("Searchable")).to_have_count(2)
    await expect(row(page, "oven-manual.pdf")).to_contain_text("Completed")
    await expect(row(page, HOSTILE_NAME)).to_contain_text("Completed")
    await page.get_by_role("link", name="Search", exact=True).click()
    await page.keyboard.press("/")
    await page.keyboard.type("How hot does the stone have to be?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("hits in").or_(page.get_by_text("hit in"))).to_be_visible()
    await page.get_by_role("button", name="oven-manual.pdf").first.click()
    await expect(page.locator(".pdf-mark")).to_be_visible()
    assert await drawn(page)
    assert await page.evaluate("window.sameDocument") is True


async def drawn(page: Page) -> bool:
    """Whether the page of the PDF shows something dark on its white."""
    dark: bool = await page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas");
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return data.some((value, at) => at % 4 === 0 && value < 90);
        }"""
    )
    return dark


async def test_a_job_tells_what_happened_to_it_and_its_upload_how_it_ended_meanwhile(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    dataset = await open_dataset(visit, client, "Elsewhere")
    await upload(page, text_file("travels.txt", "It is read while nobody looks."))
    await expect(row(page, "travels.txt")).to_be_visible()

    # Away before it is done, so that the upload's row hears nothing of it.
    await page.get_by_role("link", name="Costs").click()
    await client.until(lambda: completed(client, dataset))
    await page.get_by_role("link", name="Jobs").click()
    await page.get_by_role("link", name="travels.txt").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("travels.txt")
    for told in ("Queued", "A worker took it", "Completed", "Searchable"):
        await expect(page.locator(".timeline").get_by_text(told).first).to_be_visible()
    await expect(page.locator(".attempt")).to_have_count(1)
    await page.get_by_role("link", name="Details and chunks").click()
    await expect(page.get_by_role("dialog")).to_contain_text("It is read while nobody looks.")
    await page.keyboard.press("Escape")
    uploads = page.get_by_role("region", name="Uploads")
    await expect(uploads.get_by_text("Searchable")).to_be_visible()


async def completed(client: Client, dataset: str) -> bool:
    return [job["status"] for job in await client.jobs(dataset)] == ["completed"]


async def test_a_list_that_is_slow_to_answer_moves_on_while_events_come_in_crowds(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    dataset = await open_dataset(visit, client, "Crowded")
    await page.route(f"**/datasets/{dataset}/documents?*", answer_slowly)

    async def crowd() -> None:
        for number in count():
            await client.call("PATCH", f"/datasets/{dataset}", {"name": f"Crowded {number}"})
            await asyncio.sleep(0.2)

    crowding = asyncio.create_task(crowd())
    try:
        await upload(page, text_file("patient.txt", "It is seen all the same."))

        await expect(row(page, "patient.txt")).to_contain_text("Completed")
        assert not crowding.done()
    finally:
        crowding.cancel()
        await page.unroute_all(behavior="ignoreErrors")


async def answer_slowly(route: Route) -> None:
    await asyncio.sleep(1.2)  # longer than the console waits before it asks again
    await route.continue_()


async def test_what_failed_is_told_in_plain_words_and_retried_one_by_one_and_all_at_once(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    dataset = await open_dataset(visit, client, "Locked")
    await upload(page, data_file("encrypted.pdf", "application/pdf"))
    failed = row(page, "encrypted.pdf")
    await expect(failed).to_contain_text("Failed")
    await expect(failed).to_contain_text("protected by a password")

    await page.get_by_role("button", name="Retry encrypted.pdf").click()

    await client.until(lambda: tried(client, dataset, times=2))
    await expect(failed).to_contain_text("Failed")
    await page.get_by_role("link", name="What failed here").click()
    await page.get_by_role("button", name="Retry", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("This queues 1 job.")
    await dialog.get_by_role("button", name="Retry 1 job").click()
    await expect(dialog).to_have_count(0)
    await client.until(lambda: tried(client, dataset, times=3))


async def tried(client: Client, dataset: str, *, times: int) -> bool:
    [job] = await client.jobs(dataset)
    return bool(job["status"] == "failed" and job["attempts"] >= times)


async def test_a_job_is_cancelled_and_a_document_deleted_only_when_it_is_meant(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    dataset = await open_dataset(visit, client, "Patience")
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    await upload(page, text_file("later.txt", "This one has time."))
    await expect(row(page, "later.txt")).to_contain_text("Paused")

    await page.get_by_role("button", name="Cancel later.txt").click()

    await expect(row(page, "later.txt")).to_contain_text("Cancelled")
    await page.get_by_role("button", name="Delete later.txt").click()
    await page.get_by_role("button", name="Keep as it is").click()
    assert len(await client.documents(dataset)) == 1
    await page.get_by_role("button", name="Delete later.txt").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row(page, "later.txt")).to_have_count(0)
    assert await client.documents(dataset) == {}


async def test_a_wrong_key_is_refused_and_a_right_one_leads_where_one_wanted_to_go(
    visit: Visit, client: Client
) -> None:
    page = visit.page
    await visit.log_in(f"sluice_{'x' * 40}", at="/costs?days=7")
    await expect(page.get_by_role("alert")).to_contain_text("unknown or was revoked")

    await page.get_by_label("API key").fill(client.key)
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="Costs")).to_be_visible()
    assert page.url.endswith("/costs?days=7")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("API key")).to_be_visible()


async def test_a_key_that_may_only_read_sees_no_button_that_would_be_refused(
    visit: Visit, client: Client, product: Product
) -> None:
    made = await client.call("POST", "/datasets", {"name": "Looked at"})
    page = visit.page
    await visit.log_in(await read_only_key(product), at=f"/datasets/{made['dataset']['id']}")

    await expect(page.get_by_text("Your key may only read")).to_be_visible()
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    await expect(page.get_by_role("button", name="Choose files")).to_have_count(0)


async def read_only_key(product: Product) -> str:
    engine = create_engine(
        product.environment["DATABASE_URL"], pool_size=1, application_name="test"
    )
    try:
        return await create(
            session_factory(engine), tenant=LOCAL_TENANT, name=uuid4().hex, role=Role.READ_ONLY
        )
    finally:
        await engine.dispose()


async def test_every_page_fits_on_a_phone(visit: Visit, client: Client) -> None:
    page = visit.page
    await page.set_viewport_size(PHONE)
    await visit.log_in(client.key, at="/datasets")
    for place in PLACES:
        await page.goto(f"{visit.url}/{place}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.get_by_label("Loading")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], place
        await expect(page.get_by_role("alert")).to_have_count(0)
