"""The ASGI application: embeddings of texts and images, reranking, models, health, /_switches."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import TypeVar

import structlog
from pydantic import ValidationError

from embeddings_server import faults
from embeddings_server.asgi import (
    ClientGone,
    Receive,
    Scope,
    Send,
    read_body,
    send_bytes,
    send_json,
    wait_for_disconnect,
)
from embeddings_server.images import Shape, answer_images, shape_of
from embeddings_server.ledger import Ledger
from embeddings_server.models import Model
from embeddings_server.problems import (
    ApiError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotSupported,
    PayloadTooLarge,
    RateLimited,
    ServerFailed,
    UnknownUrl,
)
from embeddings_server.rerank import answer_rerank, read_rerank
from embeddings_server.switches import SwitchBoard
from embeddings_server.turns import Turns
from embeddings_server.wire import (
    EmbeddingRequest,
    Vector,
    answer,
    check_tokens,
    read_request,
    shorten,
)

log = structlog.get_logger()

Result = TypeVar("Result")
Handler = Callable[[Receive, Send], Awaitable[None]]

RERANK_MODEL = "counted-words"
CREATED = 1_660_000_000  # the API wants a date for a model; that of this one's release


class EmbeddingsApp:
    def __init__(
        self,
        *,
        model: Model,
        turns: Turns,
        board: SwitchBoard,
        ledger: Ledger,
        api_key: str,
        synthetic: bool,
    ) -> None:
        self._model = model
        self._turns = turns
        self._board = board
        self._ledger = ledger
        self._api_key = api_key
        self._mode = "synthetic" if synthetic else "model"
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "/healthz"): self._health,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/v1/multimodalembeddings"): partial(self._images, shape="voyage"),
            ("POST", "/v2/embed"): partial(self._images, shape="cohere"),
            ("POST", "/v1/rerank"): self._rerank,
            ("GET", "/_switches"): self._show_switches,
            ("POST", "/_switches"): self._change_switches,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            handler = self._route(scope)
            await handler(receive, send)
        except ApiError as error:
            await self._send_error(send, error)
        except ClientGone:
            log.info("request.abandoned", path=scope["path"])
        except Exception:
            log.exception("request.failed", path=scope["path"])
            await self._send_error(send, ServerFailed("The server had an error."))

    def _route(self, scope: Scope) -> Handler:
        method, path = scope["method"], scope["path"]
        if path != "/_switches":
            faults.refuse_if_down(self._board)
        handler = self._routes.get((method, path))
        if handler is None:
            if any(known == path for _, known in self._routes):
                raise MethodNotSupported(f"Not allowed to {method} on {path}.")
            raise UnknownUrl(f"Unknown request URL: {method} {path}.")
        if path != "/healthz":
            self._check_key(scope)
        return handler

    def _check_key(self, scope: Scope) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._api_key.encode()):
            raise InvalidApiKey("Incorrect API key provided.")

    async def _health(self, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"status": "ok", **self._identity()})

    async def _models(self, receive: Receive, send: Send) -> None:
        model = {
            "id": self._model.name,
            "object": "model",
            "created": CREATED,
            "owned_by": "sluice-local",
            **self._identity(),
        }
        await send_json(send, 200, {"object": "list", "data": [model]})

    def _identity(self) -> dict[str, object]:
        return {
            "mode": self._mode,
            "model": self._model.name,
            "dimensions": self._model.dimensions,
            "description": self._model.description,
        }

    async def _show_switches(self, receive: Receive, send: Send) -> None:
        await send_json(
            send,
            200,
            {
                "switches": self._board.switches.model_dump(mode="json"),
                "counters": asdict(self._board.counters),
            },
        )

    async def _change_switches(self, receive: Receive, send: Send) -> None:
        try:
            changes = json.loads(await read_body(receive))
            if not isinstance(changes, dict):
                raise InvalidRequest("The body must be a JSON object of switches.")
            self._board.change(changes)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise InvalidRequest(f"{name}: {first['msg']}", param=name) from error
        except ValueError as error:
            raise InvalidRequest("The body must be a JSON object of switches.") from error
        log.info("switches.changed", **self._board.switches.model_dump(exclude_defaults=True))
        await self._show_switches(receive, send)

    async def _images(self, receive: Receive, send: Send, *, shape: Shape) -> None:
        await self._answer_images(await read_body(receive), shape, receive, send)

    async def _answer_images(self, body: bytes, shape: Shape, receive: Receive, send: Send) -> None:
        await _unless_gone(faults.before_work(self._board), receive)
        if self._board.switches.inputs_refused:
            raise InvalidRequest("Refused, as switched.")
        answered = await asyncio.to_thread(answer_images, shape, body)
        counters = self._board.counters
        counters.images_answered += 1
        counters.image_inputs += answered.inputs
        counters.image_tokens += answered.tokens
        await send_json(send, 200, answered.body)

    async def _embeddings(self, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        shape = shape_of("/v1/embeddings", body)
        if shape is not None:
            await self._answer_images(body, shape, receive, send)
            return
        await self._embed_texts(body, receive, send)

    async def _embed_texts(self, body: bytes, receive: Receive, send: Send) -> None:
        counters = self._board.counters
        counters.requests += 1
        counters.requests_in_flight += 1
        counters.requests_in_flight_peak = max(
            counters.requests_in_flight_peak, counters.requests_in_flight
        )
        try:
            request, vectors, tokens = await _unless_gone(self._compute(body), receive)
        finally:
            counters.requests_in_flight -= 1
        switches = self._board.switches
        if self._board.strikes(switches.broken_share):
            await faults.send_broken(send, switches.broken_kind, vectors, request, self._model.name)
            return
        counters.answered += 1
        counters.inputs += len(vectors)
        counters.tokens += tokens
        self._ledger.note(request.texts)
        counters.largest_request_inputs = max(counters.largest_request_inputs, len(vectors))
        quirks = switches.quirks
        told = answer(
            vectors,
            tokens=tokens,
            model=self._model.name,
            encoding_format="float" if quirks.ignores_encoding else request.encoding_format,
        )
        headers = self._board.allowance.headers()
        await send_json(send, 200, faults.with_quirks(told, quirks), headers=headers)

    async def _send_error(self, send: Send, error: ApiError) -> None:
        headers = self._board.allowance.headers() if error.status == 429 else {}
        self._board.counters.rate_limited += isinstance(error, RateLimited)
        if error.retry_after_seconds is not None:
            headers["retry-after"] = f"{error.retry_after_seconds:g}"
        flat = self._board.switches.quirks.flat_errors
        await send_json(send, error.status, error.envelope(flat=flat), headers=headers)

    async def _rerank(self, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        await _unless_gone(faults.before_work(self._board), receive)
        request = read_rerank(body)
        answered = await asyncio.to_thread(answer_rerank, request, model=RERANK_MODEL)
        if self._board.strikes(self._board.switches.broken_share):
            whole = json.dumps(answered).encode()
            await send_bytes(send, 200, whole[: len(whole) // 2])
            return
        await send_json(send, 200, answered)

    async def _compute(self, body: bytes) -> tuple[EmbeddingRequest, list[Vector], int]:
        await faults.before_work(self._board)
        limits, quirks = self._board.switches.limits, self._board.switches.quirks
        if quirks.body_bytes_max and len(body) > quirks.body_bytes_max:
            raise PayloadTooLarge("The body is too large.")
        try:
            request = read_request(
                body,
                model=self._model.name,
                model_dimensions=self._model.dimensions,
                limits=limits,
            )
            faults.refuse_if_switched(self._board, request)
            inputs = await asyncio.to_thread(self._model.read, request.texts)
            check_tokens([read.tokens for read in inputs], limits)
            self._board.allowance.take(tokens=sum(read.tokens for read in inputs))
        except RateLimited:
            raise
        except ApiError as refused:
            raise faults.as_switched(self._board, refused) from refused
        vectors = await self._turns.encode(inputs)
        dimensions = self._model.dimensions if quirks.ignores_dimensions else request.dimensions
        shortened = [shorten(vector, dimensions) for vector in vectors]
        return request, shortened, sum(read.tokens for read in inputs)


async def _unless_gone(work: Awaitable[Result], receive: Receive) -> Result:
    """The result, unless the client hangs up first: then the work is cancelled."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
