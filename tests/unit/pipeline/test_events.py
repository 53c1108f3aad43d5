"""What an event says, and which are none of ours."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from pipeline.events import ForeignEvent, read_event

DATASET = uuid4()


def event(key: str = f"{DATASET}/a.txt", **changed: Any) -> dict[str, Any]:
    return {
        "account": "acct",
        "action": "PutObject",
        "bucket": "uploads",
        "object": {"key": key, "size": 5, "eTag": "abc"},
        "eventTime": "2026-01-01T00:00:00.000Z",
        **changed,
    }


def test_an_upload_is_read_whole() -> None:
    change = read_event(event(), bucket="uploads")

    assert (change.dataset_id, change.file_name) == (DATASET, "a.txt")
    assert (change.etag, change.size, change.gone) == ("abc", 5, False)
    assert change.at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_delete_has_no_version() -> None:
    change = read_event(
        event(action="DeleteObject", object={"key": f"{DATASET}/a.txt"}), bucket="uploads"
    )

    assert change.gone
    assert change.etag is None


@pytest.mark.parametrize(
    "name", ["a+b.pdf", "a%2Fb.pdf", "a b?#.pdf", "sub/folder/x.txt", "テスト.pptx"]
)
def test_a_key_is_taken_as_it_is(name: str) -> None:
    assert read_event(event(f"{DATASET}/{name}"), bucket="uploads").file_name == name


def test_a_key_is_normalised_as_the_store_identifies_it() -> None:
    change = read_event(event(f"{DATASET}/e\u0301.txt"), bucket="uploads")

    assert change.object_key == f"{DATASET}/\u00e9.txt"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"hello": "world"}, "not_an_event"),
        (event(object=None), "not_an_event"),
        (event(object={"key": 5}), "not_an_event"),
        (event(bucket="other"), "other_bucket"),
        (event(action="Teleport"), "unknown_action"),
        (event("no-dataset/a.txt"), "not_a_dataset_key"),
        (event(f"{DATASET}"), "not_a_dataset_key"),
        (event(f"{DATASET}/"), "not_a_dataset_key"),
        (event(f"{DATASET}/folder/"), "not_a_dataset_key"),
        (event(f"{str(DATASET).upper()}/a.txt"), "not_a_dataset_key"),
        (event(f"{DATASET}/a\0.txt"), "not_a_dataset_key"),
        (event(f"{DATASET}/\ud800.txt"), "not_a_dataset_key"),
    ],
)
def test_what_is_no_document_of_ours_is_refused_with_a_reason(
    body: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ForeignEvent, match=reason):
        read_event(body, bucket="uploads")
