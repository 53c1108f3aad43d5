"""How the processes live and end: recycling, SIGTERM, a start that cannot be."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from stack.backends import Backends
from stack.layout import REPOSITORY
from support.databases import fresh_database
from support.product import Client, Product

RECYCLE_AFTER = 5
FILES = 30


@pytest.fixture(scope="module")
async def product(
    backends: Backends, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """A worker that starts over after a few jobs."""
    url = backends.environment()["DATABASE_URL"]
    async with fresh_database(url, template=database_template) as database_url:
        running = Product(
            backends,
            {
                "DATABASE_URL": database_url,
                "SLUICE_REDIS_NAMESPACE": f"e2e-{uuid4().hex[:8]}",
                "SLUICE_MILVUS_PREFIX": f"e2e_{uuid4().hex[:8]}_",
                "SLUICE_WORKER_RECYCLE_JOBS": str(RECYCLE_AFTER),
            },
            tmp_path_factory.mktemp("services"),
        )
        try:
            yield running.start()
        finally:
            running.close()


async def test_a_worker_that_starts_over_now_and_then_does_every_job_once(
    client: Client, product: Product
) -> None:
    files = {f"{number}.txt": f"Only number {number}.".encode() for number in range(FILES)}
    dataset = await client.create(files)

    documents = await client.settled(dataset, count=FILES, seconds=120)

    attempts = [
        attempt
        for job in await client.jobs(dataset)
        for attempt in (await client.call("GET", f"/jobs/{job['task_id']}/attempts"))["items"]
    ]
    assert {document["status"] for document in documents.values()} == {"completed"}
    assert sum(attempt["chunks_embedded"] for attempt in attempts) == FILES
    assert "lapsed" not in {attempt["outcome"] for attempt in attempts}
    # Once is enough: it may have had all of them under way together.
    assert "worker.recycling" in product.log("worker-1")


@pytest.mark.parametrize(
    ("name", "code", "last_word"),
    [
        ("poller", 0, "poller.stopped"),
        ("worker-1", 0, "worker.stopped"),
        # Its server ends by the signal itself once everything is closed.
        ("api", -signal.SIGTERM, "Application shutdown complete"),
    ],
)
def test_a_process_that_is_asked_to_end_ends_in_good_order(
    product: Product, name: str, code: int, last_word: str
) -> None:
    ended_with = product.stop(name)
    log = product.log(name)
    product.start_one(name)

    assert ended_with == code
    assert last_word in log


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["-m", "poller"], "CF_ACCOUNT_ID"),
        (["-m", "api"], "R2_BUCKET"),
        (["-m", "dramatiq", "worker.main", "--processes", "1"], "MILVUS_URI"),
    ],
)
def test_a_start_without_a_setting_ends_with_its_name(
    product: Product, command: list[str], missing: str
) -> None:
    environment = {key: value for key, value in product.environment.items() if key != missing}

    ended = subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert f"{missing}: " in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
