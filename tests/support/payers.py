"""Somebody who has texts embedded, for tests of the batcher alone."""

from dataclasses import dataclass
from uuid import UUID

TENANT = UUID(int=1)


@dataclass(eq=False)
class Purse:
    job: str
    tenant: UUID = TENANT
    is_first: bool = False
    tokens: int = 0
    counted: int = 0

    def charge(self, tokens: int, *, counted: bool) -> None:
        self.tokens += tokens
        self.counted += tokens if counted else 0


def payer(job: str, tenant: UUID = TENANT, *, is_first: bool = False) -> Purse:
    return Purse(job, tenant, is_first)
