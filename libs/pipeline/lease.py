"""Leases: one thread renews those of all running attempts, and tells each when it lost its own.

The thread has an event loop and a connection of its own, so that neither a busy loop nor an
exhausted pool can cost a healthy attempt its lease. An attempt trusts no renewal that it has not
seen succeed: its deadline counts, on the monotonic clock, from before the renewal was sent. A loop
that does not turn for long is stuck: its attempts end nothing any more, and others take their jobs.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from db.engine import Sessions
from db.repositories.claims import Claim, ClaimRepository
from pipeline.errors import LeaseLost

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
RENEW_EVERY_SECONDS = 8.0  # one renewal may hang until it is given up, and the next is in time
STUCK_SECONDS = 60.0  # without a turn of the attempts' loop; nothing blocks it so long on purpose
LOOK_EVERY_SECONDS = 1.0  # how soon a cancelled attempt learns of it


@dataclass(slots=True, eq=False)
class Lease:
    """The hold of one attempt on its job."""

    claim: Claim
    deadline: float  # on the monotonic clock
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    paused: asyncio.Event = field(default_factory=asyncio.Event)  # a pause asks it to end
    # Renewed and asked for no more: the job is finished, or the attempt at it was left behind.
    is_over: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether it may be another's by now; only Postgres knows."""
        return self.lost.is_set() or time.monotonic() >= self.deadline

    def check(self) -> None:
        """Call before anything that others can see.

        Raises:
            LeaseLost: the job is cancelled, another's, or the lease may have run out.
        """
        if self.is_lost:
            raise LeaseLost("The lease on the job ran out, or somebody else holds it.")


class LeaseKeeper:
    """Renews the leases of a process. `hold` and `let_go` are called on the process's own loop."""

    def __init__(self, make_sessions: Callable[[], Sessions]) -> None:
        """`make_sessions` is called in the keeper's thread: the engine belongs to that loop."""
        self._make_sessions = make_sessions
        self._leases: dict[UUID, tuple[Lease, asyncio.AbstractEventLoop]] = {}
        self._turned: dict[asyncio.AbstractEventLoop, float] = {}  # when, on the monotonic clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def hold(self, claim: Claim, *, claimed_at: float) -> Lease:
        """Begin to renew; `claimed_at` is the monotonic time before the claim was sent."""
        lease = Lease(claim, claimed_at + LEASE.total_seconds())
        loop = asyncio.get_running_loop()
        self._note_turn(loop)
        with self._lock:
            self._leases[claim.job_id] = (lease, loop)
        return lease

    def _note_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turned[loop] = time.monotonic()

    def _current(self) -> dict[UUID, tuple[Lease, asyncio.AbstractEventLoop]]:
        """The leases to ask for; each loop that turns says so until the next look."""
        with self._lock:
            leases = {id_: held for id_, held in self._leases.items() if not held[0].is_over}
        stuck_since = time.monotonic() - STUCK_SECONDS
        for loop in {loop for _, loop in leases.values()}:
            if self._turned[loop] < stuck_since:
                log.error("lease.loop_stuck", jobs=len(leases))
            loop.call_soon_threadsafe(self._note_turn, loop)
        return {id_: each for id_, each in leases.items() if self._turned[each[1]] >= stuck_since}

    def let_go(self, lease: Lease) -> None:
        with self._lock:
            held = self._leases.get(lease.claim.job_id)
            if held is not None and held[0] is lease:
                del self._leases[lease.claim.job_id]

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        sessions = self._make_sessions()
        renewed_at = time.monotonic()
        while not self._stop.is_set():
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            leases = self._current()
            if not leases:
                continue
            renew = time.monotonic() - renewed_at >= RENEW_EVERY_SECONDS
            sent_at = time.monotonic()
            try:
                async with asyncio.timeout(LEASE.total_seconds() / 3):
                    held, paused = await self._ask(sessions, leases, renew=renew)
            except Exception as error:
                # This thread must outlive everything: without it every lease runs out.
                log.warning("lease.renewal_failed", error=type(error).__name__)
                held, paused = set(leases), set()  # nothing is known: the deadlines decide
            else:
                if renew:
                    renewed_at = sent_at
            for job_id, (lease, loop) in leases.items():
                if renewed_at == sent_at and job_id in held:
                    # Also a late one: nobody else has had the job in the meantime.
                    lease.deadline = sent_at + LEASE.total_seconds()
                self._tell(lease, loop, held=job_id in held, paused=job_id in paused)

    @staticmethod
    def _tell(lease: Lease, loop: asyncio.AbstractEventLoop, *, held: bool, paused: bool) -> None:
        if lease.is_over:
            return
        if not held or time.monotonic() >= lease.deadline:
            loop.call_soon_threadsafe(lease.lost.set)
        elif paused:
            loop.call_soon_threadsafe(lease.paused.set)

    @staticmethod
    async def _ask(
        sessions: Sessions,
        leases: dict[UUID, tuple[Lease, asyncio.AbstractEventLoop]],
        *,
        renew: bool,
    ) -> tuple[set[UUID], set[UUID]]:
        """Which jobs are still ours, and which of them a pause should end."""
        claims = {job_id: lease.claim.fence for job_id, (lease, _) in leases.items()}
        async with sessions.begin() as session:
            mine = ClaimRepository(session)
            held = await (mine.renew(claims, lease=LEASE) if renew else mine.held(claims))
            return held, await mine.paused(held)
