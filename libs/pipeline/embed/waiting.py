"""Texts that wait for a call, the callers that wait for them, and whose turn it is."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from pipeline.embed.answers import Vector
from pipeline.embed.filling import Filling, Size


class Payer(Protocol):
    """Whose job it is, and who is told what its texts have cost."""

    @property
    def job(self) -> object: ...

    @property
    def tenant(self) -> UUID: ...

    @property
    def is_first(self) -> bool:
        """Whether it goes before others, and is not to wait for them."""

    def charge(self, tokens: int, *, counted: bool) -> None:
        """`counted` by us, as the endpoint did not say how many."""


@dataclass(slots=True, eq=False)
class Share:
    """What one caller waits for. `reused`: indices of texts that somebody else pays for."""

    payer: Payer
    vectors: list[Vector | None]
    missing: int
    done: asyncio.Future[None]
    reused: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.done.done()

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def give(self, index: int, vector: Vector, *, reused: bool, cut: bool = False) -> None:
        self.vectors[index] = vector
        if reused:
            self.reused.append(index)
        if cut:
            self.cut.append(index)
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True, slots=True)
class Claim:
    """The text with this index of a share."""

    share: Share
    index: int


@dataclass(slots=True, eq=False)
class Waiting:
    """One text, for all who want it; the first of them pays."""

    key: bytes
    text: str
    size: Size
    job: object  # in whose queue it stands
    since: float
    claims: list[Claim]
    refused_at: float | None = None  # the first time that the endpoint said 429
    refusals: int = 0

    @property
    def is_wanted(self) -> bool:
        return any(not claim.share.is_over for claim in self.claims)

    @property
    def is_first(self) -> bool:
        """Whether any of those who wait for it is not to wait for others."""
        return any(c.share.payer.is_first for c in self.claims if not c.share.is_over)

    @property
    def payer(self) -> Payer:
        """Who asked first; one that was cancelled only if nobody else wants the text."""
        paying = next((claim for claim in self.claims if not claim.share.is_over), self.claims[0])
        return paying.share.payer

    def give(self, vector: Vector, *, cut: bool) -> None:
        payer = self.payer
        is_first = True
        for claim in self.claims:
            if not claim.share.is_over:
                pays = is_first and claim.share.payer is payer
                claim.share.give(claim.index, vector, reused=not pays, cut=cut)
                is_first = False

    def fail(self, error: BaseException) -> None:
        for claim in self.claims:
            claim.share.fail(error)


@dataclass(slots=True)
class Turns:
    """The queues of the jobs; the job that stands first is next."""

    queues: OrderedDict[object, deque[Waiting]] = field(default_factory=OrderedDict)
    inputs: int = 0
    bytes: int = 0

    def add(self, waiting: Waiting) -> None:
        if waiting.job not in self.queues:
            self.queues[waiting.job] = deque()
            if waiting.is_first:
                self.queues.move_to_end(waiting.job, last=False)
        self.queues[waiting.job].append(waiting)
        self._count(waiting, 1)

    def put_back(self, some: Iterable[Waiting]) -> None:
        """At the head of their queues: they were there before."""
        for waiting in some:
            self.queues.setdefault(waiting.job, deque()).appendleft(waiting)
            self._count(waiting, 1)

    def hurry(self, waiting: Waiting, job: object) -> None:
        """Somebody who goes first wants this text too: it stands in their queue from now on, unless
        it has left."""
        queue = self.queues.get(waiting.job, deque())
        if waiting in queue:
            queue.remove(waiting)
            if not queue:
                del self.queues[waiting.job]
            self._count(waiting, -1)
            waiting.job = job
            self.add(waiting)

    def oldest(self) -> float:
        return min(queue[0].since for queue in self.queues.values())

    def someone_is_first(self) -> bool:
        """Whether a job waits that should not, at the head of any queue."""
        return any(queue[0].is_first for queue in self.queues.values())

    def take(self, filling: Filling) -> tuple[list[Waiting], list[Waiting]]:
        """One input of each job in turn until the request is full or one does not fit; and those
        that nobody wants any more."""
        taken: list[Waiting] = []
        dropped: list[Waiting] = []
        while self.queues:
            job, queue = next(iter(self.queues.items()))
            if not queue[0].is_wanted:
                dropped.append(queue[0])
            elif filling.take(queue[0].size):
                taken.append(queue[0])
            else:
                break
            self._count(queue.popleft(), -1)
            if queue:
                self.queues.move_to_end(job)
            else:
                del self.queues[job]
        return taken, dropped

    def clear(self) -> list[Waiting]:
        """All of them, and none is left."""
        left = [waiting for queue in self.queues.values() for waiting in queue]
        self.queues.clear()
        self.inputs = self.bytes = 0
        return left

    def _count(self, waiting: Waiting, sign: int) -> None:
        self.inputs += sign
        self.bytes += sign * waiting.size.bytes
