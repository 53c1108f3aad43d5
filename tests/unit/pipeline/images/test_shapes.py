"""What image endpoints are sent, and what is believed of their answers."""

from base64 import b64encode
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.images.model import ImageFormat, ImageModel
from pipeline.images.shapes import (
    AnswerUnusable,
    Content,
    media_type_of,
    read_answer,
    request_body,
)

JPEG = b"\xff\xd8\xff and so on"
DATA = b64encode(JPEG).decode()
URL = f"data:image/jpeg;base64,{DATA}"


def body_of(form: ImageFormat, content: Content, **changes: Any) -> dict[str, Any]:
    model = ImageModel("https://images.example/v1", SecretStr("key"), "m", form, **changes)
    return request_body(model, [content])


def test_jina_is_sent_objects_with_the_task_of_its_retrieval_models() -> None:
    picture = body_of(ImageFormat.JINA, JPEG)

    assert picture["input"] == [{"image": DATA}]
    assert picture["task"] == "retrieval.passage"
    assert body_of(ImageFormat.JINA, "red")["task"] == "retrieval.query"
    assert body_of(ImageFormat.JINA, "red", dimensions=512)["dimensions"] == 512


def test_voyage_is_sent_lists_of_parts() -> None:
    body = body_of(ImageFormat.VOYAGE, JPEG)

    assert body["inputs"] == [{"content": [{"type": "image_base64", "image_base64": URL}]}]
    assert body["input_type"] == "document"
    assert body_of(ImageFormat.VOYAGE, "red")["input_type"] == "query"


def test_cohere_is_sent_parts_as_in_a_chat() -> None:
    body = body_of(ImageFormat.COHERE, JPEG, dimensions=256)

    assert body["inputs"] == [{"content": [{"type": "image_url", "image_url": {"url": URL}}]}]
    assert (body["input_type"], body["embedding_types"]) == ("search_document", ["float"])
    assert body["output_dimension"] == 256


def test_vllm_is_sent_one_message() -> None:
    body = body_of(ImageFormat.VLLM, "red")

    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "red"}]}]
    assert "dimensions" not in body


def test_vectors_come_in_the_order_of_their_indices_and_with_their_tokens() -> None:
    data = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]

    answered = read_answer(
        ImageFormat.JINA, {"data": data, "usage": {"total_tokens": 7}}, count=2, dimensions=None
    )

    assert answered.vectors == [[1.0, 0.0], [0.0, 1.0]]
    assert answered.tokens == 7


def test_cohere_bills_texts_and_images_apart() -> None:
    billed = {"input_tokens": 3, "image_tokens": 40}
    answer = {"embeddings": {"float": [[1, 0]]}, "meta": {"billed_units": billed}}

    answered = read_answer(ImageFormat.COHERE, answer, count=1, dimensions=2)

    assert (answered.vectors, answered.tokens) == ([[1.0, 0.0]], 43)


@pytest.mark.parametrize(
    "embedding", [None, [], ["1"], [0, 0], [float("nan"), 1], [1, 2, 3], [True, 1]]
)
def test_what_is_no_vector_is_not_believed(embedding: object) -> None:
    answer = {"data": [{"index": 0, "embedding": embedding}]}

    with pytest.raises(AnswerUnusable):
        read_answer(ImageFormat.VLLM, answer, count=1, dimensions=2)


def test_only_png_jpeg_and_webp_are_searched_by() -> None:
    assert media_type_of(JPEG) == "image/jpeg"
    assert media_type_of(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert media_type_of(b"GIF89a") is None
