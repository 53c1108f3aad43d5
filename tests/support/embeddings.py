"""The embeddings server as a process of its own, on a free port, for tests."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

KEY = "test-key"
START_SECONDS = 60
ROOT = Path(__file__).parents[2] / "deploy" / "local"


@dataclass(frozen=True, slots=True)
class EmbeddingsServer:
    port: int
    process: asyncio.subprocess.Process

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    async def switch(self, **changes: object) -> None:
        """Turn switches on top of the defaults, not of what an earlier test has left."""
        async with self._client() as client:
            answer = await client.post("/_switches", json={"reset": True, **changes})
            answer.raise_for_status()

    async def counters(self) -> dict[str, int]:
        async with self._client() as client:
            counters: dict[str, int] = (await client.get("/_switches")).json()["counters"]
        return counters

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.root, headers={"authorization": f"Bearer {KEY}"})


@asynccontextmanager
async def embeddings_server(
    settings: Mapping[str, str], *, key: str = KEY
) -> AsyncIterator[EmbeddingsServer]:
    """Started with SLUICE_EMBEDDINGS_… `settings`; at the end stopped, and seen to stop cleanly."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "embeddings_server",
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": key,
            "SLUICE_EMBEDDINGS_PORT": "0",
            **{f"SLUICE_EMBEDDINGS_{name}": value for name, value in settings.items()},
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            port = await _port(process)
        yield EmbeddingsServer(port, process)
    finally:
        if process.returncode is None:
            process.terminate()
        status = await process.wait()
        assert status == 0, f"the embeddings server ended with {status}"


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        entry = json.loads(line)
        if entry["event"] == "server.listening":
            return int(entry["port"])
    raise AssertionError("the embeddings server did not start")
