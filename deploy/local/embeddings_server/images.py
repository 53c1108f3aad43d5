"""The four shapes of requests for texts and images: Jina's, Voyage's, Cohere's and vLLM's.

As their documentation shows them, each with its own checks, answer and usage; `colours.py` stands
in for the model. Jina's and vLLM's share the address of texts and are told apart by their bodies.
"""

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Literal

from embeddings_server.colours import DIMENSIONS, NAME, vector_of_image, vector_of_text
from embeddings_server.problems import InvalidRequest, ModelNotFound
from embeddings_server.wire import Vector

Shape = Literal["jina", "voyage", "cohere", "vllm"]
INPUTS_MAX: dict[Shape, int] = {"jina": 512, "voyage": 1_000, "cohere": 96, "vllm": 1}
PIXELS_PER_TOKEN = 560  # Voyage's
VOYAGE_TYPES = ("query", "document", None)
COHERE_TYPES = ("search_query", "search_document", "classification", "clustering")


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    body: dict[str, Any]
    inputs: int
    tokens: int


def shape_of(path: str, body: bytes) -> Shape | None:
    """None: a request for texts alone."""
    if path == "/v1/multimodalembeddings":
        return "voyage"
    if path == "/v2/embed":
        return "cohere"
    if b'"messages"' not in body and b'{"image"' not in body and b'{"text"' not in body:
        return None  # spares the parse of what load runs send
    asked = _parsed(body)
    if "messages" in asked:
        return "vllm"
    inputs = asked.get("input")
    listed = isinstance(inputs, list) and any(isinstance(each, dict) for each in inputs)
    return "jina" if listed else None


def answer_images(shape: Shape, body: bytes) -> ImageAnswer:
    """Raises InvalidRequest and ModelNotFound."""
    asked = _parsed(body)
    if asked.get("model") != NAME:
        raise ModelNotFound(f"The model {asked.get('model')!r} does not exist.", param="model")
    contents = _READERS[shape](asked)
    if not 0 < len(contents) <= INPUTS_MAX[shape]:
        raise InvalidRequest(f"There must be 1 to {INPUTS_MAX[shape]} inputs.", param="input")
    vectors: list[Vector] = []
    text_tokens = pixels = 0
    for content in contents:
        if isinstance(content, str):
            vectors.append(vector_of_text(content))
            text_tokens += max(len(content) // 4, 1)
            continue
        try:
            vector, seen = vector_of_image(content)
        except ValueError as error:
            raise InvalidRequest("An input is no image.", param="input") from error
        vectors.append(vector)
        pixels += seen
    image_tokens = max(pixels // PIXELS_PER_TOKEN, 1) if pixels else 0
    answered = _answered(shape, vectors, text_tokens, image_tokens, pixels)
    return ImageAnswer(answered, len(vectors), text_tokens + image_tokens)


def _answered(
    shape: Shape, vectors: list[Vector], text_tokens: int, image_tokens: int, pixels: int
) -> dict[str, Any]:
    floats = [vector.tolist() for vector in vectors]
    if shape == "cohere":
        billed = {"input_tokens": text_tokens, "image_tokens": image_tokens}
        return {
            "id": "embed-local",
            "embeddings": {"float": floats},
            "meta": {"api_version": {"version": "2"}, "billed_units": billed},
            "response_type": "embeddings_by_type",
        }
    total = text_tokens + image_tokens
    usage: dict[str, int] = {"total_tokens": total, "prompt_tokens": total}
    if shape == "voyage":
        usage = {"text_tokens": text_tokens, "image_pixels": pixels, "total_tokens": total}
    data = [
        {"object": "embedding", "index": index, "embedding": numbers}
        for index, numbers in enumerate(floats)
    ]
    return {"object": "list", "model": NAME, "data": data, "usage": usage}


def _jina(asked: dict[str, Any]) -> list[str | bytes]:
    _check_dimensions(asked, "dimensions")
    inputs = asked.get("input")
    contents: list[str | bytes] = []
    for each in inputs if isinstance(inputs, list) else []:
        if not isinstance(each, dict) or len(each) != 1:
            raise InvalidRequest("An input is an object with a text or an image.", param="input")
        contents.append(_base64(each["image"]) if "image" in each else _text(each.get("text")))
    return contents


def _voyage(asked: dict[str, Any]) -> list[str | bytes]:
    _check_dimensions(asked, "output_dimension")
    if asked.get("input_type") not in VOYAGE_TYPES:
        raise InvalidRequest("input_type must be query or document.", param="input_type")
    return [_only_part(each) for each in _listed(asked.get("inputs"))]


def _cohere(asked: dict[str, Any]) -> list[str | bytes]:
    _check_dimensions(asked, "output_dimension")
    if asked.get("input_type") not in COHERE_TYPES:
        raise InvalidRequest("input_type is needed.", param="input_type")
    if asked.get("embedding_types") != ["float"]:
        raise InvalidRequest("Only floats are made here.", param="embedding_types")
    return [_only_part(each) for each in _listed(asked.get("inputs"))]


def _vllm(asked: dict[str, Any]) -> list[str | bytes]:
    _check_dimensions(asked, "dimensions")
    messages = _listed(asked.get("messages"))
    if len(messages) != 1 or messages[0].get("role") != "user":
        raise InvalidRequest("There must be one message of a user.", param="messages")
    return [_only_part(messages[0])]


_READERS = {"jina": _jina, "voyage": _voyage, "cohere": _cohere, "vllm": _vllm}


def _only_part(holder: dict[str, Any]) -> str | bytes:
    parts = _listed(holder.get("content"))
    if len(parts) != 1:
        raise InvalidRequest("This stand-in takes one part an input.", param="content")
    part = parts[0]
    match part.get("type"):
        case "text":
            return _text(part.get("text"))
        case "image_base64":
            return _data_url(part.get("image_base64"))
        case "image_url" if isinstance(part.get("image_url"), dict):
            return _data_url(part["image_url"].get("url"))
    raise InvalidRequest("A part is a text or an image.", param="content")


def _listed(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise InvalidRequest("A list of objects is needed.")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidRequest("A text must be a string that is not empty.")
    return value


def _data_url(value: object) -> bytes:
    head, comma, data = value.partition(",") if isinstance(value, str) else ("", "", "")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise InvalidRequest("An image must be a data URL; this stand-in fetches none.")
    return _base64(data)


def _base64(value: object) -> bytes:
    try:
        return b64decode(value if isinstance(value, str) else "", validate=True)
    except ValueError as error:
        raise InvalidRequest("An image must be base64.") from error


def _check_dimensions(asked: dict[str, Any], name: str) -> None:
    if asked.get(name) not in (None, DIMENSIONS):
        raise InvalidRequest(f"This stand-in makes {DIMENSIONS} dimensions.", param=name)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        asked: object = json.loads(body)
    except ValueError as error:
        raise InvalidRequest("We could not parse the JSON body of your request.") from error
    if not isinstance(asked, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return asked
