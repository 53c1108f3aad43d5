"""What the server accepts and how it answers, against OpenAI's rules."""

import base64
import json

import numpy as np
import pytest

from embeddings_server.problems import ApiError, ModelNotFound, RequestTokensExceeded
from embeddings_server.wire import Limits, answer, check_tokens, read_request, shorten


def read(**members: object) -> object:
    body = json.dumps({"model": "m", **members}).encode()
    return read_request(body, model="m", model_dimensions=8, limits=Limits(inputs=3))


def test_a_single_string_and_a_list_of_strings_are_accepted() -> None:
    one = read_request(b'{"model":"m","input":"a"}', model="m", model_dimensions=8, limits=Limits())
    two = read_request(
        b'{"model":"m","input":["a","b"],"dimensions":4,"encoding_format":"base64"}',
        model="m",
        model_dimensions=8,
        limits=Limits(),
    )

    assert (one.texts, one.dimensions, one.encoding_format) == (["a"], 8, "float")
    assert (two.texts, two.dimensions, two.encoding_format) == (["a", "b"], 4, "base64")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": []}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": ["a"] * 4}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": 9}, "dimensions"),
        ({"input": "a", "dimensions": True}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "model": None}, "model"),
    ],
)
def test_a_request_outside_the_rules_names_its_parameter(
    members: dict[str, object], param: str
) -> None:
    with pytest.raises(ApiError) as refused:
        read(**members)

    assert (refused.value.status, refused.value.param) == (400, param)
    assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read_request(body, model="m", model_dimensions=8, limits=Limits())

    assert refused.value.status == 400


def test_another_model_is_not_found() -> None:
    with pytest.raises(ModelNotFound) as refused:
        read(input="a", model="other")

    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_an_input_and_a_request_over_their_token_limits_are_refused() -> None:
    limits = Limits(input_tokens=10, request_tokens=15)

    check_tokens([10, 5], limits)
    with pytest.raises(ApiError, match="maximum context length is 10"):
        check_tokens([1, 11], limits)
    with pytest.raises(RequestTokensExceeded, match="max 15 tokens per request"):
        check_tokens([8, 8], limits)


def test_a_shortened_vector_is_a_unit_vector_again() -> None:
    vector = np.array([0.5, 0.5, 0.5, 0.5], dtype=np.float32)

    short = shorten(vector, 1)

    assert short.tolist() == [1.0]
    assert shorten(vector, 4) is vector


def test_base64_and_floats_carry_the_same_numbers() -> None:
    vector = np.array([0.1, -0.9, 3e-8], dtype=np.float32)

    floats = answer([vector], tokens=1, model="m", encoding_format="float")
    packed = answer([vector], tokens=1, model="m", encoding_format="base64")

    assert isinstance(floats["data"], list)
    assert isinstance(packed["data"], list)
    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    assert unpacked.tolist() == floats["data"][0]["embedding"]
