"""What the scenarios of the field have in common: texts of a known size, faults, and what is left.

Texts differ in every line, so a chunk that is embedded twice cannot hide behind its twin.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pymilvus import MilvusClient

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind
from support.product import Client, Product


def book(title: str, lines: int) -> str:
    return "\n".join(
        f"{title}, line {number}: field {number * 37} has {number % 11} faint sources."
        for number in range(lines)
    )


def report(title: str, paragraphs: int) -> list[str]:
    """Paragraphs of some 800 characters."""
    return [
        " ".join(
            f"Paragraph {number} of {title}: sentence {place} tells of field {number * 41 + place}."
            for place in range(11)
        )
        for number in range(paragraphs)
    ]


def chunks_of(text: str) -> list[str]:
    """As the pipeline cuts a text file."""
    chunker = chunker_for(ChunkSettings())
    block = Block(text, BlockKind.PARAGRAPH, char_start=0, separator="")
    return [chunk.text for chunk in [*chunker.feed(block), *chunker.finish()]]


@dataclass(frozen=True, slots=True)
class Embedder:
    """The synthetic embeddings server of a product."""

    client: Client
    product: Product

    async def switch(self, **changes: object) -> None:
        await self._ask("POST", {"reset": True, **changes})

    async def counters(self) -> dict[str, int]:
        answer = await self._ask("GET", None)
        counters: dict[str, int] = answer["counters"]
        return counters

    async def inputs(self) -> int:
        """Texts for which vectors were given, since its start."""
        return (await self.counters())["inputs"]

    async def _ask(self, method: str, body: dict[str, object] | None) -> Any:
        environment = self.product.environment
        response = await self.client.bucket.request(
            method,
            environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/_switches",
            json=body,
            headers={"Authorization": f"Bearer {environment['OPENAI_API_KEY']}"},
        )
        assert response.is_success, response.text
        return response.json()


async def misbehave(client: Client, product: Product, **faults: object) -> None:
    """Ask the Cloudflare stand-in to."""
    environment = product.environment
    response = await client.bucket.put(
        environment["SLUICE_CF_API_URL"].removesuffix("/client/v4") + "/_standin/faults",
        json=faults,
        headers={"Authorization": f"Bearer {environment['CF_API_TOKEN']}"},
    )
    assert response.is_success, response.text


async def job_of(client: Client, dataset: str, file_name: str) -> dict[str, Any] | None:
    """The latest of a document's jobs."""
    jobs = [job for job in await client.jobs(dataset) if job["file_name"] == file_name]
    return max(jobs, key=lambda job: str(job["task_id"]), default=None)


async def attempts_at(client: Client, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The earliest first."""
    page = await client.call("GET", f"/jobs/{job['task_id']}/attempts?limit=200")
    attempts: list[dict[str, Any]] = page["items"]
    return attempts[::-1]


async def embedded_in(client: Client, jobs: Iterable[dict[str, Any]]) -> int:
    """Chunks that the attempts at these jobs embedded."""
    attempts = [attempt for job in jobs for attempt in await attempts_at(client, job)]
    return sum(attempt["chunks_embedded"] for attempt in attempts)


async def rows_of(product: Product, dataset: str) -> list[dict[str, Any]]:
    """What Milvus holds of a dataset, whatever is live."""
    return await asyncio.to_thread(_rows, product.environment, dataset)


def _rows(environment: dict[str, str], dataset: str) -> list[dict[str, Any]]:
    client = MilvusClient(environment["MILVUS_URI"], timeout=20)
    try:
        found: list[dict[str, Any]] = []
        for name in client.list_collections():
            if name.startswith(environment["SLUICE_MILVUS_PREFIX"]):
                found += client.query(
                    name,
                    filter=f'dataset == "{dataset}"',
                    output_fields=["id", "document", "generation", "ordinal", "text"],
                    limit=16_000,
                    consistency_level="Strong",
                )
        return found
    finally:
        client.close()
