"""A bad request of every kind is a problem with a helpful text, never a 500."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from support.api import Api

UNKNOWN = UUID("5ad52a2e-83e4-4dd6-9f50-2f2ea1d1d2cb")  # the same in every process that collects
DATASETS = "/api/v1/datasets"


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == "urn:sluice:problem:" + code.replace("_", "-")
    assert problem["title"]
    assert len(problem["detail"]) > 15
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x", "files": []}, "files"),
        ({"name": "x", "files": "a.txt"}, "files"),
        ({"name": "x", "files": [{}]}, "files.0.file_name"),
        ({"name": "x", "files": [{"file_name": "a"}, {"file_name": "a"}]}, "files"),
        ({"name": "x", "files": [{"file_name": f"{n}"} for n in range(1001)]}, "files"),
        ({"name": "x", "files": [{"file_name": "a", "size": -1}]}, "files.0.size"),
        ({"name": "x", "files": [{"file_name": "a", "size": 5 * 1024**3}]}, "files.0.size"),
        ({"name": "x", "files": [{"file_name": "a", "size": 10**30}]}, "files.0.size"),
        ({"name": "x", "files": [{"file_name": "a", "content_type": "nonsense"}]},
         "files.0.content_type"),
        ({"name": "x", "files": [{"file_name": "a", "content_type": "text/plain\r\nX: y"}]},
         "files.0.content_type"),
        ({"name": "x", "nmae": "y"}, "nmae"),
        ({"name": "x", "priority": 101}, "priority"),
        ({"name": "x", "priority": True}, "priority"),
        ({"name": "x", "chunking": {"size": 99}}, "chunking.size"),
        ({"name": "x", "chunking": {"size": 100, "overlap": 100}}, "chunking"),
        ({"name": "x", "chunking": {"strategy": "magic"}}, "chunking.strategy"),
        ({"name": "x", "chunking": {"strategy": "token", "size": 2001}}, "chunking.size"),
        ({"name": "x", "chunking": {"strategy": "token", "size": 31}}, "chunking.size"),
        ({"name": "x", "chunking": {"heading_prefix": "yes"}}, "chunking.heading_prefix"),
    ],
)  # fmt: skip
async def test_a_dataset_that_cannot_be_made_names_the_field(
    shared_api: Api, body: dict[str, Any], field: str
) -> None:
    answer = await shared_api.client.post(DATASETS, json=body)

    problem = assert_problem(answer, 400, "invalid_request")
    assert field in [error["field"] for error in problem["errors"]], problem


@pytest.mark.parametrize(
    "file_name",
    [
        "../secret", "a/../../b", "..", ".", "a/./b", "/etc/passwd", "a//b", "a/", "", " ",
        "a\\b", "a\nb", "a\0b", "a\u2028b", "x" * 988, "é" * 494,
    ],
)  # fmt: skip
async def test_a_file_name_that_could_leave_its_dataset_or_break_a_key_is_refused(
    shared_api: Api, file_name: str
) -> None:
    answer = await shared_api.client.post(
        DATASETS, json={"name": "x", "files": [{"file_name": file_name}]}
    )

    problem = assert_problem(answer, 400, "invalid_request")
    assert problem["errors"][0]["field"] == "files.0.file_name"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b'{"name": "x"', b"\xff\xfe", b'{"name": "\\ud800"}',
     b'{"name": NaN}', b"[" * 10_000],
)  # fmt: skip
async def test_what_is_not_the_json_that_is_wanted_is_refused(
    shared_api: Api, content: bytes
) -> None:
    answer = await shared_api.client.post(
        DATASETS, content=content, headers={"Content-Type": "application/json"}
    )

    assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"name": "\\ud800"}', "not valid text"),
        (b'{"name": "x", "files": [{"file_name": "a\\udfff.txt"}]}', "not valid text"),
        (b'{"name": "a\xff"}', "UTF-8"),
        (b'{"name": "x"', "ends too early"),
        (b"{name}", "must be JSON"),
    ],
)
async def test_a_body_that_cannot_be_read_says_why(
    shared_api: Api, content: bytes, complaint: str
) -> None:
    answer = await shared_api.client.post(
        DATASETS, content=content, headers={"Content-Type": "application/json"}
    )

    problem = assert_problem(answer, 400, "invalid_request")
    [error] = problem["errors"]
    assert error["field"] == "body"
    assert complaint in error["message"]


async def test_halves_of_characters_in_a_query_are_called_so(shared_api: Api) -> None:
    dataset_id = await shared_api.dataset()

    answer = await shared_api.client.post(
        f"{DATASETS}/{dataset_id}/search",
        content=b'{"query": "\\ud800 whales"}',
        headers={"Content-Type": "application/json"},
    )

    assert "not valid text" in assert_problem(answer, 400, "invalid_request")["detail"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"name": "x", "files": [{"file_name": "a", "content_type": "nonsense"}]},
            "must be a media type, such as text/plain or text/csv; charset=utf-8",
        ),
        (
            {"name": "x", "chunking": {"size": 100}},
            "the overlap, which is 200 where none is given, must be less than the size, 100",
        ),
        (
            {"name": "x", "chunking": {"overlap": 2000}},
            "the overlap must be less than the size, 1000 where none is given",
        ),
        (
            {"name": "x", "chunking": {"strategy": "token", "size": 2500}},
            "must be between 32 and 2000 tokens with token",
        ),
        (
            {"name": "x", "chunking": {"size": 500, "overlap": 500}},
            "the overlap must be less than the size, 500",
        ),
    ],
)
async def test_what_is_wrong_with_a_value_is_said_in_words(
    shared_api: Api, body: dict[str, Any], message: str
) -> None:
    answer = await shared_api.client.post(DATASETS, json=body)

    [error] = assert_problem(answer, 400, "invalid_request")["errors"]
    assert error["message"] == message


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "x", ""])
async def test_a_body_of_another_type_is_no_fault_of_the_service(
    shared_api: Api, content_type: str
) -> None:
    answer = await shared_api.client.post(
        DATASETS, content=b"name=x", headers={"Content-Type": content_type}
    )

    assert_problem(answer, 400, "invalid_request")


async def test_a_body_over_a_mebibyte_is_refused(shared_api: Api) -> None:
    answer = await shared_api.client.post(DATASETS, json={"name": "x" * (1024 * 1024)})

    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{DATASETS}/{UNKNOWN}", "dataset_not_found"),
        ("DELETE", f"{DATASETS}/{UNKNOWN}", "dataset_not_found"),
        ("GET", f"{DATASETS}/{UNKNOWN}/documents", "dataset_not_found"),
        ("GET", f"{DATASETS}/{UNKNOWN}/documents/{UNKNOWN}", "dataset_not_found"),
        ("DELETE", f"{DATASETS}/{UNKNOWN}/documents/{UNKNOWN}", "dataset_not_found"),
        ("POST", f"{DATASETS}/{UNKNOWN}/uploads/complete", "dataset_not_found"),
        ("GET", f"/api/v1/jobs/{UNKNOWN}", "job_not_found"),
        ("GET", f"/api/v1/jobs/{UNKNOWN}/attempts", "job_not_found"),
        ("POST", f"/api/v1/jobs/{UNKNOWN}/retry", "job_not_found"),
        ("POST", f"/api/v1/jobs/{UNKNOWN}/cancel", "job_not_found"),
        ("GET", f"/api/v1/jobs/dataset/{UNKNOWN}/status", "dataset_not_found"),
        ("GET", "/api/v1/nothing", "unknown_path"),
        ("GET", f"{DATASETS}/not-a-uuid", "unknown_path"),
        ("GET", "/api/v1/health/live", "unknown_path"),
        ("GET", "/static/../../../etc/passwd", "unknown_path"),
        ("GET", "/static/%2e%2e/app.py", "unknown_path"),
        ("GET", "/static/docs.js%00", "unknown_path"),
        ("GET", "/static/a%00b", "unknown_path"),
        ("GET", "/static/docs.js/below", "unknown_path"),
        ("GET", "/static/" + "a" * 300, "unknown_path"),
    ],
)
async def test_what_does_not_exist_is_a_404(
    shared_api: Api, method: str, path: str, code: str
) -> None:
    answer = await shared_api.client.request(method, path)

    assert_problem(answer, 404, code)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("uploads", {"files": [{"file_name": "a"}]}),
        ("search", {"query": "x"}),
    ],
)
async def test_an_unknown_dataset_takes_no_body(
    shared_api: Api, path: str, body: dict[str, Any]
) -> None:
    answer = await shared_api.client.post(f"{DATASETS}/{UNKNOWN}/{path}", json=body)

    assert_problem(answer, 404, "dataset_not_found")


async def test_a_method_that_a_path_does_not_have_is_a_405(shared_api: Api) -> None:
    answer = await shared_api.client.put(DATASETS)

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=100000", "limit=1e9", "limit=", "limit=x",
     "cursor=x", "cursor=", "cursor=AAAA", "cursor=%00",
     "status=done", "dataset_id=x", "error_code=%00", "stage=A%20B"],
)  # fmt: skip
async def test_a_wrong_parameter_of_a_list_is_named(shared_api: Api, query: str) -> None:
    answer = await shared_api.client.get(f"/api/v1/jobs/?{query}")

    problem = assert_problem(answer, 400, "invalid_request")
    [error] = problem["errors"]
    assert error["field"] == query.split("=", maxsplit=1)[0]
    assert "Expected" not in error["message"]
    assert "^" not in error["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": " "}, "query"),
        ({"query": "x" * 4001}, "query"),
        ({"query": "a\0"}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 101}, "limit"),
        ({"query": "x", "mode": "magic"}, "mode"),
        ({"query": "x", "filter": []}, "filter"),
        ({"query": "x", "filter": {"tenant": "y"}}, "filter.tenant"),
        ({"query": "x", "filter": {"page": {"gte": 0}}}, "filter.page"),
        ({"query": "x", "filter": {"document_id": "a.pdf"}}, "filter.document_id"),
        ({"query": "x", "filter": {"file_name": {"like": "%"}}}, "filter.file_name"),
    ],
)
async def test_a_search_that_cannot_be_made_names_the_field(
    shared_api: Api, body: dict[str, Any], field: str
) -> None:
    dataset_id = await shared_api.dataset()

    answer = await shared_api.client.post(f"{DATASETS}/{dataset_id}/search", json=body)

    problem = assert_problem(answer, 400, "invalid_request")
    assert field in [error["field"] for error in problem["errors"]], problem


async def test_a_change_that_changes_nothing_is_refused(shared_api: Api) -> None:
    dataset_id = await shared_api.dataset()

    answer = await shared_api.client.patch(f"{DATASETS}/{dataset_id}", json={})

    assert_problem(answer, 400, "invalid_request")


async def test_a_triggered_object_must_be_the_datasets_and_be_there(shared_api: Api) -> None:
    dataset_id = await shared_api.dataset()

    async def trigger(object_key: str) -> httpx.Response:
        body = {"dataset_id": str(dataset_id), "object_key": object_key}
        return await shared_api.client.post("/api/v1/jobs", json=body)

    foreign = await trigger(f"{uuid4()}/a.txt")
    escaping = await trigger(f"{dataset_id}/../a.txt")
    absent = await trigger(f"{dataset_id}/a.txt")

    assert_problem(foreign, 400, "foreign_object_key")
    assert_problem(escaping, 400, "foreign_object_key")
    assert_problem(absent, 404, "object_not_found")
