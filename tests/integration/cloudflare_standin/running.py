"""Starting the stand-in as people run it, and the clients that talk to it."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.handlers
import httpx
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from cloudflare import Cloudflare

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 20
ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "test-token-of-the-standin"
QUEUE = "uploads-events"
BUCKET = "uploads"
SILENT_BUCKET = "derived"
ORIGIN = "http://console.example"
KEY_ID = "standin-key-id-0001"
SECRET = "standin-secret-access-key-0000000001"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ok(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the process behind {url} ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{url} did not answer within {START_SECONDS} s")


@dataclass
class Standin:
    data_dir: Path
    upstream: str
    more: dict[str, str] = field(default_factory=dict)
    queues_port: int = field(default_factory=free_port)
    r2_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.queues_port}/client/v4"

    @property
    def r2_url(self) -> str:
        return f"http://127.0.0.1:{self.r2_port}"

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "deploy" / "local"),
            "SLUICE_STANDIN_QUEUES_PORT": str(self.queues_port),
            "SLUICE_STANDIN_R2_PORT": str(self.r2_port),
            "SLUICE_STANDIN_DATA_DIR": str(self.data_dir),
            "SLUICE_STANDIN_S3_UPSTREAM": self.upstream,
            "SLUICE_STANDIN_ALLOWED_ORIGINS": ORIGIN,
            "CF_ACCOUNT_ID": ACCOUNT,
            "CF_API_TOKEN": TOKEN,
            "CF_QUEUE_NAME": QUEUE,
            "R2_BUCKET": BUCKET,
            "R2_ACCESS_KEY_ID": KEY_ID,
            "R2_SECRET_ACCESS_KEY": SECRET,
            **self.more,
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudflare_standin"], env=self.environment()
        )
        wait_until_ok(f"http://127.0.0.1:{self.queues_port}/healthz", self.process)
        wait_until_ok(f"{self.r2_url}/healthz", self.process)

    def kill(self) -> None:
        """kill -9"""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=START_SECONDS)


def queue_id_of(cloudflare: Cloudflare, name: str) -> str:
    found = [q.queue_id for q in cloudflare.queues.list(account_id=ACCOUNT) if q.queue_name == name]
    assert len(found) == 1
    assert found[0] is not None
    return found[0]


def s3_client(url: str, **config: Any) -> Any:
    """aiobotocore as the product configures it."""
    return _WithoutExpect(stock_s3_client(url, **config))


def stock_s3_client(url: str, **config: Any) -> Any:
    """aiobotocore as it comes: it sends a body only when it is told to."""
    return get_session().create_client(
        "s3",
        endpoint_url=url,
        region_name="auto",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=AioConfig(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            **config,
        ),
    )


class _WithoutExpect:
    def __init__(self, context: Any) -> None:
        self._context = context

    async def __aenter__(self) -> Any:
        client = await self._context.__aenter__()
        client.meta.events.unregister("before-call.s3", botocore.handlers.add_expect_header)
        return client

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)
