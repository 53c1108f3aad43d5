"""The image embedder: pictures or a text in, checked vectors out, one endpoint behind it.

It never waits for an endpoint that is away: that belongs to the job. What no waiting mends it
works around: a batch that is refused is halved, and one picture over which the endpoint fails,
while it answers a plain word, is left out.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import httpx2
import structlog

from pipeline.images.errors import (
    ImageEmbedderAnswerInvalid,
    ImageEmbedderError,
    ImageEmbedderFailed,
    ImageEmbedderMisconfigured,
    ImageEmbedderRateLimited,
    ImageRefused,
)
from pipeline.images.model import ImageModel
from pipeline.images.shapes import (
    ONE_A_REQUEST,
    Answered,
    AnswerUnusable,
    Content,
    Vector,
    read_answer,
    request_body,
)

log = structlog.get_logger(__name__)

CALLS_AT_ONCE = 4  # of a worker process; further ones wait
CONNECT_SECONDS = 5.0
ANSWER_BYTES_MAX = 32 * 1024 * 1024  # sixteen vectors of 4,096 numbers take two
RETRY_AFTER_MAX = timedelta(hours=1)
# So often a picture fails alone, while a plain word is answered, before it is left out.
BLAMED_AFTER = 3
CANARY = "test"
PIXELS_PER_TOKEN = 560  # as Voyage counts; where an endpoint tells no usage


@dataclass(slots=True)
class EmbeddedPictures:
    """Vectors in the order of the pictures, None for one that is refused; tokens as the endpoint
    counts them, `tokens_counted` of them by us. `error`: what came before all were answered."""

    vectors: list[Vector | None]
    refused: set[int] = field(default_factory=set)
    tokens: int = 0
    tokens_counted: int = 0
    error: ImageEmbedderError | None = None


class ImageEmbedder:
    """Safe for concurrent use; belongs to the event loop that opened it."""

    def __init__(
        self, model: ImageModel, client: httpx2.AsyncClient, *, calls: int = CALLS_AT_ONCE
    ) -> None:
        self.model = model
        self._client = client
        self._dimensions = model.dimensions
        self._slots = asyncio.Semaphore(calls)

    @classmethod
    @asynccontextmanager
    async def open(cls, model: ImageModel, *, calls: int = CALLS_AT_ONCE) -> AsyncIterator[Self]:
        key = model.api_key.get_secret_value()
        client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(model.timeout.total_seconds(), connect=CONNECT_SECONDS),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            follow_redirects=False,  # a key must not wander
        )
        async with client:
            yield cls(model, client, calls=calls)

    async def embed_pictures(
        self, pictures: Sequence[bytes], *, pixels: Sequence[int]
    ) -> EmbeddedPictures:
        """What was answered before an error comes with it: it is paid for. `pixels` of each, to
        count by where the endpoint does not."""
        result = EmbeddedPictures([None] * len(pictures))
        size = 1 if self.model.form in ONE_A_REQUEST else self.model.batch
        try:
            for start in range(0, len(pictures), size):
                batch = list(range(start, min(start + size, len(pictures))))
                await self._embed(pictures, pixels, batch, result)
        except ImageEmbedderError as error:
            result.error = error
        return result

    async def embed_query(self, content: Content) -> Answered:
        """The vector of a text, or of a picture, to search by.

        Raises:
            ImageRefused: the endpoint does not take it.
            ImageEmbedderError: no usable answer.
        """
        return await self._call([content])

    async def _embed(
        self,
        pictures: Sequence[bytes],
        pixels: Sequence[int],
        batch: list[int],
        result: EmbeddedPictures,
    ) -> None:
        try:
            answered = await self._call([pictures[index] for index in batch])
        except (ImageRefused, ImageEmbedderFailed) as error:
            if len(batch) > 1:
                if isinstance(error, ImageEmbedderFailed):
                    await self._check_canary()
                middle = len(batch) // 2
                await self._embed(pictures, pixels, batch[:middle], result)
                await self._embed(pictures, pixels, batch[middle:], result)
                return
            found = await self._once_more(pictures[batch[0]], error)
            if found is None:
                log.warning("image_embedding.picture_left_out", error=type(error).__name__)
                result.refused.add(batch[0])
                return
            answered = found
        for index, vector in zip(batch, answered.vectors, strict=True):
            result.vectors[index] = vector
        counted = sum(max(pixels[index] // PIXELS_PER_TOKEN, 1) for index in batch)
        result.tokens += answered.tokens or counted
        result.tokens_counted += 0 if answered.tokens else counted

    async def _once_more(
        self, picture: bytes, error: ImageRefused | ImageEmbedderFailed
    ) -> Answered | None:
        """None if the one picture is at fault.

        Raises:
            ImageEmbedderError: the endpoint does not take a plain word either.
        """
        await self._check_canary()
        if isinstance(error, ImageRefused):
            return None
        for _ in range(BLAMED_AFTER - 1):
            try:
                return await self._call([picture])
            except (ImageRefused, ImageEmbedderFailed):
                continue
        return None

    async def _check_canary(self) -> None:
        """One word, to see whether the endpoint works at all; raises an ImageEmbedderError."""
        try:
            await self._call([CANARY])
        except ImageRefused as refused:
            raise ImageEmbedderMisconfigured(
                f"The image embedding endpoint refuses every input ({refused.status}): check its "
                "model and its settings."
            ) from refused

    async def _call(self, contents: Sequence[Content]) -> Answered:
        body = await asyncio.to_thread(request_body, self.model, contents)
        try:
            async with self._slots, asyncio.timeout(self.model.timeout.total_seconds()):
                # The client's own limit is of each read: an answer may drip in without end.
                response = await self._client.post(self.model.url, json=body)
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise ImageEmbedderError(
                "The image embedding endpoint did not answer in time."
            ) from error
        except httpx2.HTTPError as error:
            raise ImageEmbedderError(
                "The image embedding endpoint could not be reached."
            ) from error
        if not response.is_success:
            raise _refusal(response)
        if len(response.content) > ANSWER_BYTES_MAX:
            raise ImageEmbedderAnswerInvalid("The image embedding endpoint's answer is too long.")
        try:
            answered = read_answer(
                self.model.form,
                response.json(),
                count=len(contents),
                dimensions=self._dimensions,
            )
        except AnswerUnusable as error:
            raise ImageEmbedderAnswerInvalid(str(error)) from error
        except ValueError as error:
            raise ImageEmbedderAnswerInvalid(
                "The image embedding endpoint's answer is malformed."
            ) from error
        self._dimensions = len(answered.vectors[0])
        return answered


def _refusal(response: httpx2.Response) -> Exception:
    """The server's own words stay out: they may quote the input."""
    status = response.status_code
    if status in {400, 413, 422}:
        return ImageRefused(status)
    if status == 429:
        return ImageEmbedderRateLimited(
            "The image embedding endpoint asks to slow down.",
            retry_after=_retry_after(response.headers.get("retry-after")),
        )
    if status in {408, 409} or status >= 500:
        return ImageEmbedderFailed(f"The image embedding endpoint answered {status}.")
    return ImageEmbedderMisconfigured(
        f"The image embedding endpoint refuses the request ({status}): check its URL, key and "
        "model."
    )


def _retry_after(told: str | None) -> timedelta | None:
    try:
        seconds = float(told or "")
    except ValueError:
        return None  # a date, perhaps: the job's own delay does
    if not math.isfinite(seconds):
        return None
    return min(timedelta(seconds=max(seconds, 0.0)), RETRY_AFTER_MAX)
