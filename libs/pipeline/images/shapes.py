"""The requests and answers of image endpoints: Jina's, Voyage's, Cohere's and vLLM's.

Written from their documentation and tried against a local server that answers these shapes; none
was run against the real service. A picture always goes as a document, in a query too: so it finds
itself. vLLM takes one input a request.
"""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.images.model import ImageFormat, ImageModel

Vector = list[float]
Content = str | bytes  # a text, a query always; or a JPEG, PNG or WebP

ONE_A_REQUEST = frozenset({ImageFormat.VLLM})


class AnswerUnusable(Exception):
    """Not the vectors that were asked for; says why, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Vectors in the order of the inputs; `tokens` None where the endpoint does not say."""

    vectors: list[Vector]
    tokens: int | None


def request_body(model: ImageModel, contents: Sequence[Content]) -> dict[str, Any]:
    """The body for inputs that are all texts or all pictures."""
    is_query = isinstance(contents[0], str)
    match model.form:
        case ImageFormat.JINA:
            return _jina(model, contents, is_query=is_query)
        case ImageFormat.VOYAGE:
            inputs = [{"content": [_voyage_part(each)]} for each in contents]
            body = {
                "model": model.model,
                "inputs": inputs,
                "input_type": "query" if is_query else "document",
                "truncation": True,
            }
            return _with(body, "output_dimension", model.dimensions)
        case ImageFormat.COHERE:
            body = {
                "model": model.model,
                "inputs": [{"content": [_chat_part(each)]} for each in contents],
                "input_type": "search_query" if is_query else "search_document",
                "embedding_types": ["float"],
            }
            return _with(body, "output_dimension", model.dimensions)
        case ImageFormat.VLLM:
            [content] = contents
            body = {
                "model": model.model,
                "messages": [{"role": "user", "content": [_chat_part(content)]}],
                "encoding_format": "float",
            }
            return _with(body, "dimensions", model.dimensions)


def read_answer(
    form: ImageFormat, answer: object, *, count: int, dimensions: int | None
) -> Answered:
    """Raises AnswerUnusable unless there is one vector for each input, all of one length."""
    if not isinstance(answer, Mapping):
        raise AnswerUnusable("The image embedding endpoint's answer is malformed.")
    if form is ImageFormat.COHERE:
        found = answer.get("embeddings")
        vectors = found.get("float") if isinstance(found, Mapping) else None
        tokens = _cohere_tokens(answer)
    else:
        vectors = _in_order(answer.get("data"))
        usage = answer.get("usage")
        told = usage if isinstance(usage, Mapping) else {}
        tokens = _positive(told.get("total_tokens")) or _positive(told.get("prompt_tokens"))
    if not isinstance(vectors, list) or len(vectors) != count:
        raise AnswerUnusable(f"The image embedding endpoint gave no {count} vectors.")
    for vector in vectors:
        dimensions = _checked(vector, dimensions)
    return Answered([[float(number) for number in vector] for vector in vectors], tokens)


def media_type_of(data: bytes) -> str | None:
    """By its mark; None for what no endpoint is sent."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _jina(model: ImageModel, contents: Sequence[Content], *, is_query: bool) -> dict[str, Any]:
    inputs = [
        {"text": each} if isinstance(each, str) else {"image": b64encode(each).decode()}
        for each in contents
    ]
    body = {"model": model.model, "input": inputs, "embedding_type": "float", "normalized": True}
    if is_query:
        body["task"] = "retrieval.query"
    elif "clip" not in model.model:  # whose only task is the query's
        body["task"] = "retrieval.passage"
    return _with(body, "dimensions", model.dimensions)


def _voyage_part(content: Content) -> dict[str, Any]:
    if isinstance(content, str):
        return {"type": "text", "text": content}
    return {"type": "image_base64", "image_base64": _data_url(content)}


def _chat_part(content: Content) -> dict[str, Any]:
    if isinstance(content, str):
        return {"type": "text", "text": content}
    return {"type": "image_url", "image_url": {"url": _data_url(content)}}


def _data_url(data: bytes) -> str:
    return f"data:{media_type_of(data) or 'image/jpeg'};base64,{b64encode(data).decode()}"


def _with(body: dict[str, Any], name: str, dimensions: int | None) -> dict[str, Any]:
    return body if dimensions is None else {**body, name: dimensions}


def _in_order(items: object) -> list[Any] | None:
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        return None
    indices = [item.get("index") for item in items]
    if any(index is not None for index in indices):
        if not all(isinstance(index, int) for index in indices):
            return None
        if {*indices} != {*range(len(items))}:
            return None
        items = sorted(items, key=lambda item: item["index"])
    return [item.get("embedding") for item in items]


def _cohere_tokens(answer: Mapping[str, Any]) -> int | None:
    meta = answer.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, Mapping) else None
    if not isinstance(billed, Mapping):
        return None
    told = [_positive(billed.get(name)) for name in ("input_tokens", "image_tokens")]
    return sum(tokens for tokens in told if tokens) or None


def _positive(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value >= 1 else None


def _checked(vector: object, dimensions: int | None) -> int:
    if not isinstance(vector, list) or not vector:
        raise AnswerUnusable("The image embedding endpoint's answer is not made of numbers.")
    if dimensions is not None and len(vector) != dimensions:
        raise AnswerUnusable(
            f"The image embedding endpoint gave {len(vector)} dimensions, not {dimensions}."
        )
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in vector):
        raise AnswerUnusable("The image embedding endpoint's answer is not made of numbers.")
    length = math.sqrt(sum(float(number) ** 2 for number in vector))
    if not math.isfinite(length) or length == 0:
        raise AnswerUnusable("The image embedding endpoint gave a vector that is no direction.")
    return len(vector)
