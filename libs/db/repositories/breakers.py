"""Which dependencies attempts found unavailable, and since when."""

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Breaker


class BreakerRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, dependency: str, *, code: str, error: str) -> None:
        """Note a failure; `open_since` stays that of the first one."""
        await self._session.execute(
            insert(Breaker)
            .values(dependency=dependency, error_code=code, error=error)
            .on_conflict_do_update(
                index_elements=["dependency"],
                set_={"last_failure_at": func.now(), "error_code": code, "error": error},
            )
        )

    async def close(self, *dependencies: str) -> None:
        """An attempt that needed these got through to its end."""
        await self._session.execute(delete(Breaker).where(Breaker.dependency.in_(dependencies)))

    async def opened(self) -> list[Breaker]:
        rows = await self._session.scalars(select(Breaker).order_by(Breaker.dependency))
        return list(rows)
