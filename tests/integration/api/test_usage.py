"""What embedding has cost, as a tenant sees it."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from db.repositories.usage import Bill, UsageRepository
from support.api import Api
from support.attempts import claim
from support.work import home_of, queued

USAGE = "/api/v1/usage"


async def charged(api: Api, job_id: UUID, **bills: tuple[str | None, int, int]) -> None:
    """An attempt at the job that has paid so many tokens of each model, and saved so many."""
    claimed = await claim(api.sessions, job_id)
    bill = Bill()
    for model, (price, tokens, saved) in bills.items():
        dollars = None if price is None else Decimal(price)
        bill.charge(model, dollars, tokens, counted=price is None)
        if saved:
            bill.save(model, dollars, texts=3, tokens=saved)
    async with api.sessions.begin() as session:
        await UsageRepository(session).write([(claimed, bill)])


async def usage(api: Api, **query: Any) -> Any:
    answer = await api.client.get(USAGE, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_costs_are_added_up_by_whatever_is_asked(api: Api) -> None:
    home = await home_of(api)
    one, two = await queued(api, home, *"ab")
    await charged(api, one, small=("0.02", 1_000_000, 500_000), local=(None, 70, 0))
    await charged(api, two, small=("0.02", 500_000, 0))

    total = (await usage(api))["total"]
    by_model = (await usage(api, group_by="model"))["groups"]
    by_job = (await usage(api, group_by="job", model="small"))["groups"]
    by_two = (await usage(api, group_by=["dataset", "day"]))["groups"]

    assert total["tokens"] == 1_500_070
    assert (total["tokens_counted"], total["tokens_unpriced"]) == (70, 70)
    assert (total["cost"], total["cost_saved"]) == ("0.03", "0.01")
    assert (total["texts_reused"], total["tokens_saved"]) == (3, 500_000)
    assert [(each["model"], each["cost"]) for each in by_model] == [
        ("small", "0.03"),
        ("local", "0"),
    ]
    assert [(each["task_id"], each["cost"]) for each in by_job] == [
        (str(one), "0.02"),
        (str(two), "0.01"),
    ]
    [whole] = by_two
    assert whole["dataset_id"] == str(home.dataset_id)
    assert whole["day"] is not None
    assert whole["model"] is whole["task_id"] is None


async def test_a_total_that_is_written_twice_counts_once(api: Api) -> None:
    home = await home_of(api)
    [job_id] = await queued(api, home, "a")
    claimed = await claim(api.sessions, job_id)
    bill = Bill()
    for tokens in (100, 50):
        bill.charge("small", Decimal("0.02"), tokens, counted=False)
        for _ in range(2):
            async with api.sessions.begin() as session:
                await UsageRepository(session).write([(claimed, bill)])

    attempts = (await api.client.get(f"/api/v1/jobs/{job_id}/attempts")).json()["items"]

    assert (await usage(api))["total"]["tokens"] == 150
    assert [attempt["tokens"] for attempt in attempts] == [150]  # while it still runs


async def test_a_job_says_what_it_has_cost_and_saved(api: Api) -> None:
    home = await home_of(api)
    priced, unpriced = await queued(api, home, *"ab")
    await charged(api, priced, small=("0.02", 250_000, 1_000_000))
    await charged(api, unpriced, local=(None, 70, 0))

    first, second = [
        (await api.client.get(f"/api/v1/jobs/{job_id}")).json() for job_id in (priced, unpriced)
    ]

    assert (first["cost"], first["cost_saved"]) == ("0.005", "0.02")
    assert (first["texts_reused"], first["tokens_saved"]) == (3, 1_000_000)
    assert (second["cost"], second["tokens_saved"]) == (None, 0)


async def test_another_tenants_costs_are_its_own(api: Api) -> None:
    home = await home_of(api)
    [job_id] = await queued(api, home, "a")
    await charged(api, job_id, small=("0.02", 1_000, 0))

    async with api.as_key(await api.tenant_key()) as other:
        seen = (await other.get(USAGE, params={"dataset_id": str(home.dataset_id)})).json()

    assert (seen["total"]["tokens"], seen["total"]["cost"]) == (0, "0")


async def test_days_that_make_no_span_are_refused(api: Api) -> None:
    for query in (
        {"first_day": "2026-02-01", "last_day": "2026-01-01"},
        {"first_day": "2020-01-01", "last_day": "2026-01-01"},
        {"last_day": "9999-12-31"},
        {"last_day": "0001-01-01"},
        {"group_by": "colour"},
    ):
        answer = await api.client.get(USAGE, params=query)
        if query == {"last_day": "0001-01-01"}:
            assert answer.status_code == 200, answer.text
        else:
            assert answer.status_code == 400, (query, answer.text)
