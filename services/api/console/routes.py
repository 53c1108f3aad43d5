"""Where the console is: its page at the addresses that people see, its files below `/static`."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response, get
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_304_NOT_MODIFIED, HTTP_404_NOT_FOUND
from litestar.types import ControllerRouterHandler

import api.console
from api.console.assets import FOR_EVER, FOR_NOW, Asset, Assets
from api.console.shell import STATIC_PATH, WORKER_POLICY, policy, shell

FOLDER = Path(api.console.__file__).parent / "static"
WORKER = "vendor/pdfjs/worker.js"
PAGES = [
    "/",
    "/login",
    "/datasets",
    "/datasets/{dataset_id:uuid}",
    "/jobs",
    "/jobs/{task_id:uuid}",
    "/failures",
    "/workers",
    "/costs",
    "/audit-log",
    "/settings",
]
NOT_PAGES = ("/api/", "/static/", "/schema", "/health/")


class Console:
    """Knows the files of the console and where its browser may connect to."""

    def __init__(self, endpoint_url: str) -> None:
        """`endpoint_url`: of the object store, to which the browser uploads."""
        parts = urlsplit(endpoint_url)
        self._policy = policy(f"{parts.scheme}://{parts.netloc}")
        self._assets = Assets.of(FOLDER)
        self._shell = shell(self._assets)

    def page(self, *, status_code: int = HTTP_200_OK) -> Response[str]:
        return Response(
            self._shell,
            status_code=status_code,
            media_type=MediaType.HTML,
            headers={"content-security-policy": self._policy},
        )

    def missing(self, request: Request[Any, Any, Any]) -> Response[str] | None:
        """The page that says so, for a person's browser at an address that there is not."""
        wants_page = "text/html" in request.headers.get("accept", "")
        if not wants_page or request.method != "GET" or request.url.path.startswith(NOT_PAGES):
            return None
        return self.page(status_code=HTTP_404_NOT_FOUND)

    def file(self, request: Request[Any, Any, Any], version: str, name: str) -> Response[bytes]:
        asset = self._assets.files.get(name)
        if asset is None:
            return Response(b"", status_code=HTTP_404_NOT_FOUND, media_type=MediaType.TEXT)
        headers = {
            "etag": asset.etag,
            "cache-control": FOR_EVER if version == self._assets.version else FOR_NOW,
            "vary": "accept-encoding",
        }
        if name == WORKER:
            headers["content-security-policy"] = WORKER_POLICY
        if request.headers.get("if-none-match") == asset.etag:
            return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
        body, encoding = _encoded(asset, request.headers.get("accept-encoding", ""))
        return Response(body, media_type=asset.media_type, headers={**headers, **encoding})

    def handlers(self) -> list[ControllerRouterHandler]:
        @get(PAGES, include_in_schema=False, sync_to_thread=False)
        def console_page() -> Response[str]:
            return self.page()

        # Compressing a large file takes a moment, once.
        @get(
            STATIC_PATH + "/{version:str}/{name:path}", include_in_schema=False, sync_to_thread=True
        )
        def console_file(
            request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[Path]
        ) -> Response[bytes]:
            return self.file(request, version, name.as_posix().removeprefix("/"))

        return [console_page, console_file]


def _encoded(asset: Asset, accepted: str) -> tuple[bytes, dict[str, str]]:
    packed = asset.packed if "gzip" in accepted else None
    if packed is None:
        return asset.body, {}
    return packed, {"content-encoding": "gzip"}
