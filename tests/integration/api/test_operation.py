"""What those who run the service rely on: health, metrics, headers, the documentation page."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.repositories.breakers import BreakerRepository
from support.api import Api, running

MINUTE = timedelta(minutes=1)


async def test_every_dependency_is_named_and_ready(shared_api: Api) -> None:
    anyone = shared_api.as_key("")

    live = await anyone.get("/health/live")
    ready = await anyone.get("/health/ready")

    assert live.json() == {"status": "alive"}
    assert ready.status_code == 200, ready.text
    assert ready.json()["status"] == "ready"
    dependencies = ready.json()["dependencies"]
    assert set(dependencies) == {
        "postgres", "redis", "object_store", "vector_store", "embedder",
    }  # fmt: skip
    assert all(view["ok"] and view["error"] is None for view in dependencies.values())
    assert ready.json()["open_breakers"] == []


@pytest.mark.parametrize(
    ("variable", "value", "dependency"),
    [
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:9/x", "postgres"),
        ("REDIS_URL", "redis://127.0.0.1:9/0", "redis"),
        ("SLUICE_R2_ENDPOINT_URL", "http://127.0.0.1:9", "object_store"),
        ("MILVUS_URI", "http://127.0.0.1:9", "vector_store"),
    ],
)
async def test_a_dependency_that_is_away_makes_it_unready_within_seconds(
    api_environment: dict[str, str], variable: str, value: str, dependency: str
) -> None:
    database = api_environment["DATABASE_URL"]
    changes = {variable: value}
    async with running(api_environment, key_database=database, **changes) as api:
        ready = await api.client.get("/health/ready")

    assert ready.status_code == 503
    assert ready.json()["status"] == "unavailable"
    failing = {name for name, view in ready.json()["dependencies"].items() if not view["ok"]}
    assert failing == {dependency}
    assert ready.elapsed.total_seconds() < 4


async def test_what_the_workers_find_away_is_told_with_the_time_since_when(
    api_environment: dict[str, str],
) -> None:
    async with running(api_environment) as api:
        for error in ("The index does not answer.", "It still does not."):
            async with api.sessions.begin() as session:
                breakers = BreakerRepository(session)
                await breakers.open("vector_store", code="dependency_unavailable", error=error)
        ready = await api.client.get("/health/ready")
        queues = await api.client.get("/api/v1/queues")

    [open_] = ready.json()["open_breakers"]
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert (open_["dependency"], open_["error_code"]) == ("vector_store", "dependency_unavailable")
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(open_["open_since"]) < MINUTE
    [told] = queues.json()["breakers"]
    assert (told["dependency"], told["open_since"]) == ("vector_store", open_["open_since"])
    assert "does not answer" not in ready.text  # it may name addresses


async def test_without_the_database_a_request_is_a_503_with_the_time_to_come_back(
    api_environment: dict[str, str],
) -> None:
    database, away = api_environment["DATABASE_URL"], "postgresql://u:p@127.0.0.1:9/x"
    async with running(api_environment, key_database=database, DATABASE_URL=away) as api:
        answer = await api.client.get("/api/v1/datasets")
        metrics = await api.client.get("/metrics")

    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "dependency_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert "127.0.0.1" not in answer.text
    assert metrics.status_code == 200


async def test_without_the_object_store_what_asks_it_is_a_503_and_the_rest_goes_on(
    api_environment: dict[str, str],
) -> None:
    names = [f"{number}.txt" for number in range(20)]
    async with running(api_environment, SLUICE_R2_ENDPOINT_URL="http://127.0.0.1:9") as api:
        dataset_id = await api.dataset(files=[{"file_name": name} for name in names])
        complete = await api.client.post(f"/api/v1/datasets/{dataset_id}/uploads/complete")
        trigger = await api.client.post(
            "/api/v1/jobs",
            json={"dataset_id": str(dataset_id), "object_key": f"{dataset_id}/{names[0]}"},
        )

    for answer in (complete, trigger):
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "dependency_unavailable"
        assert int(answer.headers["retry-after"]) >= 1
        assert "127.0.0.1" not in answer.text


async def test_requests_are_counted_by_route_and_not_by_path(api: Api) -> None:
    dataset_id = await api.dataset()
    await api.client.get(f"/api/v1/datasets/{dataset_id}")
    await api.client.get("/api/v1/no/such/path")

    text = (await api.as_key("").get("/metrics")).text

    assert 'route="/api/v1/datasets/{dataset_id}",status="200"' in text
    assert 'route="unmatched",status="404"' in text
    assert str(dataset_id) not in text
    assert 'sluice_jobs{status="queued"}' in text


async def test_every_answer_carries_its_request_id_and_the_security_headers(
    shared_api: Api,
) -> None:
    given = await shared_api.client.get("/api/v1/datasets", headers={"X-Request-ID": "abc-1"})
    drawn = await shared_api.client.get("/nothing", headers={"X-Request-ID": "a b\tc"})

    assert given.headers["x-request-id"] == "abc-1"
    assert len(drawn.headers["x-request-id"]) == 32
    for answer in (given, drawn):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


async def test_browsers_of_other_origins_are_let_in_only_by_a_setting(
    api_environment: dict[str, str],
) -> None:
    ours, other = "https://app.example.com", "https://other.example.com"
    async with running(api_environment, SLUICE_API_CORS_ORIGINS=ours) as api:
        answer = await api.client.get("/api/v1/datasets", headers={"Origin": ours})
        stranger = await api.client.get("/health/live", headers={"Origin": other})

    assert answer.headers["access-control-allow-origin"] == ours
    assert "access-control-allow-origin" not in stranger.headers


async def test_the_documentation_needs_nothing_from_elsewhere(shared_api: Api) -> None:
    anyone = shared_api.as_key("")

    page = await anyone.get("/docs")
    script = await anyone.get("/static/swagger-ui/swagger-ui-bundle.js")
    style = await anyone.get("/static/swagger-ui/swagger-ui.css")
    guessed = await anyone.get("/openapi.json")
    document = await anyone.get("/schema/openapi.json")

    assert guessed.headers["location"] == "/schema/openapi.json"
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert (script.status_code, style.status_code) == (200, 200)
    assert "javascript" in script.headers["content-type"]
    paths = set(json.loads(document.text)["paths"])
    assert {
        "/api/v1/datasets",
        "/api/v1/datasets/{dataset_id}/uploads/complete",
        "/api/v1/datasets/{dataset_id}/search",
        "/api/v1/jobs/dataset/{dataset_id}/status",
        "/api/v1/jobs/{task_id}/attempts",
        "/health/ready",
        "/metrics",
    } <= paths


async def test_every_operation_is_described_with_its_parameters_and_an_example_of_its_body(
    shared_api: Api,
) -> None:
    document = (await shared_api.as_key("").get("/schema/openapi.json")).json()

    operations = [each for path in document["paths"].values() for each in path.values()]
    bodies = {
        each["operationId"]: each["requestBody"] for each in operations if "requestBody" in each
    }
    shapes = document["components"]["schemas"]
    assert len({each["operationId"] for each in operations}) == len(operations) > 15
    assert all(each["operationId"].islower() for each in operations)
    assert all(each.get("summary") and each.get("description") for each in operations)
    assert all(each["description"] for op in operations for each in op.get("parameters", []))
    assert all(shapes[name]["description"] for name in ("HitView", "JobView", "DatasetStatus"))
    for body in bodies.values():
        schema = body["content"]["application/json"]["schema"]
        reference = schema.get("$ref") or schema["oneOf"][0]["$ref"]
        assert shapes[reference.rpartition("/")[2]]["examples"]
    assert {name for name, body in bodies.items() if not body["required"]} == {
        "complete_uploads", "request_audit", "request_sync",
    }  # fmt: skip


async def test_the_limits_of_what_may_be_null_are_those_of_its_type(shared_api: Api) -> None:
    document = (await shared_api.as_key("").get("/schema/openapi.json")).json()

    def value_of(shape: str, field: str) -> dict[str, Any]:
        found: dict[str, Any] = document["components"]["schemas"][shape]["properties"][field]
        assert not {"minLength", "maxLength", "minimum", "maximum"} & found.keys()
        assert found["oneOf"][1] == {"type": "null"}
        value: dict[str, Any] = found["oneOf"][0]
        return value

    for shape in ("CompleteUploads", "CreateDataset"):
        files = value_of(shape, "files")
        assert (files["minItems"], files["maxItems"]) == (1, 1_000)
        assert not {"minLength", "maxLength"} & files.keys()
    name = value_of("UpdateDataset", "name")
    assert (name["minLength"], name["maxLength"]) == (1, 200)
    priority = value_of("UpdateDataset", "priority")
    assert (priority["minimum"], priority["maximum"]) == (-100, 100)
    size = value_of("NewFile", "size")
    assert (size["minimum"], size["maximum"]) == (0, 5_363_466_240)
    assert value_of("Chunking", "overlap")["minimum"] == 0


# They make nothing, or the same again.
NOT_ORDERING_POSTS = {"log_in", "sign_parts", "complete_multipart", "abort_multipart"}


async def test_the_document_declares_every_problem_that_an_operation_may_end_in(
    shared_api: Api,
) -> None:
    document = (await shared_api.as_key("").get("/schema/openapi.json")).json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/api/v1"):
                continue
            expected = {"400", "401", "500", "503"}
            orders = method != "get" and not operation["operationId"].startswith("search")
            if orders or path.startswith("/api/v1/quarantine"):
                expected |= {"403"}
            makes_nothing = operation["operationId"] in NOT_ORDERING_POSTS
            if orders and method == "post" and not makes_nothing:
                expected |= {"409", "422"}  # of the Idempotency-Key
            if "requestBody" in operation:
                expected |= {"413"}
            assert expected <= operation["responses"].keys(), operation["operationId"]
            assert ("403" in operation["responses"]) == ("403" in expected)
            takes_key = "Idempotency-Key" in {
                each["name"] for each in operation.get("parameters", [])
            }
            assert takes_key == ("422" in expected), operation["operationId"]


async def test_a_request_is_logged_without_what_was_asked(
    api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset_id = await api.dataset()
    caplog.set_level(logging.DEBUG)

    await api.client.post(
        f"/api/v1/datasets/{dataset_id}/search", json={"query": "confidential-question"}
    )

    written = capsys.readouterr()
    assert "request.finished" in written.out + written.err + caplog.text
    assert "confidential-question" not in written.out + written.err + caplog.text


async def test_a_person_at_a_wrong_address_sees_a_page_and_a_program_a_problem(
    shared_api: Api,
) -> None:
    anyone = shared_api.as_key("")
    accepts_pages = {"Accept": "text/html,application/xhtml+xml"}

    home = await anyone.get("/", headers=accepts_pages)
    person = await anyone.get("/nowhere", headers=accepts_pages)
    program = await anyone.get("/nowhere")
    call = await anyone.get("/api/v1/nowhere", headers=accepts_pages)

    assert (home.status_code, person.status_code) == (200, 404)
    assert person.text == home.text
    assert program.json()["code"] == "unknown_path"
    assert call.headers["content-type"] == "application/problem+json"
