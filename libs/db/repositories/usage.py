"""What embedding cost, by tenant and dataset."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Usage


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
        cost: Decimal | None,
    ) -> None:
        """Note the tokens of one embedded query; `cost` in US dollars, None without a price.

        `dataset_id` is None for a query to several datasets.
        """
        self._session.add(
            Usage(tenant_id=tenant_id, dataset_id=dataset_id, model=model, tokens=tokens, cost=cost)
        )
