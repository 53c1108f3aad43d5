"""The OpenAPI document: `/schema/openapi.json`, shown by the page at `/docs`.

The framework makes it of the handlers; `complete` adds what it leaves out of it.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from litestar.types import Method
from pydantic import BaseModel

from api import (
    bulk_requests,
    health,
    multipart_shapes,
    problems,
    requests,
    search_requests,
    search_views,
    statuses,
    views,
)
from api.errors import IdempotencyKeyReused
from api.idempotency import KEY_CHARS_MAX, KEY_HEADER, REPLAYED_HEADER
from api.problems import KINDS
from api.routes import (
    audits,
    document_content,
    job_list,
    live,
    past,
    quarantine,
    service_state,
    session,
    tenant,
    usage,
    work_list,
)

DESCRIPTION = """\
Files go into a dataset by signed upload URLs; what arrives is parsed, cut, embedded and searchable
seconds later:

1. Create a dataset with the names of your files.
2. Upload each file to its URL, by `PUT`, with the headers that stand beside it. No API key there.
3. Follow the dataset until it is `ready`.
4. Search it.

A WebSocket at `/api/v1/datasets/{id}/events`, or at `/api/v1/events`, tells what happens as it
happens: JSON messages of the types `ready`, `event`, `progress`, `lagged` and `ping`. Open it with
the API key in `Authorization`; after a cut open `?cursor=N` with the last cursor you saw, and what
you missed comes first. *Live* below has the same events as pages; the README has the close codes.

To try it here, press *Authorize* and paste an API key.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Lists are newest first, in
pages: pass `next_cursor` on as `cursor`. Times are UTC.
"""

TAGS = {
    "Datasets": "Documents that are searched together.",
    "Uploads": "More files for a dataset, or newer versions of those it has.",
    "Documents": "The files of a dataset, each as its latest job left it.",
    "Search": "The passages that answer a question, with their places in the files.",
    "Session": "The login of a browser with an API key.",
    "Tenant": "Whom the API key belongs to; a pause of everything.",
    "Usage": "Tokens and costs of embedding, and what was saved.",
    "Jobs": "The work on the documents: how far it is, why it failed, what to do again.",
    "Operation": "Workers, queues and breakers, and how it went until now.",
    "Live": "Every change of state, in order and none missed. A WebSocket at the same paths tells "
    "them as they happen, and the progress of jobs between them.",
    "Audits": "Bucket, tables and index compared on demand, and mended.",
    "Quarantine": "Messages of the queue that made no job. For keys with the role `operator`.",
    "Health": "For those who run the service. Without a key.",
}
# Where the shapes of bodies and answers are declared: their docstrings describe them.
DECLARING = (
    requests,
    bulk_requests,
    views,
    statuses,
    search_requests,
    search_views,
    work_list,
    job_list,
    document_content,
    past,
    service_state,
    session,
    tenant,
    usage,
    quarantine,
    audits,
    multipart_shapes,
    live,
    health,
    problems,
)
# As JSON Schema has them, and the framework.
LIMITS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMaximum": "exclusive_maximum",
}

KEY_PARAMETER = Parameter(
    name=KEY_HEADER,
    param_in="header",
    required=False,
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=KEY_CHARS_MAX),
    description=(
        "Any text that you use for one order only, such as a UUID. If the same request comes again "
        "with it within 24 hours, nothing is done again: the answer is that of the first one, with "
        f"the header `{REPLAYED_HEADER}: true`. Refusals and failures are not kept."
    ),
)


def openapi_config(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Sluice",
        version=version,
        description=DESCRIPTION,
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        servers=[Server(url="/")],
        tags=[Tag(name=name, description=description) for name, description in TAGS.items()],
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        security=[{"api_key": []}],
        components=Components(
            security_schemes={
                "api_key": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="sluice_…",
                    description="An API key, made by `python -m api.keys create`.",
                )
            }
        ),
    )


def complete(document: OpenAPI) -> None:
    """Describe the shapes, give bodies an example, and say plainly what success is."""
    shapes = {name: shape for module in DECLARING for name, shape in inspect.getmembers(module)}
    for schema in (document.components.schemas or {}).values():
        shape = shapes.get((schema.title or "").partition("[")[0])
        if isinstance(shape, type):
            _describe(schema, shape)
            if issubclass(shape, BaseModel):
                _limit(schema, shape.model_json_schema().get("properties", {}))
    for operation in _operations((document.paths or {}).values()):
        for status, response in (operation.responses or {}).items():
            if response.description == HTTPStatus(int(status)).description:
                response.description = HTTPStatus(int(status)).phrase + "."
        if str(int(KINDS[IdempotencyKeyReused].status)) in (operation.responses or {}):
            operation.parameters = [*(operation.parameters or []), KEY_PARAMETER]
        if isinstance(operation.request_body, RequestBody):
            operation.request_body.required = not _may_be_null(operation.request_body)


def _operation_id(handler: HTTPRouteHandler, _method: Method, _path: list[Any]) -> str:
    """The handler's name: those who generate a client get functions of these names."""
    return handler.handler_name


def _describe(schema: Schema, shape: type) -> None:
    text = inspect.cleandoc(shape.__doc__ or "")
    if not text.startswith(f"{shape.__name__}("):  # what a dataclass writes where nobody did
        schema.description = text or None
    if issubclass(shape, BaseModel):
        extra = shape.model_config.get("json_schema_extra")
        examples = extra.get("examples") if isinstance(extra, Mapping) else None
        schema.examples = examples if isinstance(examples, list) else None


def _limit(schema: Schema, model: Mapping[str, Any]) -> None:
    """Say of what may be null how long or large it may be. The framework writes that beside the
    alternatives, a list's limits as if it were a text, or leaves it out."""
    for name, field in (schema.properties or {}).items():
        if not isinstance(field, Schema) or not field.one_of:
            continue
        alternatives = {each.get("type"): each for each in model[name].get("anyOf", [])}
        for attribute in LIMITS.values():
            setattr(field, attribute, None)
        field.one_of = [
            replace(each, **_limits(alternatives.get(each.type, {})))
            if isinstance(each, Schema)
            else each
            for each in field.one_of
        ]


def _limits(alternative: Mapping[str, Any]) -> dict[str, Any]:
    return {
        attribute: alternative[keyword]
        for keyword, attribute in LIMITS.items()
        if keyword in alternative
    }


def _operations(paths: Iterable[PathItem]) -> Iterable[Operation]:
    for path in paths:
        for operation in (path.get, path.post, path.patch, path.delete):
            if operation is not None:
                yield operation


def _may_be_null(body: RequestBody) -> bool:
    """The framework calls every body required, also one that may be left out."""
    schemas = [media.schema for media in body.content.values()]
    return any(
        isinstance(schema, Schema)
        and any(isinstance(one, Schema) and one.type == "null" for one in schema.one_of or [])
        for schema in schemas
    )
