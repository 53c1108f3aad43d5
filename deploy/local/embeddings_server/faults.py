"""Carrying out the switches: before the work, and on the answer."""

import asyncio
import json
import math
from typing import cast

from embeddings_server.asgi import Send, send_bytes, send_json
from embeddings_server.problems import (
    ApiError,
    InvalidRequest,
    Overloaded,
    PayloadTooLarge,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
)
from embeddings_server.quirks import Quirks, TooLargeAnswer
from embeddings_server.switches import Broken, SwitchBoard
from embeddings_server.wire import EmbeddingRequest, Vector, answer

OLLAMA_MESSAGE = "the input length exceeds the context length"
LLAMA_CPP_MESSAGE = "input is too large to process. increase the physical batch size"


def refuse_if_down(board: SwitchBoard) -> None:
    if board.switches.down:
        raise Overloaded("The server is switched to down.")


async def before_work(board: SwitchBoard) -> None:
    """Wait or fail as switched, before the body is looked at."""
    switches = board.switches
    delay_ms = switches.latency_ms
    if board.strikes(switches.slow_share):
        delay_ms += switches.slow_ms
    if delay_ms:
        await asyncio.sleep(delay_ms / 1000)
    if switches.quota_exhausted:
        raise QuotaExhausted("You exceeded your current quota.")
    board.allowance.take(requests=1)
    board.counters.admitted += 1
    if board.strikes(switches.rate_limited_share):
        raise RateLimited(
            "Rate limit reached for requests.", retry_after_seconds=switches.retry_after_seconds
        )
    if board.strikes(switches.server_error_share):
        raise ServerFailed("The server had an error while processing your request.")


def refuse_if_switched(board: SwitchBoard, request: EmbeddingRequest) -> None:
    quirks = board.switches.quirks
    refuses_base64 = board.switches.base64_rejected or quirks.refuses_base64
    if refuses_base64 and request.encoding_format == "base64":
        raise InvalidRequest("base64 encoding is not currently supported", param="encoding_format")
    if quirks.refuses_dimensions and request.asks_dimensions:
        raise InvalidRequest("The model does not support matryoshka representation.")
    poison = board.switches.poison
    if poison and any(poison in text for text in request.texts):
        raise ServerFailed("The server had an error while processing your request.")
    if board.switches.inputs_refused:
        raise InvalidRequest("This model does not support embeddings.")


def as_switched(board: SwitchBoard, refused: ApiError) -> ApiError:
    """A refusal of input that is too large, in the words of the server that is imitated."""
    match board.switches.too_large:
        case TooLargeAnswer.LLAMA_CPP:
            return ServerFailed(LLAMA_CPP_MESSAGE)
        case TooLargeAnswer.TEI:
            return PayloadTooLarge(refused.message)
        case TooLargeAnswer.OLLAMA:
            return InvalidRequest(OLLAMA_MESSAGE)
        case TooLargeAnswer.OPENAI:
            return refused


def with_quirks(told: dict[str, object], quirks: Quirks) -> dict[str, object]:
    """An answer as the imitated server words it."""
    if not quirks.tells_usage:
        told = {name: value for name, value in told.items() if name != "usage"}
    if not quirks.tells_index:
        items = cast(list[dict[str, object]], told["data"])
        stripped = [{k: v for k, v in item.items() if k != "index"} for item in items]
        told = {**told, "data": stripped}
    return told


async def send_broken(
    send: Send, kind: Broken, vectors: list[Vector], request: EmbeddingRequest, model: str
) -> None:
    body = answer(
        _broken_vectors(kind, vectors),
        tokens=len(vectors),
        model=model,
        encoding_format=request.encoding_format,
    )
    match kind:
        case Broken.SHUFFLED:
            items = cast(list[object], body["data"])
            await send_json(send, 200, {**body, "data": items[::-1]})
        case Broken.MALFORMED_JSON:
            whole = json.dumps(body).encode()
            await send_bytes(send, 200, whole[: len(whole) // 2])
        case Broken.TRUNCATED_BODY:
            whole = json.dumps(body).encode()
            await send_bytes(send, 200, whole[: len(whole) // 2], announced_bytes=len(whole))
        case _:
            await send_json(send, 200, body)


def _broken_vectors(kind: Broken, vectors: list[Vector]) -> list[Vector]:
    last = vectors[-1]
    match kind:
        case Broken.WRONG_COUNT:
            return [*vectors, last]
        case Broken.WRONG_DIMENSIONS:
            return [*vectors[:-1], last[:-1]]
        case Broken.NAN:
            return [*vectors[:-1], last * math.nan]
        case Broken.ZERO:
            return [*vectors[:-1], last * 0]
        case Broken.EMPTY:
            return []
        case _:
            return vectors
