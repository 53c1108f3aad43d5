from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.errors import Dependency, DependencyError
from pipeline.store.object_errors import (
    ObjectStoreMisconfigured,
    parse_retry_after,
    translated,
)


def refused(code: str, status: int, **headers: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "secret text"},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "HTTPHeaders": {name.replace("_", "-"): value for name, value in headers.items()},
                "RequestId": "",
                "HostId": "",
                "RetryAttempts": 0,
            },
        },
        "GetObject",
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("NoSuchBucket", 404),
        ("AccessDenied", 403),
        ("403", 403),
        ("Unauthorized", 401),
        ("SignatureDoesNotMatch", 403),
    ],
)
def test_a_wrong_setting_has_an_error_of_its_own(code: str, status: int) -> None:
    with pytest.raises(ObjectStoreMisconfigured), translated("look"):
        raise refused(code, status)


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("TooManyRequests", 429)])
def test_a_passing_fault_waits_as_long_as_the_store_asks(code: str, status: int) -> None:
    with pytest.raises(DependencyError) as failure, translated("look"):
        raise refused(code, status, retry_after="30")

    assert failure.value.dependency is Dependency.OBJECT_STORE
    assert failure.value.retry_after == timedelta(seconds=30)
    assert not isinstance(failure.value, ObjectStoreMisconfigured)
    assert "secret text" not in failure.value.message


def test_a_network_fault_is_a_dependency() -> None:
    with pytest.raises(DependencyError), translated("look"):
        raise EndpointConnectionError(endpoint_url="http://nowhere")


def test_retry_after_may_be_a_date() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)

    wait = parse_retry_after(in_a_minute)

    assert wait is not None
    assert timedelta(seconds=55) < wait <= timedelta(minutes=1)


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5"])
def test_a_retry_after_that_says_nothing_is_none(value: str | None) -> None:
    assert parse_retry_after(value) is None
