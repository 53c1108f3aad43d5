"""Intake: messages of the queue become jobs in Postgres, and only then are they acknowledged.

A crash between the commit and the acknowledgment brings the message again, and again it changes
nothing. Postgres down stops the pulling, so that deliveries are not used up for nothing; Redis is
not needed here at all.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.engine import Sessions
from db.errors import is_away
from db.repositories.changes import Change, ChangeRepository
from db.repositories.intake import IntakeRepository, Unreadable
from pipeline.events import ForeignEvent, read_message
from poller.cloudflare import (
    CloudflareQueue,
    Message,
    QueueError,
    QueueMisconfigured,
    QueuePaused,
)
from poller.listener import sleep

log = structlog.get_logger(__name__)

MESSAGES = Counter("sluice_intake_messages", "Messages pulled, by what became of them", ["outcome"])
BACKLOG = Gauge("sluice_intake_backlog", "Messages the queue says are waiting", ["queue"])
LAG = Gauge("sluice_intake_lag_seconds", "Age of the newest message pulled", ["queue"])

SHORTEST_PAUSE = timedelta(milliseconds=200)
PAUSE_AFTER_ERROR_MAX = timedelta(seconds=60)
PAUSE_WHEN_MISCONFIGURED = timedelta(seconds=30)
# How long a message that could not be stored stays away before it is delivered again.
DELAY_OF_FAILED = timedelta(seconds=30)
# How often they are looked for where notifications are not heard.
LOOK_FOR_HINTS = timedelta(seconds=1)
# A share of a new upload's age: whoever uploads at once is picked up at once.
HINT_SHARE = 10


@dataclass(frozen=True, slots=True)
class Source:
    """A queue to pull from, and what its messages must be about."""

    name: str
    queue: CloudflareQueue
    bucket: str


class Intake:
    """Pulls one queue until told to stop."""

    def __init__(
        self,
        source: Source,
        sessions: Sessions,
        *,
        visibility: timedelta,
        idle: timedelta,
        large_bytes: int,
        hints: asyncio.Event | None,
        hears: bool,
    ) -> None:
        """`hints` is set when an upload URL is given out; None (dead letters) follows none.

        If nothing `hears`, fresh URLs are looked for every second.
        """
        self._source = source
        self._sessions = sessions
        self._visibility = visibility
        self._idle = idle
        self._large_bytes = large_bytes
        self._hints = hints
        self._hears = hears
        self._idle_rounds = 0
        self._errors = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Pull and store until `stop`; a pull in flight is finished first."""
        while not stop.is_set():
            if self._hints is not None:
                self._hints.clear()
            pause = await self.round()
            if pause:
                await self._rest(pause, stop)

    async def _rest(self, pause: timedelta, stop: asyncio.Event) -> None:
        """Sleep, unless an upload URL is given out meanwhile."""
        if self._hints is None:
            await sleep(pause.total_seconds(), stop)
        elif self._hears:
            await sleep(pause.total_seconds(), stop, self._hints)
        else:
            await self._rest_looking(pause, stop)

    async def _rest_looking(self, pause: timedelta, stop: asyncio.Event) -> None:
        """As above where nothing is heard: look at Postgres, which costs less than a pull."""
        ends = time.monotonic() + pause.total_seconds()
        while (left := ends - time.monotonic()) > 0 and not stop.is_set():
            await sleep(min(left, LOOK_FOR_HINTS.total_seconds()), stop)
            try:
                age = await self._hint_age()
            except (SQLAlchemyError, OSError):
                continue  # the next round says so
            if age is not None and age < 2 * LOOK_FOR_HINTS:
                return

    async def round(self) -> timedelta:
        """One pull and all that follows; returns how long to wait before the next."""
        try:
            return await self._pull()
        except QueuePaused:
            log.info("intake.paused", queue=self._source.name)
            return self._idle
        except QueueMisconfigured as error:
            log.error("intake.misconfigured", queue=self._source.name, error=str(error))
            return PAUSE_WHEN_MISCONFIGURED
        except QueueError as error:
            log.warning("intake.queue_failed", queue=self._source.name, error=str(error))
            return self._after_error(error.retry_after)
        except (SQLAlchemyError, OSError) as error:
            log.warning("intake.database_failed", error=type(error).__name__)
            return self._after_error(None)
        except Exception as error:
            # Nobody foresaw it; one message must not end the process again and again.
            log.exception("intake.unexpected_error", error=type(error).__name__)
            return self._after_error(None)

    async def _pull(self) -> timedelta:
        hint = await self._hint_age()  # also proves, before a pull, that Postgres answers
        pulled = await self._source.queue.pull(visibility=self._visibility)
        if pulled.backlog is not None:
            BACKLOG.labels(self._source.name).set(pulled.backlog)
        if pulled.messages:
            await self._take(pulled.messages)
        self._errors = 0
        if pulled.messages:
            self._idle_rounds = 0
            return timedelta(0)
        self._idle_rounds += 1
        return self._idle_pause(hint)

    def _idle_pause(self, hint_age: timedelta | None) -> timedelta:
        """From the shortest pause, doubling, to the idle one; a fresh upload URL shortens it."""
        doubled = SHORTEST_PAUSE * (1 << min(self._idle_rounds - 1, 10))
        pause = min(doubled, self._idle)
        if hint_age is not None and self._hints is not None:
            pause = min(pause, max(hint_age / HINT_SHARE, SHORTEST_PAUSE))
        return pause * random.uniform(0.9, 1.1)  # noqa: S311  # pollers should not march in step

    def _after_error(self, retry_after: timedelta | None) -> timedelta:
        self._errors += 1
        doubled = timedelta(seconds=0.5) * (1 << min(self._errors, 10))
        pause = min(doubled, PAUSE_AFTER_ERROR_MAX)
        return max(pause, min(retry_after or pause, PAUSE_AFTER_ERROR_MAX))

    async def _hint_age(self) -> timedelta | None:
        async with self._sessions() as session:
            return await IntakeRepository(session).newest_open_hint()

    async def _take(self, messages: Sequence[Message]) -> None:
        newest = max(message.sent_at for message in messages)
        LAG.labels(self._source.name).set((datetime.now(UTC) - newest).total_seconds())
        try:
            await self._store(messages)
            failed: list[Message] = []
        except (SQLAlchemyError, OSError) as error:
            log.warning("intake.batch_failed", count=len(messages), error=type(error).__name__)
            failed = await self._store_each(messages)
        away = {message.lease_id for message in failed}
        warnings = await self._source.queue.settle(
            acks=[m.lease_id for m in messages if m.lease_id not in away],
            retries=list(away),
            delay=DELAY_OF_FAILED,
        )
        MESSAGES.labels("failed").inc(len(failed))
        log.info(
            "intake.stored",
            queue=self._source.name,
            messages=len(messages) - len(failed),
            failed=len(failed),
            ack_warnings=len(warnings),
        )

    async def _store_each(self, messages: Sequence[Message]) -> list[Message]:
        """Store messages one by one, so that a bad one fails alone; returns the failed ones."""
        failed = []
        for message in messages:
            try:
                await self._store([message])
            except DBAPIError as error:
                if is_away(error):
                    log.warning("intake.message_failed", error=type(error).__name__)
                    failed.append(message)
                    continue
                # Postgres will never take it as it is: keep what can be kept of it.
                async with self._sessions.begin() as session:
                    await IntakeRepository(session).quarantine(
                        [self._unreadable(message, "not_storable")]
                    )
            except (SQLAlchemyError, OSError) as error:
                log.warning("intake.message_failed", error=type(error).__name__)
                failed.append(message)
        return failed

    async def _store(self, messages: Sequence[Message]) -> None:
        """All messages in one transaction: jobs for the events, quarantine for the rest."""
        read: list[tuple[Change, Message]] = []
        unreadable: list[Unreadable] = []
        for message in messages:
            try:
                change = read_message(message.body, bucket=self._source.bucket)
            except ForeignEvent as error:
                unreadable.append(self._unreadable(message, str(error)))
            else:
                read.append((change, message))
        async with self._sessions.begin() as session:
            repository = ChangeRepository(session)
            known = await repository.existing_datasets({each.dataset_id for each, _ in read})
            unreadable += [
                self._unreadable(message, "unknown_dataset")
                for change, message in read
                if change.dataset_id not in known
            ]
            changes = [change for change, _ in read if change.dataset_id in known]
            # Older news first; what came without a time counts as new.
            changes.sort(key=lambda change: change.at or datetime.max.replace(tzinfo=UTC))
            await repository.apply(changes, large_bytes=self._large_bytes)
            await IntakeRepository(session).quarantine(unreadable)
        MESSAGES.labels("stored").inc(len(changes))
        MESSAGES.labels("quarantined").inc(len(unreadable))
        if unreadable:
            log.warning(
                "intake.quarantined",
                queue=self._source.name,
                count=len(unreadable),
                reasons=sorted({each.reason for each in unreadable}),
            )

    def _unreadable(self, message: Message, reason: str) -> Unreadable:
        return Unreadable(
            queue=self._source.name,
            message_id=message.id,
            reason=reason,
            body=message.body,
            metadata=message.metadata,
        )
