"""In which order due jobs are announced: priorities first, then everybody in turn."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heapreplace
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
        # A heap: looking through all tenants for every job would be too much for a thousand. Of
        # tenants that were served alike the first one in `due` is next.
        turns = [(served[tenant_id], place, tenant_id) for place, tenant_id in enumerate(tenants)]
        heapify(turns)
        while turns and len(chosen) < limit:
            _, place, tenant_id = turns[0]
            chosen.append(tenants[tenant_id].popleft())
            served[tenant_id] += 1
            if tenants[tenant_id]:
                heapreplace(turns, (served[tenant_id], place, tenant_id))
            else:
                heappop(turns)
    return chosen
