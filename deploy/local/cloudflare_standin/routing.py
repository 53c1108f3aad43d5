"""What every handler of the Queues API needs: the ids in the path and the parsed body."""

import re
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from cloudflare_standin.errors import (
    ApiError,
    BodyInvalid,
    DelayInvalid,
    JsonInvalid,
    NoRoute,
    QueueIdMalformed,
    SchemaInvalid,
)
from cloudflare_standin.requests import RequestBody

Body = TypeVar("Body", bound=RequestBody)

ONE_QUEUE = "/client/v4/accounts/{account}/queues/{queue}"
ALL_QUEUES = "/client/v4/accounts/{account}/queues"

PER_PAGE_MAX = 1000

_QUEUE_ID = re.compile(r"[0-9a-f]{32}")


def check_account(request: web.Request, account_id: str) -> None:
    if request.match_info["account"] != account_id:
        raise NoRoute(f"Could not route to {request.path}, perhaps your object id is invalid?")


def queue_id_of(request: web.Request) -> str:
    queue_id = request.match_info["queue"]
    if _QUEUE_ID.fullmatch(queue_id) is None:
        raise QueueIdMalformed("Queue id must be 32 hexadecimal digits")
    return queue_id


def page_of(request: web.Request) -> tuple[int, int]:
    """(page, per_page), the page counted from 1."""
    try:
        page = int(request.query.get("page", "1"))
        per_page = int(request.query.get("per_page", "100"))
    except ValueError as exc:
        raise SchemaInvalid("page and per_page must be numbers") from exc
    return max(page, 1), min(max(per_page, 1), PER_PAGE_MAX)


async def parse(
    request: web.Request, model: type[Body], *, invalid: type[ApiError] = SchemaInvalid
) -> Body:
    """Raise JsonInvalid, DelayInvalid or `invalid`."""
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as exc:
        errors = exc.errors()
        if errors[0]["type"] == "json_invalid" and invalid is not BodyInvalid:
            raise JsonInvalid(summary(exc)) from exc
        if "delay_seconds" in errors[0]["loc"]:
            raise DelayInvalid(summary(exc)) from exc
        raise invalid(summary(exc)) from exc


def summary(error: ValidationError) -> str:
    """The first complaint, without the input: a body may hold what no log should."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
