"""The order in which jobs are announced."""

from uuid import UUID, uuid4

from db.repositories.announcing import Due
from poller.fairness import fair_order


def jobs(tenant: UUID, dataset: UUID, count: int, *, priority: int = 0) -> list[Due]:
    return [Due(uuid4(), tenant, dataset, priority, False) for _ in range(count)]


def test_a_tenant_with_one_job_comes_right_after_the_first_of_one_with_many() -> None:
    many, one = uuid4(), uuid4()
    crowd = jobs(many, uuid4(), 100)
    [lone] = jobs(one, uuid4(), 1)

    order = fair_order([*crowd, lone], {}, 10)

    assert lone in order[:2]


def test_a_tenant_whose_jobs_hold_the_workers_waits_for_the_others() -> None:
    busy, idle = uuid4(), uuid4()
    crowd = jobs(busy, uuid4(), 100)
    waiting = jobs(idle, uuid4(), 3)

    order = fair_order([*crowd, *waiting], {busy: 8}, 5)

    assert order[:3] == waiting


def test_the_jobs_of_a_tenant_keep_the_order_in_which_they_come() -> None:
    tenant = uuid4()
    mine = [*jobs(tenant, uuid4(), 2), *jobs(tenant, uuid4(), 2)]

    order = fair_order(mine, {}, 3)

    assert order == mine[:3]


def test_a_higher_priority_goes_before_every_turn() -> None:
    crowd = jobs(uuid4(), uuid4(), 5)
    urgent = jobs(uuid4(), uuid4(), 2, priority=5)

    order = fair_order([*crowd, *urgent], {}, 3)

    assert order[:2] == urgent


def test_no_more_than_the_limit_is_chosen() -> None:
    assert len(fair_order(jobs(uuid4(), uuid4(), 50), {}, 7)) == 7
