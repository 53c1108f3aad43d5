"""What embedding cost, by tenant, dataset, document, job and day."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Numeric, Text, Uuid, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import uuid7
from db.models import Attempt, Usage
from db.repositories.claims import Claim

MILLION = 1_000_000
# What only grows while an attempt lasts, and is written as a total: twice is as good as once.
TOTALS = ("tokens", "tokens_counted", "cost", "texts_reused", "tokens_saved", "cost_saved")


@dataclass(slots=True)
class Line:
    """What one model cost on one day, by our clock; `price` in dollars per million tokens."""

    model: str
    price: Decimal | None
    id: UUID = field(default_factory=uuid7)
    tokens: int = 0
    tokens_counted: int = 0  # those of them that the endpoint did not tell
    texts_reused: int = 0
    tokens_saved: int = 0

    @property
    def cost(self) -> Decimal | None:
        return None if self.price is None else self.price * self.tokens / MILLION

    @property
    def cost_saved(self) -> Decimal | None:
        return None if self.price is None else self.price * self.tokens_saved / MILLION


@dataclass(slots=True, eq=False)
class Bill:
    """What one attempt had embedded so far, and what it did not need to."""

    _lines: dict[tuple[str, date], Line] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        return list(self._lines.values())

    @property
    def tokens(self) -> int:
        return sum(line.tokens for line in self._lines.values())

    def charge(self, model: str, price: Decimal | None, tokens: int, *, counted: bool) -> None:
        """Tokens that the endpoint has answered; `counted` by us, as it did not say how many."""
        line = self._line(model, price)
        line.tokens += tokens
        line.tokens_counted += tokens if counted else 0

    def save(self, model: str, price: Decimal | None, *, texts: int, tokens: int) -> None:
        """Texts whose vectors were there already; `tokens` may be an estimate."""
        line = self._line(model, price)
        line.texts_reused += texts
        line.tokens_saved += tokens

    def _line(self, model: str, price: Decimal | None) -> Line:
        today = datetime.now(UTC).date()
        return self._lines.setdefault((model, today), Line(model, price))


class UsageRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def record_search(
        self,
        *,
        tenant_id: UUID,
        dataset_id: UUID | None,
        model: str,
        tokens: int,
        tokens_counted: int,
        cost: Decimal | None,
    ) -> None:
        """Note the tokens of one embedded query, and how many of them we counted; `cost` in US
        dollars, None without a price.

        `dataset_id` is None for a query to several datasets.
        """
        self._session.add(
            Usage(
                tenant_id=tenant_id,
                dataset_id=dataset_id,
                model=model,
                tokens=tokens,
                tokens_counted=tokens_counted,
                cost=cost,
            )
        )

    async def write(self, bills: Iterable[tuple[Claim, Bill]]) -> None:
        """Bring the rows of these attempts to what their bills say. It needs no fence: whatever
        becomes of an attempt, its tokens are paid."""
        bills = list(bills)
        rows = sorted(
            ((line, claim) for claim, bill in bills for line in bill.lines),
            key=lambda row: row[0].id,  # in one order for all who write several
        )
        if not rows:
            return
        columns = {
            "id": literal([line.id for line, _ in rows], ARRAY(Uuid)),
            "tenant_id": literal([claim.tenant_id for _, claim in rows], ARRAY(Uuid)),
            "dataset_id": literal([claim.dataset_id for _, claim in rows], ARRAY(Uuid)),
            "document_id": literal([claim.document_id for _, claim in rows], ARRAY(Uuid)),
            "job_id": literal([claim.job_id for _, claim in rows], ARRAY(Uuid)),
            "model": literal([line.model for line, _ in rows], ARRAY(Text)),
            **{
                name: literal(
                    [getattr(line, name) for line, _ in rows],
                    ARRAY(Numeric if name.startswith("cost") else BigInteger),
                )
                for name in TOTALS
            },
        }
        given = func.unnest(*columns.values()).table_valued(*columns).render_derived()
        added = insert(Usage).from_select(
            list(columns), select(*(given.c[name] for name in columns)), include_defaults=False
        )
        await self._session.execute(
            added.on_conflict_do_update(
                index_elements=["id"],
                set_={
                    name: func.greatest(getattr(Usage, name), added.excluded[name])
                    for name in TOTALS
                },
            )
        )
        await self._tell_attempts(bills)

    async def _tell_attempts(self, bills: list[tuple[Claim, Bill]]) -> None:
        """For the history: an attempt that is killed ends without a word."""
        given = (
            func.unnest(
                literal([claim.job_id for claim, _ in bills], ARRAY(Uuid)),
                literal([claim.fence for claim, _ in bills], ARRAY(BigInteger)),
                literal([bill.tokens for _, bill in bills], ARRAY(BigInteger)),
            )
            .table_valued("job_id", "fence", "tokens")
            .render_derived()
        )
        await self._session.execute(
            update(Attempt)
            .where(
                and_(Attempt.job_id == given.c.job_id, Attempt.fence == given.c.fence),
                Attempt.tokens < given.c.tokens,
            )
            .values(tokens=given.c.tokens)
            .execution_options(synchronize_session=False)
        )
