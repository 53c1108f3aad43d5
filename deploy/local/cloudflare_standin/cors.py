"""Cross-origin requests from the browser, as a bucket's CORS rule allows them."""

from collections.abc import Set as AbstractSet

from aiohttp import web

PREFLIGHT_SECONDS = 3600
# Of parts that were uploaded, and of a PDF that a page reads bit by bit.
EXPOSED = "ETag, Accept-Ranges, Content-Range"
METHODS = "GET, HEAD, PUT, POST, DELETE"


class Cors:
    def __init__(self, allowed_origins: AbstractSet[str]) -> None:
        """Origins are `scheme://host[:port]`; `*` allows all."""
        self._allowed = allowed_origins

    def headers(self, request: web.BaseRequest) -> dict[str, str]:
        """Empty for a request without an origin or from one that is not allowed."""
        origin = request.headers.get("Origin")
        if origin is None or not self._allowed & {origin, "*"}:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED,
            "Vary": "Origin",
        }

    def preflight(self, request: web.BaseRequest) -> web.Response:
        headers = self.headers(request)
        if not headers or "Access-Control-Request-Method" not in request.headers:
            return web.Response(status=403)
        return web.Response(
            status=204,
            headers={
                **headers,
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": request.headers.get(
                    "Access-Control-Request-Headers", ""
                ),
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            },
        )
