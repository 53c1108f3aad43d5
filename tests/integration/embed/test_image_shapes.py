"""The four shapes against the local server that answers them."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from pydantic import SecretStr

from pipeline.images.client import ImageEmbedder
from pipeline.images.errors import ImageEmbedderMisconfigured
from pipeline.images.model import ImageFormat, ImageModel
from support.embeddings import KEY, EmbeddingsServer

ADDRESSES = {
    ImageFormat.JINA: "/v1/embeddings",
    ImageFormat.VOYAGE: "/v1/multimodalembeddings",
    ImageFormat.COHERE: "/v2/embed",
    ImageFormat.VLLM: "/v1/embeddings",
}


def drawn(colour: str, *, side: int = 200) -> bytes:
    image, written = Image.new("RGB", (side, side), colour), BytesIO()
    ImageDraw.Draw(image).rectangle((0, 0, side // 2, side // 4), fill="black")
    image.save(written, "JPEG")
    return written.getvalue()


def cosine(one: list[float] | None, other: list[float] | None) -> float:
    assert one is not None
    assert other is not None
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", list(ImageFormat))
async def test_a_picture_finds_its_smaller_copy_and_a_colour_what_has_it(
    server: EmbeddingsServer, form: ImageFormat
) -> None:
    await server.switch()
    model = ImageModel(
        server.root + ADDRESSES[form], SecretStr(KEY), "colour-layout", form, batch=2
    )
    pictures = [drawn("red"), b"\xff\xd8\xff, and then no JPEG", drawn("blue")]
    async with ImageEmbedder.open(model) as embedder:
        embedded = await embedder.embed_pictures(pictures, pixels=[40_000] * 3)
        red = await embedder.embed_query("something red")
        smaller = await embedder.embed_query(drawn("blue", side=60))

    reds, _, blues = embedded.vectors
    assert embedded.error is None
    assert embedded.refused == {1}  # it alone, though it came with another
    assert embedded.tokens > 0
    assert embedded.tokens_counted == 0
    assert cosine(red.vectors[0], reds) > cosine(red.vectors[0], blues) + 0.3
    assert cosine(smaller.vectors[0], blues) > 0.99


async def test_an_endpoint_that_refuses_everything_is_set_up_wrongly(
    server: EmbeddingsServer,
) -> None:
    model = ImageModel(f"{server.base_url}/embeddings", SecretStr(KEY), "no-such-model")
    async with ImageEmbedder.open(model) as embedder:
        unknown = await embedder.embed_pictures([drawn("red")], pixels=[1])

    await server.switch(inputs_refused=True)
    model = ImageModel(f"{server.base_url}/embeddings", SecretStr(KEY), "colour-layout")
    async with ImageEmbedder.open(model) as embedder:
        refused = await embedder.embed_pictures([drawn("red")], pixels=[1])
    await server.switch()

    assert isinstance(unknown.error, ImageEmbedderMisconfigured)
    assert isinstance(refused.error, ImageEmbedderMisconfigured)
    assert refused.refused == set()
