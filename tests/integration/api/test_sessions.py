"""A browser logs in with an API key: what its cookie may do, and how it ends."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from api.keys import revoke
from api.sessions import FAILURES_MAX
from db.models import ApiKey, AuditEntry, BrowserSession, Role
from support.api import Api, client_of

SESSION = "/api/v1/session"
DATASETS = "/api/v1/datasets"


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """At an address on this machine, so that it may have a cookie over plain http."""
    async with client_of(api.app, "") as client:
        client.base_url = httpx.URL("http://127.0.0.1")
        yield client


async def logged_in(api: Api, browser: httpx.AsyncClient, role: Role = Role.ADMIN) -> str:
    """The CSRF token of a login with a new key of the tenant."""
    answer = await browser.post(SESSION, json={"key": await api.tenant_key(api.tenant, role)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["csrf_token"])


async def key_of(api: Api) -> UUID:
    """The key made last."""
    async with api.sessions() as session:
        found = await session.scalar(select(ApiKey.id).order_by(ApiKey.id.desc()).limit(1))
    assert found is not None
    return found


async def test_a_login_is_told_whose_it_is_and_is_in_the_audit_log(
    api: Api, browser: httpx.AsyncClient
) -> None:
    key = await api.tenant_key(api.tenant, Role.READ_ONLY)

    answer = await browser.post(SESSION, json={"key": key})
    again = await browser.get(SESSION)

    assert answer.json() == again.json()
    shown = answer.json()
    assert (shown["tenant"]["name"], shown["role"]) == (api.tenant, "read_only")
    assert key.startswith(shown["key"]["prefix"])
    assert key not in answer.text
    async with api.sessions() as session:
        entry = await session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))
        kept = await session.scalar(select(BrowserSession.token_hash).limit(1))
    assert entry is not None
    assert (entry.action, entry.api_key_id) == ("session.opened", await key_of(api))
    assert browser.cookies["sluice_session"].encode() != kept


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    api: Api, browser: httpx.AsyncClient
) -> None:
    key = await api.tenant_key(api.tenant)

    here = await browser.post(SESSION, json={"key": key})
    outside = await browser.post("http://sluice.example/api/v1/session", json={"key": key})
    by_tls = await browser.post("https://localhost/api/v1/session", json={"key": key})

    cookies = [each.headers["set-cookie"].lower() for each in (here, outside, by_tls)]
    assert all("httponly" in each and "samesite=strict" in each for each in cookies)
    assert ["secure" in each for each in cookies] == [False, True, True]


async def test_a_change_needs_the_token_that_only_the_page_knows(
    api: Api, browser: httpx.AsyncClient
) -> None:
    csrf = await logged_in(api, browser)
    other = await logged_in(api, browser)  # the browser's cookie is of this one

    answers = [
        await browser.post(DATASETS, json={"name": "x"}, headers=headers)
        for headers in ({}, {"X-CSRF-Token": csrf}, {"X-CSRF-Token": other})
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 201]
    assert answers[0].json()["code"] == "csrf_token_missing"
    assert (await browser.get(DATASETS)).status_code == 200


async def test_a_login_may_do_what_its_key_may(api: Api, browser: httpx.AsyncClient) -> None:
    csrf = await logged_in(api, browser, Role.READ_ONLY)

    refused = await browser.post(DATASETS, json={"name": "x"}, headers={"X-CSRF-Token": csrf})
    operators = await browser.get("/api/v1/quarantine")

    assert (refused.json()["code"], operators.json()["code"]) == ("read_only_key", "operator_only")


async def test_a_login_sees_nothing_of_another_tenant(api: Api, browser: httpx.AsyncClient) -> None:
    theirs = await api.dataset()
    await browser.post(SESSION, json={"key": await api.tenant_key()})

    answer = await browser.get(f"{DATASETS}/{theirs}")

    assert answer.json()["code"] == "dataset_not_found"


@pytest.mark.parametrize("end", ["log out", "revoke", "run out"])
async def test_a_login_ends(api: Api, browser: httpx.AsyncClient, end: str) -> None:
    csrf = await logged_in(api, browser)
    cookie = browser.cookies["sluice_session"]
    if end == "log out":
        answer = await browser.delete(SESSION, headers={"X-CSRF-Token": csrf})
        assert answer.status_code == 204
        assert "sluice_session" not in browser.cookies
        browser.cookies["sluice_session"] = cookie
    elif end == "revoke":
        await revoke(api.sessions, key_id=await key_of(api))
    else:
        async with api.sessions.begin() as session:
            await session.execute(
                update(BrowserSession).values(expires_at=BrowserSession.created_at)
            )

    answer = await browser.get(SESSION)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_login_that_is_used_lasts_longer(api: Api, browser: httpx.AsyncClient) -> None:
    await logged_in(api, browser)
    async with api.sessions.begin() as session:
        an_hour_left = func.now() + timedelta(hours=1)
        await session.execute(update(BrowserSession).values(expires_at=an_hour_left))

    answer = await browser.get(SESSION)

    left = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=11) < left <= timedelta(hours=12, minutes=1)


async def test_who_guesses_has_to_wait(api: Api, browser: httpx.AsyncClient) -> None:
    good = await api.tenant_key(api.tenant)
    transport = httpx.ASGITransport(api.app, client=("203.0.113.9", 1))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as guesser:
        guesses = [
            await guesser.post(SESSION, json={"key": "sluice_" + "x" * 40})
            for _ in range(FAILURES_MAX)
        ]
        late = await guesser.post(SESSION, json={"key": good})

    elsewhere = await browser.post(SESSION, json={"key": good})

    assert {guess.status_code for guess in guesses} == {401}
    assert (late.status_code, late.json()["code"]) == (429, "too_many_logins")
    assert 0 < int(late.headers["retry-after"]) <= 300
    assert elsewhere.status_code == 201


async def test_no_other_site_may_log_a_browser_in(api: Api, browser: httpx.AsyncClient) -> None:
    key = await api.tenant_key(api.tenant)

    answer = await browser.post(
        SESSION, json={"key": key}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.json()["code"] == "csrf_token_missing"
