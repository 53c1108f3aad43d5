"""The bodies that the documentation shows are taken as they stand."""

from typing import Any

import pytest

from api import requests, search_requests

BODIES = [
    shape
    for shape in {**vars(requests), **vars(search_requests)}.values()
    if isinstance(shape, type) and issubclass(shape, requests.Body)
]


def examples_of(shape: type[requests.Body]) -> list[dict[str, Any]]:
    extra: Any = shape.model_config.get("json_schema_extra", {})
    examples: list[dict[str, Any]] = extra.get("examples", [])
    return examples


EXAMPLES = [(shape, example) for shape in BODIES for example in examples_of(shape)]


@pytest.mark.parametrize(("shape", "example"), EXAMPLES)
def test_an_example_is_a_valid_body(shape: type[requests.Body], example: dict[str, Any]) -> None:
    body = shape.model_validate(example)

    assert set(body.model_dump(exclude_unset=True)) == set(example)


def test_whoever_creates_uploads_and_searches_has_an_example() -> None:
    shapes = {shape for shape, _ in EXAMPLES}

    assert {requests.CreateDataset, requests.RequestUploads, search_requests.Search} <= shapes
