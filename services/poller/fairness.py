"""In which order due jobs are announced: priorities first, then everybody in turn."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from uuid import UUID

from db.repositories.announcing import Due


def fair_order(due: Iterable[Due], at_work: Mapping[UUID, int], limit: int) -> list[Due]:
    """At most `limit` jobs, the least served tenant first, its datasets in turn.

    `due` comes with the best job of each dataset first. `at_work` says how many jobs of a tenant
    workers hold already: a tenant with many waits for one with few, so none holds every slot.
    """
    queues: dict[int, dict[UUID, dict[UUID, deque[Due]]]] = defaultdict(dict)
    for job in due:
        tenants = queues[job.priority]
        datasets = tenants.setdefault(job.tenant_id, {})
        datasets.setdefault(job.dataset_id, deque()).append(job)
    served = defaultdict(int, at_work)
    chosen: list[Due] = []
    for priority in sorted(queues, reverse=True):
        tenants = queues[priority]
        while tenants and len(chosen) < limit:
            tenant_id = min(tenants, key=lambda each: served[each])
            datasets = tenants[tenant_id]
            dataset_id = next(iter(datasets))
            queue = datasets.pop(dataset_id)
            chosen.append(queue.popleft())
            served[tenant_id] += 1
            if queue:
                datasets[dataset_id] = queue  # to the back: the tenant's next dataset has its turn
            if not datasets:
                del tenants[tenant_id]
    return chosen
