"""What waits for a client that does not read is bounded."""

from uuid import uuid4

from api.live.frames import EventFrame
from api.live.subscriber import EVENTS_WAITING_MAX, TICKS_WAITING_MAX, Subscriber

TENANT, DATASET = uuid4(), uuid4()


def event(number: int) -> EventFrame:
    return EventFrame(number, "job.queued", TENANT, DATASET, f"event {number}")


def test_events_without_room_are_left_to_postgres() -> None:
    subscriber = Subscriber(TENANT, uuid4(), DATASET)

    for number in range(EVENTS_WAITING_MAX + 1):
        subscriber.offer_event(event(number))

    assert subscriber.behind
    assert subscriber.take_events() == []
    subscriber.begin_anew()
    subscriber.offer_event(event(7))
    assert (subscriber.behind, subscriber.take_events()) == (False, [event(7)])


def test_of_ticks_only_the_latest_of_each_job_waits_and_the_client_is_told_of_the_others() -> None:
    subscriber = Subscriber(TENANT, uuid4(), None)
    subscriber.offer_tick("a", "a1")
    first = subscriber.take_ticks()

    for text in ("a2", "a3"):
        subscriber.offer_tick("a", text)
    replaced = subscriber.take_ticks()
    for number in range(TICKS_WAITING_MAX + 5):
        subscriber.offer_tick(str(number), str(number))
    crowded, dropped = subscriber.take_ticks()

    assert (first, replaced) == ((["a1"], False), (["a3"], True))
    assert (len(crowded), crowded[0], dropped) == (TICKS_WAITING_MAX, "5", True)
