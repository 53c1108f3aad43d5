"""Images of documents: found by a text and by an image, paid for once, gone with their document."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from PIL import Image, ImageDraw
from pydantic import SecretStr
from sqlalchemy import func, select, update

from data.pictures import encoded, pdf_of
from db.models import Document, Job, Tenant, Usage
from db.repositories.audit_runs import Finding, Progress
from pipeline.images.client import EmbeddedPictures, ImageEmbedder
from pipeline.images.errors import ImageEmbedderFailed
from pipeline.images.model import ImageFormat, ImageModel
from pipeline.queue import LARGE_BYTES
from pipeline.tools import Tools
from poller.auditing.report import Report
from poller.auditing.rows import RowComparison
from stack.backends import Backends
from stack.ports import LOOPBACK
from support.api import Api, running
from support.buckets import store_client
from support.catalog import apply, document_of, jobs_of
from support.indexed import Indexed, put, tools

__all__ = ["put", "tools"]  # fixtures, taken over

MODEL = "colour-layout"
LINES = [f"Line {number} of the report." for number in range(20)] + ["Figure 1: a blue field"]


class CutOff(ImageEmbedder):
    """Answers one picture, and is away then."""

    async def embed_pictures(
        self, pictures: Sequence[bytes], *, pixels: Sequence[int]
    ) -> EmbeddedPictures:
        embedded = await super().embed_pictures(pictures[:1], pixels=pixels[:1])
        embedded.vectors += [None] * (len(pictures) - 1)
        embedded.error = ImageEmbedderFailed("The image embedding endpoint answered 503.")
        return embedded


def drawn(colour: str, *, size: tuple[int, int] = (300, 200)) -> Image.Image:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((10, 10, size[0] // 3, size[1] // 3), fill="white")
    return image


def image_model(servers: Backends) -> ImageModel:
    environment = servers.environment()
    return ImageModel(
        url=f"{environment['OPENAI_BASE_URL']}/embeddings",
        api_key=SecretStr(environment["OPENAI_API_KEY"]),
        model=MODEL,
        form=ImageFormat.JINA,
    )


async def images_embedded(servers: Backends) -> int:
    """So many inputs the endpoint has answered."""
    environment = servers.environment()
    async with httpx.AsyncClient() as client:
        answer = await client.get(
            environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/_switches",
            headers={"Authorization": f"Bearer {environment['OPENAI_API_KEY']}"},
        )
    count: int = answer.json()["counters"]["image_inputs"]
    return count


@pytest.fixture
async def with_images(servers: Backends, tools: Tools) -> AsyncIterator[Tools]:
    tools.parsers.limits = replace(tools.parsers.limits, ocr=False, pictures_max=10)
    async with ImageEmbedder.open(image_model(servers)) as images:
        yield replace(tools, images=images)


@pytest.fixture
async def api(
    servers: Backends, database_url: str, redis_url: str, bucket: str, collection_prefix: str
) -> AsyncIterator[Api]:
    environment = {
        **servers.environment(),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "R2_BUCKET": bucket,
        "SLUICE_R2_DERIVED_BUCKET": bucket,
        "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{servers.ports.objects}",
        "SLUICE_MILVUS_PREFIX": collection_prefix,
        "SLUICE_IMAGE_EMBEDDING_URL": f"{servers.environment()['OPENAI_BASE_URL']}/embeddings",
        "SLUICE_IMAGE_EMBEDDING_API_KEY": servers.environment()["OPENAI_API_KEY"],
        "SLUICE_IMAGE_EMBEDDING_MODEL": MODEL,
    }
    async with running(environment) as found:
        yield found


async def tenant_of(api: Api) -> UUID:
    async with api.sessions() as session:
        found = await session.scalar(select(Tenant.id).where(Tenant.name == api.tenant))
    assert found is not None
    return found


async def found(api: Api, indexed: Sequence[Indexed], **body: Any) -> dict[str, Any]:
    datasets = [str(each.home.dataset_id) for each in indexed]
    answer = await api.client.post("/api/v1/search", json={"dataset_ids": datasets, **body})
    assert answer.status_code == 200, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


async def kept_crops(servers: Backends, bucket: str, document: Document) -> list[str]:
    direct = f"http://{LOOPBACK}:{servers.ports.objects}"
    async with store_client(servers.environment(), endpoint_url=direct) as client:
        listed = await client.list_objects_v2(Bucket=bucket, Prefix=f"{document.id}/")
    return [item["Key"] for item in listed.get("Contents", []) if item["Key"].endswith(".jpg")]


async def image_rows(tools: Tools, document: Document) -> int:
    assert tools.images is not None
    generations = tools.vectors.generations(
        tools.images.model.space, dataset=str(document.dataset_id)
    )
    return sum([each.rows async for each in generations if each.document == str(document.id)])


async def audited(tools: Tools) -> dict[Finding, int]:
    """What the audit finds in the image space."""
    assert tools.images is not None
    report = Report(Progress())
    comparison = RowComparison(
        tools.sessions, tools.vectors, report, grace=timedelta(0), large_bytes=LARGE_BYTES
    )
    await comparison.space(tools.images.model.space)
    return {kind: tally.found for kind, tally in report.progress.findings.items()}


async def test_images_are_found_by_text_and_by_image_and_go_with_their_document(
    api: Api, with_images: Tools, put: Any, servers: Backends, bucket: str
) -> None:
    tenant = await tenant_of(api)
    photo = replace(
        await put("photo.png", encoded([drawn("red")], "PNG"), tenant_id=tenant), tools=with_images
    )
    report = replace(
        await put("report.pdf", pdf_of([(LINES, drawn("blue"))]), tenant_id=tenant),
        tools=with_images,
    )
    for each in (photo, report):
        assert (await each.index()).error_code is None

    by_text = await found(api, [photo, report], query="something red", mode="image")
    smaller = drawn("blue", size=(150, 100))
    by_image = await found(
        api, [photo, report], image=b64encode(encoded([smaller], "WEBP")).decode(), limit=1
    )

    first = by_text["hits"][0]
    assert (first["kind"], first["file_name"]) == ("image", "photo.png")
    assert (by_text["images"], by_text["caveats"]) == ("by_vector", [])
    async with httpx.AsyncClient() as outside:
        shown = await outside.get(first["image_url"])
    assert shown.headers["content-type"] == "image/jpeg"
    with Image.open(BytesIO(shown.content)) as crop:
        assert crop.size == (300, 200)
    [hit] = by_image["hits"]
    assert (hit["file_name"], hit["page"]) == ("report.pdf", 1)
    assert hit["box"]["top"] == pytest.approx(342, abs=1)
    assert "Figure 1: a blue field" in hit["text"]
    assert hit["score"] > 0.95
    passages = await found(api, [photo, report], query="Line 7 of the report")
    assert {each["kind"] for each in passages["hits"]} == {"passage"}

    document = await document_of(with_images.sessions, report.home, "report.pdf")
    listed = await api.client.get(
        f"/api/v1/datasets/{document.dataset_id}/documents/{document.id}/images"
    )
    assert [each["page"] for each in listed.json()["items"]] == [1]
    assert len(await kept_crops(servers, bucket, document)) == 1
    await api.client.delete(f"/api/v1/datasets/{document.dataset_id}/documents/{document.id}")
    await report.run((await jobs_of(with_images.sessions, report.home))[-1].id)

    assert await image_rows(with_images, document) == 0
    assert await kept_crops(servers, bucket, document) == []
    left = await found(api, [photo, report], query="blue", mode="image")
    assert {each["file_name"] for each in left["hits"]} == {"photo.png"}


async def test_an_image_is_paid_for_once_whatever_becomes_of_the_attempt(
    with_images: Tools, put: Any, servers: Backends
) -> None:
    pages = [(["One page."], drawn("green")), (["Another."], drawn("orange"))]
    plain = await put("two.pdf", pdf_of(pages))
    before = await images_embedded(servers)
    async with CutOff.open(image_model(servers)) as cut_off:
        broken = replace(plain, tools=replace(with_images, images=cut_off))
        job_id = await broken.tell()
        failed = await broken.run(job_id)
    whole = replace(plain, tools=with_images)
    async with with_images.sessions.begin() as session:
        await session.execute(update(Job).values(run_after=func.now()))

    resumed = await whole.run(job_id)

    document = await document_of(with_images.sessions, plain.home, "two.pdf")
    assert failed.error_code == "image_embedder_unavailable"
    assert resumed.error_code is None
    assert (document.image_count, await image_rows(with_images, document)) == (2, 2)
    assert await images_embedded(servers) == before + 2
    async with with_images.sessions() as session:
        spent = await session.scalars(
            select(Usage).where(Usage.document_id == document.id, Usage.model == MODEL)
        )
        assert sum(row.tokens for row in spent) > 0

    # As the audit asks for a generation that lost rows: it is written anew, under other ids.
    async with with_images.sessions.begin() as session:
        await session.execute(update(Document).values(live_fingerprint=None))
    again = whole.home.change("two.pdf", etag="e2", minute=1)
    [job_again] = (await apply(with_images.sessions, again)).values()
    assert job_again is not None
    await whole.run(job_again)

    anew = await document_of(with_images.sessions, plain.home, "two.pdf")
    assert (anew.live_generation or 0) > (document.live_generation or 0)
    assert anew.image_count == 2
    assert await images_embedded(servers) == before + 2

    assert await audited(with_images) == {}
    assert with_images.images is not None
    await with_images.vectors.delete_generations(
        with_images.images.model.space,
        dataset=str(anew.dataset_id),
        document=str(anew.id),
        below=(anew.live_generation or 0) + 1,
    )
    assert await audited(with_images) == {Finding.MISSING_ROWS: 1}
    await whole.run((await jobs_of(with_images.sessions, plain.home))[-1].id)
    assert await image_rows(with_images, anew) == 2


async def test_without_an_endpoint_nothing_is_cropped_and_the_api_says_so(
    tools: Tools,
    put: Any,
    servers: Backends,
    bucket: str,
    api: Api,
) -> None:
    tools.parsers.limits = replace(tools.parsers.limits, ocr=False)
    photo = await put("photo.png", encoded([drawn("red")], "PNG"), tenant_id=await tenant_of(api))
    await photo.index()

    answer = await found(api, [photo], query="red", mode="image")

    document = await document_of(tools.sessions, photo.home, "photo.png")
    assert (document.live_image_space, document.image_count) == (None, 0)
    assert await kept_crops(servers, bucket, document) == []
    assert answer["hits"] == []
    assert [each["code"] for each in answer["caveats"]] == ["images_missing"]
