"""Pages for people: the OpenAPI document in Swagger UI, served from here, scripts included.

No script or style comes from elsewhere, so the pages work without a network and the policy can
forbid everything else. Swagger UI sets styles on its elements, hence `unsafe-inline` for those.
"""

import errno
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get
from litestar.file_system import BaseLocalFileSystem
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler
from litestar.types.composite_types import PathType
from litestar.types.file_types import FileInfo

import api

STATIC = Path(api.__file__).parent / "static"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class StaticFolder(BaseLocalFileSystem):
    """A folder in which a name that no file can have is simply not there."""

    async def info(self, path: PathType, **kwargs: Any) -> FileInfo:
        try:
            return await super().info(path, **kwargs)
        except ValueError as error:  # a zero byte
            raise FileNotFoundError(path) from error
        except OSError as error:
            if error.errno in {errno.ENAMETOOLONG, errno.ENOTDIR}:
                raise FileNotFoundError(path) from error
            raise


@get("/docs", include_in_schema=False, sync_to_thread=False)
def docs() -> Response[str]:
    return Response(
        (STATIC / "docs.html").read_text(encoding="utf-8"),
        media_type=MediaType.HTML,
        headers={"content-security-policy": PAGE_POLICY},
    )


@get("/openapi.json", include_in_schema=False)
async def openapi_document() -> Redirect:
    """Where many tools look for it."""
    return Redirect("/schema/openapi.json")


static_files = create_static_files_router(
    "/static", directories=[STATIC], file_system=StaticFolder(), name="static"
)
handlers: list[ControllerRouterHandler] = [docs, openapi_document, static_files]
