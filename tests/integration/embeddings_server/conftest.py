from collections.abc import AsyncIterator

import openai
import pytest

from support.embeddings import KEY, EmbeddingsServer, embeddings_server


@pytest.fixture(scope="module")
async def synthetic() -> AsyncIterator[EmbeddingsServer]:
    async with embeddings_server({"MODE": "synthetic", "DIMENSIONS": "16"}) as server:
        yield server


@pytest.fixture(scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddingsServer]:
    data_dir = tmp_path_factory.mktemp("embeddings")
    async with embeddings_server({"DATA_DIR": str(data_dir)}) as server:
        yield server


@pytest.fixture
async def sdk(synthetic: EmbeddingsServer) -> AsyncIterator[openai.AsyncOpenAI]:
    await synthetic.switch()
    async with openai.AsyncOpenAI(
        base_url=synthetic.base_url, api_key=KEY, max_retries=0
    ) as client:
        yield client
