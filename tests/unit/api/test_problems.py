"""Every error has an answer, and an unforeseen one tells nothing."""

import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from litestar import Request
from litestar.testing import RequestFactory
from sqlalchemy.exc import DBAPIError, OperationalError

from api import errors
from api.problems import KINDS, problem_response
from db import errors as db_errors
from db.errors import is_away
from pipeline.errors import Dependency, DependencyError


def request() -> Request[Any, Any, Any]:
    made = RequestFactory().get("/")
    made.scope["state"]["request_id"] = "r1"
    return made


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(each) for each in found)) if found else found


def test_every_error_of_ours_has_a_problem_of_its_own() -> None:
    raised = subclasses(errors.RequestRefused) | {
        db_errors.DatasetNotFound,
        db_errors.DocumentNotFound,
        db_errors.JobNotFound,
        db_errors.JobConflict,
    }

    assert raised <= KINDS.keys()
    codes = [kind.code for kind in KINDS.values()]
    assert len(set(codes)) == len(codes)


def test_an_unforeseen_error_is_a_500_that_names_the_request_and_nothing_more() -> None:
    answer = problem_response(request(), RuntimeError("password=hunter2"))

    assert answer.status_code == 500
    assert answer.content.request_id == "r1"
    assert "hunter2" not in json.dumps(answer.content.detail)


def test_an_unavailable_dependency_says_when_to_come_back() -> None:
    error = DependencyError(
        "No answer.", dependency=Dependency.VECTOR_STORE, retry_after=timedelta(seconds=17)
    )

    answer = problem_response(request(), error)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "17")
    assert answer.content.code == "dependency_unavailable"
    assert answer.content.detail == "No answer. Try again later."


def test_a_dependencys_message_becomes_a_sentence_before_the_next_one() -> None:
    error = DependencyError("the index failed a search (code 2)", dependency=Dependency.EMBEDDER)

    answer = problem_response(request(), error)

    assert answer.content.detail == "the index failed a search (code 2). Try again later."


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (OperationalError("select 1", {}, Exception()), True),
        (asyncpg.CannotConnectNowError("starting"), True),
        (asyncpg.InvalidPasswordError("no"), True),
        (asyncpg.TooManyConnectionsError("full"), True),
        (DBAPIError("insert", {}, asyncpg.DeadlockDetectedError("gave way")), True),
        (DBAPIError("insert", {}, asyncpg.UniqueViolationError("ours to fix")), False),
        (ValueError("ours to fix"), False),
    ],
)
def test_a_lost_database_is_told_from_a_fault_of_ours(error: Exception, away: bool) -> None:
    assert is_away(error) is away
