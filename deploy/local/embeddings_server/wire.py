"""The JSON of POST /v1/embeddings: what is asked, checked against OpenAI's rules, and the answer.

Limits are those of OpenAI's API reference: 2048 inputs, 8192 tokens an input, 300,000 tokens a
request. Tokens are those of the model that runs: word pieces for all-MiniLM-L6-v2, quarters of
the UTF-8 bytes in synthetic mode; not cl100k, so usage differs from OpenAI's for the same text.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from embeddings_server.problems import InvalidRequest, ModelNotFound, RequestTokensExceeded

INPUTS_MAX = 2048
INPUT_TOKENS_MAX = 8192
REQUEST_TOKENS_MAX = 300_000

Vector = NDArray[np.float32]
EncodingFormat = Literal["float", "base64"]


@dataclass(frozen=True, slots=True)
class Limits:
    inputs: int = INPUTS_MAX
    input_tokens: int = INPUT_TOKENS_MAX
    request_tokens: int = REQUEST_TOKENS_MAX


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    texts: list[str]
    encoding_format: EncodingFormat
    dimensions: int
    asks_dimensions: bool = False


def read_request(
    body: bytes, *, model: str, model_dimensions: int, limits: Limits
) -> EmbeddingRequest:
    """The request, or the error that OpenAI gives for it."""
    try:
        parsed: object = json.loads(body)
    except ValueError as error:
        raise InvalidRequest("We could not parse the JSON body of your request.") from error
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object.")
    asked = cast(dict[str, object], parsed)
    _check_model(asked.get("model"), model)
    return EmbeddingRequest(
        texts=_texts(asked.get("input"), limits),
        encoding_format=_encoding_format(asked.get("encoding_format")),
        dimensions=_dimensions(asked.get("dimensions"), model_dimensions),
        asks_dimensions=asked.get("dimensions") is not None,
    )


def check_tokens(counts: Sequence[int], limits: Limits) -> None:
    for index, count in enumerate(counts):
        if count > limits.input_tokens:
            raise InvalidRequest(
                f"This model's maximum context length is {limits.input_tokens} tokens, however "
                f"you requested {count} tokens (input {index}). Please reduce your prompt.",
                param="input",
            )
    total = sum(counts)
    if total > limits.request_tokens:
        raise RequestTokensExceeded(
            f"Requested {total} tokens, max {limits.request_tokens} tokens per request",
            param="input",
        )


def shorten(vector: Vector, dimensions: int) -> Vector:
    """The first `dimensions` of a unit vector, a unit vector again."""
    if dimensions == len(vector):
        return vector
    cut = vector[:dimensions]
    return cast(Vector, cut / max(float(np.linalg.norm(cut)), 1e-12))


def answer(
    vectors: Sequence[Vector], *, tokens: int, model: str, encoding_format: EncodingFormat
) -> dict[str, object]:
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _encoded(vector: Vector, encoding_format: EncodingFormat) -> str | list[float]:
    if encoding_format == "float":
        return cast(list[float], vector.astype("<f4").tolist())
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _check_model(asked: object, served: str) -> None:
    if not isinstance(asked, str) or not asked:
        raise InvalidRequest("you must provide a model parameter", param="model")
    if asked != served:
        raise ModelNotFound(
            f"The model '{asked[:100]}' does not exist; this server has '{served}'.", param="model"
        )


def _texts(asked: object, limits: Limits) -> list[str]:
    if asked is None:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input")
    items: list[object] = [asked] if isinstance(asked, str) else _list(asked)
    if not items:
        raise InvalidRequest("'input' must not be an empty array.", param="input")
    if len(items) > limits.inputs:
        raise InvalidRequest(
            f"'input' must have at most {limits.inputs} items, got {len(items)}.", param="input"
        )
    texts: list[str] = []
    for index, item in enumerate(items):
        if isinstance(item, int | list):
            raise InvalidRequest(
                "This server embeds strings; token arrays are of another model's vocabulary.",
                param="input",
            )
        if not isinstance(item, str) or not item:
            raise InvalidRequest(
                f"'$.input' is invalid: item {index} must be a string that is not empty.",
                param="input",
            )
        texts.append(item)
    return texts


def _list(asked: object) -> list[object]:
    if not isinstance(asked, list):
        raise InvalidRequest("'input' must be a string or an array of strings.", param="input")
    return cast(list[object], asked)


def _encoding_format(asked: object) -> EncodingFormat:
    if asked is None or asked == "float":
        return "float"
    if asked == "base64":
        return "base64"
    raise InvalidRequest("'encoding_format' must be 'float' or 'base64'.", param="encoding_format")


def _dimensions(asked: object, available: int) -> int:
    if asked is None:
        return available
    if not isinstance(asked, int) or isinstance(asked, bool) or not 1 <= asked <= available:
        raise InvalidRequest(
            f"'dimensions' must be an integer from 1 to {available} for this model.",
            param="dimensions",
        )
    return asked
