"""What a long backlog costs: memory of the processes, Redis's size, the announcer's look at it.

    make bench-alone NAME=backlog ARGS='--jobs 1000 10000 100000'

For each size the database gets so many queued jobs over some datasets, as an intake would have
made them. The first figures are without a worker, so the backlog stands; then one works on it for a
while (the objects do not exist, so every job is a look at the store and an empty removal).
"""

import argparse
import asyncio
import time

import asyncpg
from bench.rig import Rig
from redis import Redis

DATASETS = 50
SETTLE_SECONDS = 3.0
WATCH_SECONDS = 15.0

MAKE_JOBS = """
with home as (select id, tenant_id, row_number() over (order by id) - 1 as place from datasets),
numbers as (select generate_series(1, $1::int) as n),
documents_made as (
    insert into documents (id, tenant_id, dataset_id, object_key, file_name)
    select gen_random_uuid(), h.tenant_id, h.id,
        h.id || '/' || n || '-' || $1 || '.txt', n || '.txt'
    from numbers join home h on h.place = n % $2
    returning id, tenant_id, dataset_id
)
insert into jobs (id, tenant_id, dataset_id, document_id, reason)
select gen_random_uuid(), tenant_id, dataset_id, id, 'event' from documents_made
"""


async def make_jobs(url: str, count: int) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    await connection.execute(MAKE_JOBS, count, DATASETS)
    await connection.execute("analyze")
    await connection.close()


async def count_jobs(url: str, status: str) -> int:
    connection = await asyncpg.connect(url, ssl=False)
    count: int = await connection.fetchval("select count(*) from jobs where status = $1", status)
    await connection.close()
    return count


def watch(rig: Rig, redis: Redis, *, worker: bool) -> str:
    """A line of figures over some seconds."""
    names = ("sluice_announcer_tick_seconds_sum", "sluice_announcer_tick_seconds_count")
    seconds, ticks = (rig.metric(name) for name in names)
    time.sleep(WATCH_SECONDS)
    spent, looks = (rig.metric(names[0]) - seconds, rig.metric(names[1]) - ticks)
    memory = {name: rig.megabytes(name) for name in ("poller", "api", "worker-1")[: 2 + worker]}
    return (
        f"look {1000 * spent / max(looks, 1):6.1f} ms (of {looks:.0f}), "
        + ", ".join(f"{name} {size:.0f} MB" for name, size in memory.items())
        + f", Redis {redis.info('memory')['used_memory'] / 1e6:.2f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    sizes = sorted(parser.parse_args().jobs)
    with Rig(workers=1) as rig, rig.api() as client:
        url = rig.environment["DATABASE_URL"]
        redis = Redis.from_url(rig.environment["REDIS_URL"])
        rig.stop("worker-1")
        for number in range(DATASETS):
            client.post("/datasets", json={"name": f"backlog {number}"}).raise_for_status()
        there = 0
        for size in sizes:
            asyncio.run(make_jobs(url, size - there))
            there = asyncio.run(count_jobs(url, "queued"))
            time.sleep(SETTLE_SECONDS)
            print(f"{there:7} jobs, no worker:  {watch(rig, redis, worker=False)}", flush=True)
            rig.start("worker-1")
            line = watch(rig, redis, worker=True)
            done = there - asyncio.run(count_jobs(url, "queued"))
            rig.stop("worker-1")
            print(f"{there:7} jobs, one worker: {line}, {done} done", flush=True)
            there -= done


if __name__ == "__main__":
    main()
