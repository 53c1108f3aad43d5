"""The stand-in as people run it: a process of its own, in front of a real rclone."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from integration.cloudflare_standin.running import (
    ACCOUNT,
    BUCKET,
    KEY_ID,
    QUEUE,
    SECRET,
    SILENT_BUCKET,
    START_SECONDS,
    TOKEN,
    Standin,
    free_port,
    queue_id_of,
    s3_client,
)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("s3")
    for bucket in (BUCKET, SILENT_BUCKET):
        (root / bucket).mkdir()
    port = free_port()
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    process = subprocess.Popen(
        [
            *(rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", f"{KEY_ID},{SECRET}", "--vfs-cache-mode", "off", str(root)),
        ],
        env={**os.environ, "RCLONE_CONFIG": str(root / "none.conf")},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def shared_standin(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    standin = Standin(tmp_path_factory.mktemp("standin"), s3_server)
    standin.start()
    yield standin
    standin.kill()


@pytest.fixture
def standin(shared_standin: Standin, cloudflare: Cloudflare) -> Standin:
    """The running stand-in with empty queues and no faults."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    httpx.delete(
        f"http://127.0.0.1:{shared_standin.queues_port}/_standin/faults", headers=headers
    ).raise_for_status()
    for queue in cloudflare.queues.list(account_id=ACCOUNT):
        assert queue.queue_id is not None
        cloudflare.queues.purge.start(
            queue.queue_id, account_id=ACCOUNT, delete_messages_permanently=True
        )
    return shared_standin


@pytest.fixture
def cloudflare(shared_standin: Standin) -> Cloudflare:
    """The official SDK."""
    return Cloudflare(api_token=TOKEN, base_url=shared_standin.api_url, max_retries=0)


@pytest.fixture
def queue_id(standin: Standin, cloudflare: Cloudflare) -> str:
    return queue_id_of(cloudflare, QUEUE)


@pytest.fixture
async def s3(standin: Standin) -> AsyncIterator[Any]:
    async with s3_client(standin.r2_url) as client:
        yield client
