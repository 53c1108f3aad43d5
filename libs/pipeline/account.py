"""Who pays for what is embedded, and writing it down while it happens."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.errors import is_away
from db.repositories.claims import Claim
from db.repositories.usage import Bill, UsageRepository
from pipeline.embed.model import EmbeddingModel
from pipeline.embed.waiting import Payer

log = structlog.get_logger(__name__)

OWED_MAX = 10_000  # attempts whose bills wait for Postgres; a few hundred bytes each
PAY_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """An attempt, as the batcher sees it."""

    claim: Claim
    bill: Bill
    model: EmbeddingModel
    is_first: bool = False

    @property
    def job(self) -> UUID:
        return self.claim.job_id

    @property
    def tenant(self) -> UUID:
        return self.claim.tenant_id

    def charge(self, tokens: int, *, counted: bool) -> None:
        self.bill.charge(self.model.model, self.model.price, tokens, counted=counted)

    def save(self, *, texts: int, tokens: int) -> None:
        self.bill.save(self.model.model, self.model.price, texts=texts, tokens=tokens)


class Ledger:
    """Writes what attempts have been charged, after every call: an attempt may be killed before it
    could do so itself, and one that lost its job has no other word. Never an error: what Postgres
    misses now it is told later. For one event loop.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._owed: dict[int, tuple[Claim, Bill]] = {}
        self._again: asyncio.Task[None] | None = None

    async def record(self, payers: Sequence[Payer]) -> None:
        accounts = [each for each in payers if isinstance(each, Account)]
        await self.write([(each.claim, each.bill) for each in accounts])

    async def write(self, bills: Sequence[tuple[Claim, Bill]]) -> None:
        self._owed.update((id(bill), (claim, bill)) for claim, bill in bills)
        await self._pay()

    async def aclose(self) -> None:
        """Try once more."""
        if self._again is not None:
            self._again.cancel()
        await self._pay()

    async def _pay(self) -> None:
        owed, self._owed = self._owed, {}
        if not owed:
            return
        try:
            async with self._sessions.begin() as session:
                await UsageRepository(session).write(list(owed.values()))
        except (SQLAlchemyError, OSError) as error:
            log.warning("usage.write_failed", error=type(error).__name__, away=is_away(error))
            if is_away(error):
                self._owed = dict(list((owed | self._owed).items())[-OWED_MAX:])
                if self._again is None:
                    self._again = asyncio.create_task(self._pay_later())

    async def _pay_later(self) -> None:
        await asyncio.sleep(PAY_AGAIN_SECONDS)
        self._again = None
        await self._pay()
