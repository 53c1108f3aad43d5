"""In which order due jobs are announced: priorities first, then everybody in turn."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from uuid import UUID

from db.repositories.announcing import Due


def fair_order(due: Iterable[Due], outstanding: Mapping[UUID, int], limit: int) -> list[Due]:
    """At most `limit` jobs, the least served tenant first.

    `due` comes in the order in which each tenant's own jobs should go. `outstanding` says how many
    jobs of a tenant are out with workers: a tenant with many waits for one with few.
    """
    queues: dict[int, dict[UUID, deque[Due]]] = defaultdict(dict)
    for job in due:
        queues[job.priority].setdefault(job.tenant_id, deque()).append(job)
    served = defaultdict(int, outstanding)
    chosen: list[Due] = []
    for priority in sorted(queues, reverse=True):
        tenants = queues[priority]
        while tenants and len(chosen) < limit:
            tenant_id = min(tenants, key=lambda each: served[each])
            chosen.append(tenants[tenant_id].popleft())
            served[tenant_id] += 1
            if not tenants[tenant_id]:
                del tenants[tenant_id]
    return chosen
