"""Messages of a real queue become jobs, or are kept with the reason, and only then are settled."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from db.engine import Sessions, create_engine, session_factory
from db.models import Dataset, Document, Job, QuarantinedMessage
from db.repositories.uploads import Expected, UploadRepository
from integration.poller.queues import MAX_RETRIES, TestQueue
from pipeline.queue import LARGE_BYTES
from poller.intake import Intake, Source
from stack.ports import LOOPBACK
from support.catalog import Home, document_of, jobs_of

BUCKET = "uploads"
IDLE = timedelta(seconds=5)
VISIBILITY = timedelta(seconds=60)
NOTHING_LISTENS = 9  # the discard port: reserved, and nobody's on the machines that run tests
DEEP = 100_000

MakeIntake = Callable[..., Intake]


@pytest.fixture
def make_intake(sessions: Sessions) -> MakeIntake:
    def make(queue: TestQueue, *, to: Sessions = sessions) -> Intake:
        return Intake(
            Source(queue.name, queue.pulled, BUCKET),
            to,
            visibility=VISIBILITY,
            idle=IDLE,
            large_bytes=LARGE_BYTES,
            hints=None,
            hears=True,
        )

    return make


@pytest.fixture
async def sessions_without_postgres() -> AsyncIterator[Sessions]:
    engine = create_engine(
        f"postgresql://nobody@{LOOPBACK}:{NOTHING_LISTENS}/nothing",
        pool_size=1,
        application_name="tests",
    )
    yield session_factory(engine)
    await engine.dispose()


def event(dataset_id: UUID, name: str = "a.txt", **changed: Any) -> dict[str, Any]:
    return {
        "account": "account",
        "action": "PutObject",
        "bucket": BUCKET,
        "object": {"key": f"{dataset_id}/{name}", "size": 5, "eTag": "e1"},
        "eventTime": "2026-01-01T00:00:00.000Z",
        **changed,
    }


def with_size(dataset_id: UUID, size: str) -> str:
    """An event whose size is this literal, letter for letter."""
    return json.dumps(event(dataset_id)).replace('"size": 5', f'"size": {size}')


def as_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def files_with_jobs(sessions: Sessions) -> set[str]:
    async with sessions() as session:
        names = await session.scalars(
            select(Document.file_name).join(Job, Job.document_id == Document.id)
        )
        return set(names)


async def quarantined(sessions: Sessions) -> list[QuarantinedMessage]:
    async with sessions() as session:
        return list(await session.scalars(select(QuarantinedMessage)))


async def reasons(sessions: Sessions) -> list[str]:
    return [message.reason for message in await quarantined(sessions)]


async def test_events_become_jobs_and_are_acknowledged(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send(*(event(home.dataset_id, f"{number}.txt") for number in range(3)))

    pause = await make_intake(queue).round()

    assert pause == timedelta(0)  # there may be more
    assert await files_with_jobs(sessions) == {"0.txt", "1.txt", "2.txt"}
    document = await document_of(sessions, home, "0.txt")
    assert (document.event_etag, document.size) == ("e1", 5)
    assert await queue.backlog() == 0
    assert await quarantined(sessions) == []


async def test_an_event_that_comes_again_makes_no_second_job(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    intake = make_intake(queue)
    await queue.send(event(home.dataset_id), event(home.dataset_id))
    await intake.round()
    await queue.send(event(home.dataset_id))

    await intake.round()

    assert len(await jobs_of(sessions, home)) == 1
    assert await queue.backlog() == 0


async def test_a_body_is_read_as_base64_as_plain_json_and_as_text(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send(event(home.dataset_id, "json.txt"))
    await queue.send(json.dumps(event(home.dataset_id, "text.txt")), content_type="text")
    await queue.send_raw(json.dumps(event(home.dataset_id, "plain.txt")))

    await make_intake(queue).round()

    assert await files_with_jobs(sessions) == {"json.txt", "text.txt", "plain.txt"}
    assert await quarantined(sessions) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(lambda _: "!! neither base64 nor JSON", "undecodable", id="garbage"),
        pytest.param(lambda _: as_base64("{"), "undecodable", id="half a document"),
        pytest.param(lambda _: as_base64("[1, 2]"), "undecodable", id="no object"),
        pytest.param(lambda _: as_base64('{"a": 1}'), "not_an_event", id="no event"),
        pytest.param(lambda _: '{"a":' * DEEP, "undecodable", id="nested without end"),
        pytest.param(
            lambda home: json.dumps(event(home, bucket="other")), "other_bucket", id="other bucket"
        ),
        pytest.param(
            lambda home: json.dumps(event(home, action="Teleport")),
            "unknown_action",
            id="unknown action",
        ),
        pytest.param(lambda _: json.dumps(event(uuid4())), "unknown_dataset", id="unknown dataset"),
    ],
)
async def test_what_makes_no_job_is_kept_raw_with_the_reason_and_costs_its_neighbours_nothing(
    *,
    sessions: Sessions,
    home: Home,
    queue: TestQueue,
    make_intake: MakeIntake,
    body: Callable[[UUID], str],
    reason: str,
) -> None:
    raw = body(home.dataset_id)
    await queue.send(event(home.dataset_id, "before.txt"))
    await queue.send_raw(raw)
    await queue.send(event(home.dataset_id, "after.txt"))

    await make_intake(queue).round()

    [message] = await quarantined(sessions)
    assert (message.reason, message.queue) == (reason, queue.name)
    assert message.body == raw
    assert await files_with_jobs(sessions) == {"before.txt", "after.txt"}
    assert await queue.backlog() == 0


@pytest.mark.parametrize("size", ["1e999", "-1e999", "NaN", str(2**63), "1e30"])
async def test_a_size_that_no_object_has_ends_in_quarantine_alone(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake, size: str
) -> None:
    raw = with_size(home.dataset_id, size)
    await queue.send(event(home.dataset_id, "good.txt"))
    await queue.send_raw(raw)

    await make_intake(queue).round()

    [message] = await quarantined(sessions)
    assert message.reason
    assert message.body == raw
    assert await files_with_jobs(sessions) == {"good.txt"}
    assert await queue.backlog() == 0


async def test_a_body_with_nul_is_kept_without_it(
    sessions: Sessions, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send_raw("broken\0 body")

    await make_intake(queue).round()

    [message] = await quarantined(sessions)
    assert message.body == "broken body"


async def test_an_event_for_a_purged_dataset_is_kept_with_the_reason(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(deleted_at=func.now(), purged_at=func.now()))
    await queue.send(event(home.dataset_id))

    await make_intake(queue).round()

    assert await reasons(sessions) == ["unknown_dataset"]
    assert await queue.backlog() == 0


async def test_each_of_several_events_of_one_file_is_kept_as_it_came(
    sessions: Sessions, queue: TestQueue, make_intake: MakeIntake
) -> None:
    nowhere = uuid4()
    bodies = [json.dumps(event(nowhere, eventTime=f"2026-01-0{day}T00:00:00Z")) for day in (1, 2)]
    for body in bodies:
        await queue.send_raw(body)

    await make_intake(queue).round()

    assert sorted(message.body for message in await quarantined(sessions)) == sorted(bodies)


async def test_a_batch_of_a_hundred_is_stored_in_one_round(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    for start in (0, 50):
        await queue.send(
            *(event(home.dataset_id, f"{number}.txt") for number in range(start, start + 50))
        )

    await make_intake(queue).round()

    assert len(await jobs_of(sessions, home)) == 100
    assert await queue.backlog() == 0


async def test_without_postgres_nothing_is_pulled(
    sessions_without_postgres: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send(event(home.dataset_id))

    pauses = [await make_intake(queue, to=sessions_without_postgres).round() for _ in range(3)]

    assert min(pauses) > timedelta(0)
    [message] = (await queue.pulled.pull(visibility=VISIBILITY)).messages
    assert message.attempts == 1  # nobody has had it before


async def test_the_pauses_grow_while_postgres_is_away(
    sessions_without_postgres: Sessions, queue: TestQueue, make_intake: MakeIntake
) -> None:
    intake = make_intake(queue, to=sessions_without_postgres)

    pauses = [await intake.round() for _ in range(9)]

    assert pauses == sorted(pauses)
    assert timedelta(0) < pauses[0] <= timedelta(seconds=2)
    assert pauses[-1] == timedelta(seconds=60)


async def test_a_paused_queue_is_left_alone_for_an_idle_round(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send(event(home.dataset_id))
    await queue.pause()

    pause = await make_intake(queue).round()

    assert pause == IDLE
    assert await jobs_of(sessions, home) == []
    assert await queue.backlog() == 1


async def test_too_many_requests_are_answered_by_the_pause_that_was_asked_for(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    intake = make_intake(queue)
    await queue.send(event(home.dataset_id))
    await queue.set_faults(pulls_to_fail=1, fail_status=429, retry_after_seconds=17)

    pause = await intake.round()
    after = await intake.round()

    assert pause == timedelta(seconds=17)
    assert after == timedelta(0)
    assert len(await jobs_of(sessions, home)) == 1


async def test_a_server_cannot_ask_for_more_than_a_minute(
    queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.set_faults(pulls_to_fail=1, fail_status=429, retry_after_seconds=86_400)

    assert await make_intake(queue).round() == timedelta(minutes=1)


@pytest.mark.parametrize("fault", ["pulls_to_fail", "pulls_to_lose"])
async def test_a_failing_server_makes_a_short_pause(
    queue: TestQueue, make_intake: MakeIntake, fault: str
) -> None:
    await queue.set_faults(**{fault: 1}, fail_status=500)

    assert timedelta(0) < await make_intake(queue).round() <= timedelta(seconds=2)


async def test_a_queue_without_a_pull_consumer_makes_a_long_pause(
    queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.drop_consumer()

    assert await make_intake(queue).round() >= timedelta(seconds=30)


async def test_a_lost_acknowledgment_brings_the_event_again_and_changes_nothing(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    await queue.send(event(home.dataset_id))
    await queue.set_faults(acks_to_fail=1, fail_status=500, deliveries_to_repeat=1)
    intake = make_intake(queue)

    first = await intake.round()
    unsettled = await queue.backlog()
    await intake.round()

    assert first > timedelta(0)
    assert unsettled == 1
    assert await queue.backlog() == 0
    assert len(await jobs_of(sessions, home)) == 1


async def test_an_empty_queue_is_asked_less_and_less_often(
    home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    intake = make_intake(queue)

    idle = [await intake.round() for _ in range(7)]
    await queue.send(event(home.dataset_id))
    busy = await intake.round()
    after = await intake.round()

    assert idle[0] <= timedelta(seconds=0.25)
    assert idle[-1] >= IDLE * 0.9
    assert max(idle) <= IDLE * 1.1
    assert busy == timedelta(0)
    assert after <= timedelta(seconds=0.25)


async def test_a_fresh_upload_url_keeps_the_pauses_short(
    sessions: Sessions, home: Home, queue: TestQueue
) -> None:
    intake = Intake(
        Source(queue.name, queue.pulled, BUCKET),
        sessions,
        visibility=VISIBILITY,
        idle=IDLE,
        large_bytes=LARGE_BYTES,
        hints=asyncio.Event(),
        hears=True,
    )
    async with sessions.begin() as session:
        await UploadRepository(session, home.tenant_id, home.dataset_id).expect(
            [Expected(f"{home.dataset_id}/a.txt", "a.txt", None, None)], expiry=timedelta(hours=1)
        )

    pauses = [await intake.round() for _ in range(7)]

    assert max(pauses) <= timedelta(seconds=0.25)


async def test_dead_letters_become_jobs_too(
    sessions: Sessions, home: Home, queue: TestQueue, make_intake: MakeIntake
) -> None:
    dead_letters = queue.dead_letters
    assert dead_letters is not None
    await queue.send(event(home.dataset_id))
    for _ in range(1 + MAX_RETRIES):
        [delivered] = (await queue.pulled.pull(visibility=VISIBILITY)).messages
        await queue.pulled.settle(acks=[], retries=[delivered.lease_id])

    await make_intake(dead_letters).round()

    assert await files_with_jobs(sessions) == {"a.txt"}
    assert (await queue.backlog(), await dead_letters.backlog()) == (0, 0)
