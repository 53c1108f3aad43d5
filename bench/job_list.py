"""The list of jobs among a million: how long every filter takes in every order, page and count.

    make bench-alone NAME=job_list
    make bench-alone NAME=job_list ARGS='--jobs 200000 --repeat 5'

A Postgres of its own is filled by SQL. The jobs are made as jobs come: datasets are uploaded one
after another, so that what belongs together lies together; some datasets fail more, some are small
and quick, the newest jobs are queued. Requests go through the whole api, in this process, without
the network. The first and a later page of each combination count alike.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import psutil

from api.app import create_app
from api.auth import hash_of, new_key
from api.settings import ApiSettings
from db.repositories.job_list import JobSort
from pipeline.logs import configure_logs
from stack.backends import Backends

TENANT = "00000000-0000-7000-8000-000000000001"
# Shares of the jobs by dataset, the oldest first; each is uploaded in one go.
DATASETS = (0.30, 0.20, 0.10, 0.001, 0.15, 0.05, 0.10, 0.002, 0.05, 0.047)
QUEUED, PROCESSING = 20_000, 50  # the newest, at most a tenth
JOBS_PER_WORKER = 2_000
LIMIT_MILLISECONDS = 200
TABLES = ("documents", "jobs", "attempts", "usage")

FILL = """
create temporary table made as
select
    number, dataset, luck, size, at, hash, status,
    (stamp || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid as id,
    (stamp || '7' || substr(hash, 4, 3) || '9' || substr(hash, 8, 15))::uuid as document,
    -- the third has small files only
    case dataset when 3 then 0.1 else 1 end * (0.5 + 60 * size * size) as seconds,
    'host-' || number % 4 || ':' || number / :per_worker as worker,
    case
        when status <> 'failed' then null
        when luck < 0.0001 then 'document_encrypted'
        when dataset = 2 then 'embedder_refused'
        else 'parser_crashed'
    end as error
from (
    select *,
        lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as stamp,
        md5('job' || number) as hash,
        case
            when number > :jobs - :queued then 'queued'
            when number > :jobs - :queued - :processing then 'processing'
            -- the second dataset was a bad one, long ago; elsewhere one of fifty fails
            when luck < case dataset when 2 then 0.3 else 0.02 end then 'failed'
            when luck > 0.99 then 'cancelled'
            else 'completed'
        end as status
    from (
        select number, now() - (:jobs - number) * interval '0.9 s' as at, random() as luck,
            random() as size,
            (select count(*) from unnest(:bounds) as bound where bound < number)::int + 1 as dataset
        from generate_series(1, :jobs) as number
    ) as numbers
) as described;
insert into tenants (id, name) values (:tenant, 'bench');
insert into datasets (id, tenant_id, name, live_space)
select ('00000000-0000-7000-9000-' || lpad(dataset::text, 12, '0'))::uuid, :tenant,
    'dataset ' || dataset, 'space'
from generate_series(1, cardinality(:bounds)) as dataset;
insert into documents (id, tenant_id, dataset_id, object_key, file_name)
select document, :tenant, ('00000000-0000-7000-9000-' || lpad(dataset::text, 12, '0'))::uuid,
    dataset || '/' || number,
    case dataset % 3 when 0 then 'letters/' when 1 then 'reports/' else 'scans/' end
        || (2000 + number % 26) || '/' || substr(hash, 20, 4) || '-' || number
        || case number % 4 when 0 then '.pdf' when 1 then '.docx' when 2 then '.txt' else '.eml' end
from made;
insert into jobs (
    id, tenant_id, dataset_id, document_id, reason, status, stage, progress, chunks_done, tokens,
    error_code, error, error_fingerprint, worker, attempts, fence, created_at, started_at,
    finished_at
)
select id, :tenant, ('00000000-0000-7000-9000-' || lpad(dataset::text, 12, '0'))::uuid, document,
    'event', status,
    case when status in ('failed', 'cancelled', 'processing')
        then case number % 3 when 0 then 'parse' when 1 then 'embed' else 'store' end end,
    0, (size * 100)::int, (size * case dataset when 3 then 100 else 10000 end)::int,
    error, error, left(md5(error || number % 20), 16),
    case status when 'processing' then worker end, 1, 1, at,
    case when status <> 'queued' then at + interval '5 s' end,
    case when status in ('completed', 'failed', 'cancelled')
        then at + interval '5 s' + seconds * interval '1 s' end
from made;
insert into attempts (id, job_id, number, fence, worker, outcome, tokens, started_at)
select id, id, 1, 1, worker, case status when 'processing' then 'running' else status end,
    (size * 10000)::int, at
from made where status <> 'queued';
insert into usage (id, tenant_id, job_id, model, tokens, cost)
select id, :tenant, id, 'model', (size * 10000)::int, size / 1000 from made
where status = 'completed' and number % 10 = 0
"""


@dataclass(frozen=True, slots=True)
class Timing:
    name: str
    p50: float
    p95: float
    most: float
    processor: float  # of this process and of Postgres, a request; the same on a busy machine

    @classmethod
    def of(cls, name: str, milliseconds: list[float], processor_seconds: float) -> "Timing":
        ordered = sorted(milliseconds)

        def at(share: float) -> float:
            return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

        a_request = processor_seconds * 1000 / len(ordered)
        return cls(name, at(0.5), at(0.95), ordered[-1], a_request)


async def fill(connection: asyncpg.Connection, jobs: int) -> None:
    bounds, so_far = [], 0.0
    for share in DATASETS:
        bounds.append(round(so_far * jobs))
        so_far += share
    bounds.append(jobs)
    values = {
        ":jobs": jobs,
        ":queued": min(QUEUED, jobs // 10),
        ":processing": PROCESSING,
        ":bounds": f"'{{{','.join(map(str, bounds[1:]))}}}'::int[]",
        ":per_worker": JOBS_PER_WORKER,
        ":tenant": f"'{TENANT}'::uuid",
    }
    indexes = await connection.fetch(
        "select indexname, indexdef from pg_indexes where tablename = any($1) and indexname not in"
        " (select conname from pg_constraint)",
        TABLES,
    )
    await connection.execute("set session_replication_role = replica")  # no check of each row
    await connection.execute("set maintenance_work_mem = '256MB'")
    for index in indexes:
        await connection.execute(f"drop index {index['indexname']}")
    statements = FILL
    for name, value in values.items():
        statements = statements.replace(name, str(value))
    for statement in statements.split(";\n"):
        await connection.execute(statement, timeout=None)
    for index in indexes:
        await connection.execute(index["indexdef"], timeout=None)
    await connection.execute("drop table made")
    await connection.execute("vacuum analyze")


def filters(jobs: int) -> dict[str, dict[str, Any]]:
    """What people ask for, and what is hard to find: rare, old, or much of it."""

    def dataset(number: int) -> dict[str, str]:
        return {"dataset_id": f"00000000-0000-7000-9000-{number:012}"}

    now = datetime.now(UTC)
    span = timedelta(seconds=0.9 * jobs)
    old = {
        "created_after": (now - 0.8 * span).isoformat(),
        "created_before": (now - 0.75 * span).isoformat(),
    }
    return {
        "everything": {},
        "completed": {"status": "completed"},
        "failed": {"status": "failed"},
        "queued": {"status": "queued"},
        "processing": {"status": "processing"},
        "failed or cancelled": {"status": ["failed", "cancelled"]},
        "the largest dataset": dataset(1),
        "a small old dataset": dataset(4),
        "failed in the bad dataset": {**dataset(2), "status": "failed"},
        "failed in the largest dataset": {**dataset(1), "status": "failed"},
        "the dataset of small files": dataset(3),
        "a rare error": {"error_code": "document_encrypted"},
        "an error of long ago": {"error_code": "embedder_refused"},
        "a common error": {"error_code": "parser_crashed"},
        "a common error in a dataset": {**dataset(7), "error_code": "parser_crashed"},
        "a stage": {"stage": "parse"},
        "a stage, failed": {"stage": "embed", "status": "failed"},
        "a worker": {"worker": "host-1:10"},
        "a worker, failed": {"worker": "host-1:10", "status": "failed"},
        "the last hour": {"created_after": (now - timedelta(hours=1)).isoformat()},
        "a window long ago": old,
        "failed in a window long ago": {**old, "status": "failed"},
        "one file by its name": {"q": f"-{jobs // 3}."},
        "some files by their names": {"q": f"{jobs // 1000}"},
        "many files by their names": {"q": "LETTERS/"},
        "many files, failed": {"q": "letters/", "status": "failed"},
        "names in a dataset": {**dataset(6), "q": "2013"},
        "no file of that name": {"q": "no such file"},
        "an id": {"q": f"00000000-0000-7000-9000-{4:012}"},
    }


@asynccontextmanager
async def serving(environment: Mapping[str, str], key: str) -> AsyncIterator[httpx.AsyncClient]:
    names = {str(field.validation_alias): name for name, field in ApiSettings.model_fields.items()}
    settings = ApiSettings.model_validate(
        {names[name]: value for name, value in environment.items() if name in names}
    )
    app = create_app(settings)
    transport: Any = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx's own idea of ASGI
    async with (
        app.litestar.lifespan(),
        httpx.AsyncClient(
            transport=transport,
            base_url="http://api/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=120,
        ) as client,
    ):
        yield client


async def timed(
    client: httpx.AsyncClient, path: str, query: Mapping[str, Any]
) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await client.get(path, params=dict(query))
    milliseconds = (time.perf_counter() - began) * 1000
    return milliseconds, answer.raise_for_status().json()


def processor_seconds(postgres: psutil.Process) -> float:
    spent = time.process_time()
    for process in postgres.children(recursive=True):
        times = process.cpu_times()
        spent += times.user + times.system
    return spent


async def measure(
    client: httpx.AsyncClient, postgres: psutil.Process, jobs: int, repeat: int
) -> list[Timing]:
    timings = []
    await timed(client, "/jobs", {})  # opens connections
    for name, query in filters(jobs).items():
        for sort in JobSort:
            taken = []
            spent = processor_seconds(postgres)
            for _ in range(repeat):
                milliseconds, page = await timed(client, "/jobs", {**query, "sort": sort})
                taken.append(milliseconds)
                if (cursor := page["next_cursor"]) is not None:
                    later = {**query, "sort": sort, "cursor": cursor}
                    taken.append((await timed(client, "/jobs", later))[0])
            spent = processor_seconds(postgres) - spent
            timings.append(Timing.of(f"{name}, {sort.value}", taken, spent))
            show(timings[-1])
        spent = processor_seconds(postgres)
        counts = [(await timed(client, "/jobs/counts", query))[0] for _ in range(repeat)]
        spent = processor_seconds(postgres) - spent
        timings.append(Timing.of(f"{name}, counts", counts, spent))
        show(timings[-1])
    return timings


def show(timing: Timing) -> None:
    mark = "  <-- slow" if timing.p95 > LIMIT_MILLISECONDS else ""
    print(
        f"{timing.name:45} p50 {timing.p50:8.1f}  p95 {timing.p95:8.1f}  max {timing.most:8.1f}"
        f"  processor {timing.processor:6.1f} ms{mark}",
        flush=True,
    )


async def run(environment: dict[str, str], postgres: int, jobs: int, repeat: int) -> None:
    connection = await asyncpg.connect(environment["DATABASE_URL"], ssl=False)
    began = time.perf_counter()
    await fill(connection, jobs)
    key = new_key()
    await connection.execute(
        "insert into api_keys (id, tenant_id, name, role, prefix, key_hash)"
        " values (gen_random_uuid(), $1, 'bench', 'admin', 'sluice', $2)",
        TENANT,
        hash_of(key),
    )
    for table in TABLES:
        sizes = await connection.fetchrow(
            f"select pg_size_pretty(pg_table_size('{table}')),"  # a name from above
            f" pg_size_pretty(pg_indexes_size('{table}'))"
        )
        print(f"{table}: {sizes[0]} and {sizes[1]} of indexes")
    await connection.close()
    print(f"{jobs:,} jobs made in {time.perf_counter() - began:.0f} s", flush=True)
    async with serving(environment, key) as client:
        timings = await measure(client, psutil.Process(postgres), jobs, repeat)
    slow = [timing for timing in timings if timing.p95 > LIMIT_MILLISECONDS]
    worst = max(timing.p95 for timing in timings)
    dearest = max(timings, key=lambda timing: timing.processor)
    print(f"most processor time: {dearest.name}, {dearest.processor:.0f} ms a request")
    print(f"{len(slow)} of {len(timings)} over {LIMIT_MILLISECONDS} ms; worst p95 {worst:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=10, help="of each combination")
    options = parser.parse_args()
    configure_logs(level="ERROR", json=False, service="bench")
    with Backends() as backends:
        backends.start("postgres")
        subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            env=backends.process_environment(),
            check=True,
        )
        postgres = backends.service("postgres").pid
        asyncio.run(run(backends.process_environment(), postgres, options.jobs, options.repeat))


if __name__ == "__main__":
    main()
