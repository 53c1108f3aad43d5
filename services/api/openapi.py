"""The OpenAPI document: `/schema/openapi.json`, shown by the page at `/docs`."""

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server

DESCRIPTION = """\
Files go into a dataset by signed upload URLs; what arrives is parsed, cut, embedded and searchable
seconds later.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Lists are newest first, in
pages: pass `next_cursor` on as `cursor`. Times are UTC.
"""


def openapi_config(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Sluice",
        version=version,
        description=DESCRIPTION,
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        servers=[Server(url="/")],
        use_handler_docstrings=True,
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
