"""The socket for events."""

from pathlib import Path
from typing import Any

import pytest

from sluice import AsyncClient, NoLiveEvents, NotFound
from sluice.models import Event, Tick
from support.small_sluice import AT, KEY, QUICK, SmallSluice, serving

DATASET = "0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11"


def event(cursor: int) -> dict[str, Any]:
    return {
        "type": "event",
        "cursor": cursor,
        "at": AT,
        "kind": "job.completed",
        "dataset_id": DATASET,
        "document_id": DATASET,
        "job_id": DATASET,
        "data": {},
    }


async def test_a_broken_socket_goes_on_behind_the_last_event() -> None:
    tick = {
        "type": "progress",
        "job_id": DATASET,
        "document_id": DATASET,
        "dataset_id": DATASET,
        "stage": "embed",
        "percent": 40.5,
        "chunks_done": 3,
        "tokens": 9,
        "seconds_left": None,
    }
    ping: dict[str, Any] = {"type": "ping"}
    sockets: list[list[dict[str, Any]]] = [
        [{"type": "ready", "cursor": 7}, event(8), ping, event(9), {"close": 1012}],
        [{"type": "ready", "cursor": 9}, tick, event(10), {"close": 4404}],
    ]
    seen: list[Event | Tick] = []

    async def follow(client: AsyncClient) -> None:
        async for each in client.events(dataset_id=DATASET):
            seen.append(each)  # noqa: PERF401  # it ends with an error, and what came stays

    async with (
        serving(SmallSluice(sockets=sockets)) as server,
        AsyncClient(server.url, KEY, retries=QUICK) as client,
    ):
        with pytest.raises(NotFound):
            await follow(client)

    assert server.cursors == [None, "9"]
    assert [each.cursor for each in seen if isinstance(each, Event)] == [8, 9, 10]
    assert [each.percent for each in seen if isinstance(each, Tick)] == [40]


async def test_where_no_socket_gets_through_events_come_by_pages() -> None:
    server = SmallSluice(sockets=[[{"type": "ready", "cursor": 7}, event(8), {"close": 1012}]])
    server.paged = [event(9)]
    async with serving(server), AsyncClient(server.url, KEY, retries=QUICK) as client:
        coming = aiter(client.events(dataset_id=DATASET))
        seen = [await anext(coming), await anext(coming)]

    assert [each.cursor for each in seen if isinstance(each, Event)] == [8, 9]
    assert [get.path for get in server.requests("GET", "/events")] != []


async def test_a_server_without_a_socket_says_so_and_is_polled(
    server: SmallSluice, client: AsyncClient, folder: Path
) -> None:
    report = await client.upload(folder, dataset="papers")
    with pytest.raises(NoLiveEvents):
        await anext(aiter(client.events(dataset_id=report.dataset.id)))

    assert report.ok
    assert (await client.wait("papers", timeout_seconds=5)).status == "ready"
