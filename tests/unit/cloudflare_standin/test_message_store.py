"""The queue's rules on a clock that the test turns."""

from pathlib import Path

import pytest

from cloudflare_standin.database import Database
from cloudflare_standin.errors import DeliveryPaused, PullNotEnabled, QueueNotFound
from cloudflare_standin.message_store import EXPIRE_EVERY_MS, MessageStore
from cloudflare_standin.queue_store import QueueStore
from cloudflare_standin.records import ConsumerSettings, Delivery, NewMessage

SECOND = 1000
LEASE_MS = 30 * SECOND


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, milliseconds: int) -> None:
        self.now_ms += milliseconds


class Bench:
    """A queue with two retries and a dead-letter queue."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        database = Database(path)
        self.queues = QueueStore(database, clock=self.clock)
        self.messages = MessageStore(database, clock=self.clock)
        self.dead = self.queues.ensure_queue("q-dlq", ConsumerSettings(max_retries=100)).queue_id
        self.queue = self.queues.ensure_queue(
            "q", ConsumerSettings(dead_letter_queue="q-dlq", max_retries=2)
        ).queue_id

    def send(self, *bodies: str, delay_seconds: int | None = None) -> None:
        new = [NewMessage(b, "text", len(b), "test", delay_seconds) for b in bodies]
        self.messages.send(self.queue, new)

    def pull(self, queue_id: str | None = None, batch_size: int = 100) -> list[Delivery]:
        deliveries, _ = self.messages.pull(
            queue_id or self.queue, batch_size=batch_size, visibility_timeout_ms=LEASE_MS
        )
        return deliveries

    def retry(self, delivery: Delivery, delay_seconds: int | None = None) -> dict[str, str]:
        answer = self.messages.acknowledge(self.queue, [], [(delivery.token, delay_seconds)])
        return answer.warnings


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "queues.sqlite3")


def bodies(deliveries: list[Delivery]) -> list[str]:
    return [delivery.wire_body for delivery in deliveries]


def test_two_pollers_get_disjoint_messages(bench: Bench) -> None:
    bench.send("a", "b", "c")

    first, second = bench.pull(batch_size=2), bench.pull(batch_size=2)

    assert (bodies(first), bodies(second)) == (["a", "b"], ["c"])


def test_a_leased_message_comes_back_when_the_lease_ends(bench: Bench) -> None:
    bench.send("a")
    bench.pull()

    bench.clock.advance(LEASE_MS - 1)
    held = bench.pull()
    bench.clock.advance(1)
    back = bench.pull()

    assert held == []
    assert [(item.wire_body, item.attempts) for item in back] == [("a", 2)]


@pytest.mark.parametrize("by_retry", [True, False])
def test_after_its_retries_a_message_is_a_dead_letter(bench: Bench, by_retry: bool) -> None:
    bench.send("a")

    attempts = []
    for _ in range(3):
        delivery = bench.pull()[0]
        attempts.append(delivery.attempts)
        if by_retry:
            assert bench.retry(delivery) == {}
        else:
            bench.clock.advance(LEASE_MS)

    assert attempts == [1, 2, 3]
    assert bench.messages.metrics(bench.queue).backlog_count == 0
    dead = bench.pull(bench.dead)
    assert [(item.wire_body, item.attempts) for item in dead] == [("a", 1)]


def test_without_a_dead_letter_queue_a_message_is_lost_after_its_retries(bench: Bench) -> None:
    queue_id = bench.queues.ensure_queue("alone", ConsumerSettings(max_retries=0)).queue_id
    bench.messages.send(queue_id, [NewMessage("a", "text", 1, "test")])

    bench.pull(queue_id)
    bench.clock.advance(LEASE_MS)

    assert bench.messages.metrics(queue_id).backlog_count == 0


def test_the_holder_of_an_old_lease_cannot_end_the_lease_of_its_successor(bench: Bench) -> None:
    bench.send("a")
    stale = bench.pull()[0]
    bench.clock.advance(LEASE_MS)
    bench.pull()

    warnings = bench.retry(stale, 0)

    assert list(warnings) == [stale.token]
    assert bench.pull() == []


def test_an_expired_lease_that_nobody_took_over_can_still_set_a_delay(bench: Bench) -> None:
    bench.send("a")
    stale = bench.pull()[0]
    bench.clock.advance(LEASE_MS)

    warnings = bench.retry(stale, 60)

    assert warnings == {}
    assert bench.pull() == []
    bench.clock.advance(60 * SECOND)
    assert bodies(bench.pull()) == ["a"]


def test_a_late_acknowledgement_removes_the_message_and_the_next_one_is_fine(bench: Bench) -> None:
    bench.send("a")
    stale = bench.pull()[0]
    bench.clock.advance(LEASE_MS)
    fresh = bench.pull()[0]

    late = bench.messages.acknowledge(bench.queue, [stale.token], [])
    after = bench.messages.acknowledge(bench.queue, [fresh.token], [])

    assert (late.acked, late.warnings) == (1, {})
    assert (after.acked, after.warnings) == (1, {})
    assert bench.messages.metrics(bench.queue).backlog_count == 0


def test_an_old_lease_does_not_reach_the_message_in_the_dead_letter_queue(bench: Bench) -> None:
    bench.send("a")
    for _ in range(3):
        last = bench.pull()[0]
        bench.clock.advance(LEASE_MS)
    bench.pull()

    bench.messages.acknowledge(bench.queue, [last.token], [])

    assert bodies(bench.pull(bench.dead)) == ["a"]


def test_leases_are_opaque_distinct_and_of_one_queue(bench: Bench) -> None:
    bench.send("a")
    first = bench.pull()[0]
    bench.clock.advance(LEASE_MS)
    second = bench.pull()[0]
    altered = first.token[:-2] + ("AA" if first.token[-2:] != "AA" else "BB")

    wrong = bench.messages.acknowledge(bench.dead, [first.token], [])
    made_up = bench.messages.acknowledge(bench.queue, [altered, "é", ""], [])

    assert first.token != second.token
    assert wrong.acked == made_up.acked == 0
    assert set(made_up.warnings) == {altered, "é", ""}
    assert bench.messages.metrics(bench.queue).backlog_count == 1


def test_the_queues_own_delay_holds_unless_a_message_names_one(bench: Bench) -> None:
    bench.queues.change_queue(
        bench.queue,
        name=None,
        delivery_delay_seconds=10,
        delivery_paused=None,
        retention_seconds=None,
    )
    bench.send("late")
    bench.send("now", delay_seconds=0)

    at_once = bench.pull()
    bench.clock.advance(10 * SECOND)

    assert bodies(at_once) == ["now"]
    assert bodies(bench.pull()) == ["late"]


def test_messages_are_dropped_after_the_retention_period(bench: Bench) -> None:
    bench.send("old")
    bench.clock.advance(4 * 86_400 * SECOND + EXPIRE_EVERY_MS)
    bench.send("new")

    assert bodies(bench.pull()) == ["new"]


def test_a_paused_queue_takes_acknowledgements(bench: Bench) -> None:
    bench.send("a", "b")
    lease = bench.pull(batch_size=1)[0].token
    bench.queues.change_queue(
        bench.queue,
        name=None,
        delivery_delay_seconds=None,
        delivery_paused=True,
        retention_seconds=None,
    )

    answer = bench.messages.acknowledge(bench.queue, [lease], [])

    assert answer.acked == 1
    with pytest.raises(DeliveryPaused):
        bench.pull()


def test_a_queue_without_a_consumer_or_without_being_there_is_an_error(bench: Bench) -> None:
    bare = bench.queues.create_queue("bare").queue_id

    with pytest.raises(PullNotEnabled):
        bench.pull(bare)
    with pytest.raises(QueueNotFound):
        bench.pull("0" * 32)


def test_ensuring_a_queue_again_keeps_its_messages_and_takes_the_new_settings(
    bench: Bench,
) -> None:
    bench.send("a")

    again = bench.queues.ensure_queue("q", ConsumerSettings(max_retries=7))

    assert again.queue_id == bench.queue
    assert again.consumer is not None
    assert again.consumer.settings.max_retries == 7
    assert bodies(bench.pull()) == ["a"]
