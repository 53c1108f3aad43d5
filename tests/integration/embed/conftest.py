from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from pipeline.embed.client import Embedder
from pipeline.embed.model import EmbeddingModel
from support.embeddings import KEY, EmbeddingsServer, embeddings_server


@pytest.fixture(scope="module")
async def process() -> AsyncIterator[EmbeddingsServer]:
    async with embeddings_server({"MODE": "synthetic", "DIMENSIONS": "16"}) as server:
        yield server


@pytest.fixture
async def server(process: EmbeddingsServer) -> EmbeddingsServer:
    """The server with all switches off."""
    await process.switch()
    return process


@pytest.fixture
def model(server: EmbeddingsServer) -> EmbeddingModel:
    return EmbeddingModel(server.base_url, SecretStr(KEY), "synthetic")


@pytest.fixture
async def embedder(model: EmbeddingModel) -> AsyncIterator[Embedder]:
    async with Embedder(model) as embedder:
        yield embedder
