"""Who pays for what is embedded, and writing it down while it happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.errors import is_away
from db.repositories.claims import Claim
from db.repositories.usage import Bill, UsageRepository
from pipeline.embed.batcher import Record
from pipeline.embed.model import EmbeddingModel
from pipeline.embed.waiting import Payer

log = structlog.get_logger(__name__)


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


def recorder(sessions: Sessions) -> Record:
    """Writes what attempts have been charged, after every call: an attempt may be killed before it
    could do so itself. Never an error: what Postgres misses now it is told with the next call, or
    at the attempt's end."""

    async def record(payers: Sequence[Payer]) -> None:
        await write_bills(
            sessions, [(each.claim, each.bill) for each in payers if isinstance(each, Account)]
        )

    return record


async def write_bills(sessions: Sessions, bills: Sequence[tuple[Claim, Bill]]) -> None:
    """Never an error, as `recorder` says."""
    try:
        async with sessions.begin() as session:
            await UsageRepository(session).write(bills)
    except (SQLAlchemyError, OSError) as error:
        log.warning("usage.write_failed", error=type(error).__name__, away=is_away(error))
