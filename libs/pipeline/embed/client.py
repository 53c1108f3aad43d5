"""The embedder: texts in, checked vectors out, one OpenAI-compatible endpoint behind it.

It never waits for an endpoint that is away: pacing and retries belong to the job, which can be
cancelled, seen and resumed. It does work around what no waiting mends: a batch that is too large is
halved, one bad input is singled out, base64 is given up. An endpoint that fails with a batch and
answers a plain word at the same time is taken to fail over one of the inputs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import openai
import structlog
from openai._legacy_response import LegacyAPIResponse
from openai.types import CreateEmbeddingResponse

from pipeline.embed import refusals
from pipeline.embed.answers import Vector, tokens_of, vectors_of
from pipeline.embed.errors import (
    EmbedderAnswerInvalid,
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderRateLimited,
    EmbedderUnavailable,
    EmbeddingInputRejected,
)
from pipeline.embed.filling import Filling, size_of
from pipeline.embed.model import EmbeddingModel
from pipeline.embed.pace.headers import told_by_answer, told_by_refusal
from pipeline.embed.pace.pacer import Pacer
from pipeline.embed.tokens import count_tokens

log = structlog.get_logger()

Response = LegacyAPIResponse[CreateEmbeddingResponse]

CONNECT_SECONDS = 5.0
CHARS_PER_TOKEN = 4  # for the pace, before the answer tells
# So often an input fails alone, while a plain word is answered, before it is blamed.
BLAMED_AFTER = 3
# A refused text is not cut shorter: then it is not its length that is refused.
CUT_CHARS_MIN = 64
CANARY = "test"  # one token everywhere, and no prefix: whoever refuses it refuses everything


@dataclass(slots=True)
class EmbeddedEach:
    """Vectors in the order of the texts, None for one that is empty or refused; tokens as the
    endpoint counts them.

    `failed`: the indices of inputs over which the endpoint breaks down rather than refuses; `cut`:
    of those that it takes only in part. `tokens_reported` is False where the endpoint told no usage
    and cl100k tokens were counted. `error`: what came before all were answered, `unanswered` those
    that were not.
    """

    vectors: list[Vector | None]
    tokens: int = 0
    tokens_reported: bool = True
    failed: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    error: EmbedderError | None = None

    @property
    def unanswered(self) -> set[int]:
        return {
            index
            for index, vector in enumerate(self.vectors)
            if vector is None and index not in self.failed and index not in self.refused
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request has brought: the vectors of the texts with these indices.

    `tokens` are those of all of them; `cut`: indices of texts that it took only in part.
    """

    indices: list[int]
    vectors: list[Vector]
    tokens: int
    tokens_reported: bool
    cut: set[int]


# Asked before a request whether its text with this index still is to be paid for.
IsWanted = Callable[[int], bool]
# Told of each answer as it comes.
Answered = Callable[[Answer], Awaitable[None]]


async def _tell_nobody(_: Answer) -> None:
    return


@dataclass(slots=True)
class QueryCost:
    """What a query has cost so far; `tokens_counted` are those of it that we counted."""

    tokens: int = 0
    tokens_counted: int = 0


@dataclass(slots=True)
class _Work:
    """One call of `embed_each`: the texts as sent, what came back, whether a canary has passed."""

    texts: list[str]
    singles_out: bool = True  # whether to look for the one input over which the endpoint fails
    urgent: bool = False  # does not wait for the pace
    paced: bool = False  # the turn of the next call has come already
    is_wanted: IsWanted = lambda _: True
    answered: Answered = _tell_nobody
    failures: dict[int, int] = field(default_factory=dict)  # of inputs that were sent alone
    result: EmbeddedEach = field(init=False)
    canary_passed: bool = False

    def __post_init__(self) -> None:
        self.result = EmbeddedEach([None] * len(self.texts))


class Embedder:
    """Safe for concurrent use on one event loop; close it with `aclose` or `async with`."""

    def __init__(self, model: EmbeddingModel, pace: Pacer | None = None) -> None:
        self.model = model
        self.pace = pace or Pacer()
        self._dimensions = model.dimensions
        self._floats = False
        self._client = openai.AsyncOpenAI(
            base_url=model.base_url,
            api_key=model.api_key.get_secret_value() or "not-needed",  # the SDK insists on one
            max_retries=0,
            timeout=openai.Timeout(model.timeout.total_seconds(), connect=CONNECT_SECONDS),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.close()

    async def embed_each(self, texts: Sequence[str]) -> EmbeddedEach:
        """Vectors of any number of passages, in as few calls as the limits allow.

        Raises an `EmbedderError` when the endpoint gives no usable answer.
        """
        result = await self.embed_some(texts)
        if result.error is not None:
            raise result.error
        return result

    async def embed_some(
        self,
        texts: Sequence[str],
        *,
        paced: bool = False,
        is_wanted: IsWanted = lambda _: True,
        answered: Answered = _tell_nobody,
    ) -> EmbeddedEach:
        """The same, with what was answered before an error: it is paid for. `paced`: the caller
        has waited for the turn of the first call. Texts that are not wanted any more stay among
        the unanswered."""
        prefix = self.model.passage_prefix
        work = _Work(
            [encodable(prefix + text) if text else "" for text in texts],
            paced=paced,
            is_wanted=is_wanted,
            answered=answered,
        )
        work.result.refused.update(index for index, text in enumerate(work.texts) if not text)
        try:
            for batch in self._batches(work.texts):
                await self._embed(work, batch)
        except EmbedderError as error:
            work.result.error = error
        return work.result

    async def embed_query(self, text: str, cost: QueryCost | None = None) -> Vector:
        """Raises `EmbeddingInputRejected` too: there is no answer without this vector. What was
        paid is added to `cost`."""
        query = encodable(self.model.query_prefix + text)
        work = _Work([query], singles_out=False, urgent=True)
        if query:
            await self._embed(work, range(1))
        if cost is not None:
            cost.tokens += work.result.tokens
            cost.tokens_counted += 0 if work.result.tokens_reported else work.result.tokens
        vector = work.result.vectors[0]
        if vector is None:
            raise EmbeddingInputRejected(0)
        return vector

    async def probe_dimensions(self) -> int:
        """The dimensions of the vectors: known, or asked with one word.

        Asked twice, as a collection is made of what is answered here: two answers that differ
        raise `EmbedderAnswerInvalid`.
        """
        if self._dimensions is None:
            for _ in range(2):
                await self._call([CANARY], urgent=True)
        if self._dimensions is None:
            raise EmbedderAnswerInvalid("The embedding endpoint gave no dimensions.")
        return self._dimensions

    async def canary(self) -> None:
        """One word, to see whether the endpoint works at all.

        Raises an `EmbedderError` if it does not.
        """
        try:
            await self._call([CANARY], urgent=True)
        except _Refused as refused:
            raise EmbedderMisconfigured(
                f"The embedding endpoint refuses every input ({refused.error.status_code}): "
                "check its model and its settings."
            ) from refused

    def _batches(self, texts: list[str]) -> list[range]:
        batches: list[range] = []
        filling = Filling(self.model)
        start = 0
        for index, text in enumerate(texts):
            if not filling.take(size_of(text, self.model)):
                batches.append(range(start, index))
                start = index
                filling = Filling(self.model)
                filling.take(size_of(text, self.model))
        return [*batches, range(start, len(texts))]

    async def _embed(self, work: _Work, batch: range) -> None:
        """Fill in the results of a batch, halving it while the endpoint refuses it."""
        indices = [index for index in batch if work.texts[index] and work.is_wanted(index)]
        if not indices:
            return
        paced, work.paced = work.paced, False
        try:
            vectors, tokens = await self._call(
                [work.texts[index] for index in indices], urgent=work.urgent, paced=paced
            )
        except _Refused as refused:
            await self._halve(work, indices, refused)
            return
        except EmbedderUnavailable as error:
            if error.status is None or not work.singles_out or not await self._works():
                raise
            await self._single_out(work, indices)
            return
        for index, vector in zip(indices, vectors, strict=True):
            work.result.vectors[index] = vector
        is_reported = tokens is not None
        if tokens is None:
            work.result.tokens_reported = False
            tokens = await asyncio.to_thread(
                lambda: sum(count_tokens(work.texts[index]) for index in indices)
            )
        work.result.tokens += tokens
        cut = work.result.cut.intersection(indices)
        await work.answered(Answer(indices, vectors, tokens, is_reported, cut))

    async def _halve(self, work: _Work, indices: list[int], refused: "_Refused") -> None:
        if len(indices) == 1:
            await self._canary(work)
            await self._refused(work, indices[0], refused.error.status_code)
            return
        log.info("embedding.batch_halved", inputs=len(indices), status=refused.error.status_code)
        middle = indices[len(indices) // 2]
        await self._embed(work, range(indices[0], middle))
        await self._embed(work, range(middle, indices[-1] + 1))

    async def _refused(self, work: _Work, index: int, status: int) -> None:
        """It stands alone, and a plain word is taken: cut it, if that is wanted, or give it up."""
        text, prefix = work.texts[index], encodable(self.model.passage_prefix)
        kept = len(prefix) + (len(text) - len(prefix)) // 2
        if self.model.cuts_refused and kept - len(prefix) >= CUT_CHARS_MIN:
            work.texts[index] = text[:kept]
            work.result.cut.add(index)
            log.info("embedding.input_cut", status=status, characters=kept)
            await self._embed(work, range(index, index + 1))
            return
        work.result.cut.discard(index)
        work.result.refused.add(index)
        log.info("embedding.input_rejected", status=status)

    async def _single_out(self, work: _Work, indices: list[int]) -> None:
        """The endpoint works, and fails with these: go on until one of them stands alone."""
        if len(indices) > 1:
            log.info("embedding.batch_failed", inputs=len(indices))
            middle = indices[len(indices) // 2]
            await self._embed(work, range(indices[0], middle))
            await self._embed(work, range(middle, indices[-1] + 1))
            return
        [index] = indices
        work.failures[index] = work.failures.get(index, 0) + 1
        if work.failures[index] == BLAMED_AFTER:
            log.warning("embedding.input_failed", failures=BLAMED_AFTER)
            work.result.failed.add(index)
            return
        await self._embed(work, range(index, index + 1))

    async def _works(self) -> bool:
        try:
            await self.canary()
        except EmbedderError:
            return False
        return True

    async def _canary(self, work: _Work) -> None:
        """Blame the setting rather than the text if the endpoint refuses a plain word too."""
        if not work.canary_passed:
            await self.canary()
            work.canary_passed = True

    async def _call(
        self, texts: list[str], *, urgent: bool, paced: bool = False
    ) -> tuple[list[Vector], int | None]:
        """One request, when its turn comes; again without base64 where that is refused."""
        expected = sum(map(len, texts)) // CHARS_PER_TOKEN
        if not paced:
            await self.pace.take(expected, urgent=urgent)
        try:
            response = await self._create(texts)
        except openai.BadRequestError as error:
            if self._floats or not refusals.blames_base64(error):
                raise _translated(error) from error
            log.info("embedding.base64_given_up")
            self._floats = True
            return await self._call(texts, urgent=urgent)
        except openai.APIError as error:
            translated = _translated(error)
            if isinstance(translated, EmbedderRateLimited) and isinstance(
                error, openai.APIStatusError
            ):
                await self.pace.tell(told_by_refusal(error, expected=expected))
            raise translated from error
        answer = _parsed(response)
        try:
            vectors = vectors_of(answer, count=len(texts), dimensions=self._dimensions)
        except EmbedderAnswerInvalid:
            # Which of two answers was the wrong one nobody knows: held to the first, a process
            # that was given a truncated vector at its start would refuse all that is right.
            self._dimensions = self.model.dimensions
            raise
        self._dimensions = len(vectors[0])
        tokens = tokens_of(answer)
        await self.pace.tell(
            told_by_answer(
                response.headers,
                tokens=expected if tokens is None else tokens,
                expected=expected,
            )
        )
        return vectors, tokens

    async def _create(self, texts: list[str]) -> Response:
        try:
            # The SDK's timeout counts from byte to byte; a dripping answer must end too.
            async with asyncio.timeout(self.model.timeout.total_seconds()):
                # Without an encoding the SDK asks for base64 and reads either.
                return await self._client.embeddings.with_raw_response.create(
                    model=self.model.model,
                    input=texts,
                    dimensions=self.model.dimensions or openai.omit,
                    encoding_format="float" if self._floats else openai.omit,
                )
        except TimeoutError as error:
            raise EmbedderUnavailable("The embedding endpoint did not answer in time.") from error


class _Refused(Exception):
    """The endpoint does not take these inputs; fewer or others it may."""

    def __init__(self, error: openai.APIStatusError) -> None:
        super().__init__(error.status_code)
        self.error = error


def _parsed(response: Response) -> CreateEmbeddingResponse:
    try:
        return response.parse()
    except openai.APIError as error:
        raise refusals.embedder_error(error) from error
    except (ValueError, TypeError, AttributeError) as error:
        # What the SDK raises over a body that is no JSON, has no data or another shape.
        raise EmbedderAnswerInvalid("The embedding endpoint's answer is malformed.") from error


def encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no request can carry."""
    return text.encode("utf-8", "replace").decode()


def _translated(error: openai.APIError) -> Exception:
    if isinstance(error, openai.APIStatusError) and refusals.blames_input(error):
        return _Refused(error)
    return refusals.embedder_error(error)
