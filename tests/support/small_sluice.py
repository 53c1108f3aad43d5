"""A server as small as can be that answers a client as Sluice and its bucket do.

It indexes everything that is announced at once, files whose names begin with `bad` fail. Faults are
lists of answers that come before the right one, by the end of a request's path.
"""

import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import WSMsgType, web

from sluice import Retries
from stack.ports import LOOPBACK

AT = "2026-11-25T12:00:00+00:00"
PART_BYTES = 1000
KEY = "sluice_test"
QUICK = Retries(attempts=4, first_seconds=0.01, longest_seconds=0.02)


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


@dataclass
class Fault:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


class SmallSluice:
    def __init__(
        self, *, multipart: bool = True, sockets: list[list[dict[str, Any]]] | None = None
    ):
        """`sockets`: the frames of each connection in turn; without it there is no socket."""
        self.url = ""
        self.multipart = multipart
        self.sockets = sockets
        self.paged: list[dict[str, Any]] = []
        self.cursors: list[str | None] = []
        self.seen: list[Seen] = []
        self.faults: dict[str, list[Fault]] = {}
        self.datasets: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self._ids = 0

    def requests(self, method: str, end: str) -> list[Seen]:
        return [each for each in self.seen if each.method == method and each.path.endswith(end)]

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._watch], client_max_size=10**8)
        root = "/api/v1"
        app.router.add_post(f"{root}/datasets", self._create)
        app.router.add_get(f"{root}/datasets", self._list)
        app.router.add_get(f"{root}/datasets/{{id}}", self._get)
        app.router.add_get(f"{root}/datasets/{{id}}/documents", self._list_documents)
        app.router.add_get(f"{root}/datasets/{{id}}/documents/{{document}}", self._get_document)
        app.router.add_post(f"{root}/datasets/{{id}}/uploads", self._sign)
        app.router.add_post(f"{root}/datasets/{{id}}/uploads/complete", self._complete)
        app.router.add_put("/bucket/{name:.+}", self._put)
        parts = f"{root}/datasets/{{id}}/uploads/multipart"
        if self.multipart:
            app.router.add_post(parts, self._begin)
            app.router.add_post(f"{parts}/parts", self._sign_parts)
            app.router.add_get(f"{parts}/parts", self._list_parts)
            app.router.add_post(f"{parts}/complete", self._join)
            app.router.add_post(f"{parts}/abort", self._abort)
            app.router.add_put("/part/{number}", self._put_part)
        if self.sockets is not None:
            app.router.add_get(f"{root}/datasets/{{id}}/events", self._events)
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if "upgrade" not in request.headers.get("Connection", "").lower():
            body: Any = await request.read()
            if body and request.content_type == "application/json":
                body = await request.json()
            self.seen.append(Seen(request.method, request.path, dict(request.headers), body))
        for end, faults in self.faults.items():
            if request.path.endswith(end) and faults:
                fault = faults.pop(0)
                return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        if (
            request.path.startswith("/api/")
            and request.headers.get("Authorization") != f"Bearer {KEY}"
        ):
            return _problem(401, "unauthenticated")
        try:
            answer: web.StreamResponse = await handler(request)
            return answer
        except web.HTTPException as error:
            return _problem(error.status, "unknown_path")

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        dataset = self._dataset(self._id(), body["name"])
        self.datasets[dataset["id"]] = dataset
        return web.json_response({"dataset": dataset, "upload_urls": []}, status=201)

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"items": list(self.datasets.values()), "next_cursor": None})

    async def _get(self, request: web.Request) -> web.Response:
        found = self.datasets.get(request.match_info["id"])
        return _problem(404, "dataset_not_found") if found is None else web.json_response(found)

    async def _list_documents(self, _: web.Request) -> web.Response:
        return web.json_response({"items": list(self.documents.values()), "next_cursor": None})

    async def _get_document(self, request: web.Request) -> web.Response:
        wanted = request.match_info["document"]
        [found] = [each for each in self.documents.values() if each["id"] == wanted]
        return web.json_response(found)

    async def _sign(self, request: web.Request) -> web.Response:
        files = (await request.json())["files"]
        refused = [
            {"field": f"files.{index}.file_name", "message": "must not contain backslashes"}
            for index, file in enumerate(files)
            if "\\" in file["file_name"]
        ]
        if refused:
            return _problem(400, "invalid_request", errors=refused)
        urls = [
            {
                "file_name": file["file_name"],
                "object_key": file["file_name"],
                "upload_url": f"{self.url}/bucket/{file['file_name']}",
                "method": "PUT",
                "headers": {"Content-Length": str(file["size"])},
            }
            for file in files
        ]
        return web.json_response({"upload_urls": urls}, status=201)

    async def _put(self, request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        body = await request.read()
        digest = hashlib.md5(body, usedforsecurity=False)
        assert b64decode(request.headers["Content-MD5"]) == digest.digest()
        self.objects[request.match_info["name"]] = body
        return web.Response(headers={"ETag": f'"{digest.hexdigest()}"'})

    async def _complete(self, request: web.Request) -> web.Response:
        dataset_id = request.match_info["id"]
        names = [file["file_name"] for file in (await request.json())["files"]]
        jobs = [
            self._index(dataset_id, name, _md5(self.objects[name]), len(self.objects[name]))
            for name in names
        ]
        return web.json_response({"jobs": jobs, "missing": []}, status=202)

    async def _begin(self, request: web.Request) -> web.Response:
        body = await request.json()
        answer = {
            "upload_id": "upload-1",
            "file_name": body["file_name"],
            "object_key": body["file_name"],
            "part_bytes": PART_BYTES,
            "part_count": -(-body["size"] // PART_BYTES),
        }
        return web.json_response(answer, status=201)

    async def _sign_parts(self, request: web.Request) -> web.Response:
        numbers = (await request.json())["numbers"]
        parts = [
            {"number": n, "url": f"{self.url}/part/{n}", "method": "PUT", "headers": {}}
            for n in numbers
        ]
        return web.json_response({"parts": parts})

    async def _list_parts(self, _: web.Request) -> web.Response:
        items = [
            {"number": number, "etag": _md5(body), "size": len(body)}
            for number, body in self.parts.items()
        ]
        return web.json_response({"items": items, "next_cursor": None})

    async def _put_part(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.parts[int(request.match_info["number"])] = body
        return web.Response(headers={"ETag": f'"{_md5(body)}"'})

    async def _join(self, request: web.Request) -> web.Response:
        given = await request.json()
        bodies = [self.parts[part["number"]] for part in given["parts"]]
        assert [part["etag"] for part in given["parts"]] == [_md5(body) for body in bodies]
        name, body = given["file_name"], b"".join(bodies)
        digests = b"".join(bytes.fromhex(_md5(part)) for part in bodies)
        self.objects[name] = body
        job = self._index(
            request.match_info["id"], name, f"{_md5(digests)}-{len(bodies)}", len(body)
        )
        return web.json_response({"jobs": [job], "missing": []}, status=202)

    async def _abort(self, _: web.Request) -> web.Response:
        self.parts.clear()
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert self.sockets is not None
        if "Upgrade" not in request.headers:
            items, self.paged = self.paged, []
            return web.json_response({"items": items, "next_cursor": "99"})
        if not self.sockets:
            return _problem(403, "no_sockets_here")
        self.cursors.append(request.query.get("cursor"))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in self.sockets.pop(0):
            if "close" in frame:
                await socket.close(code=frame["close"])
                return socket
            await socket.send_json(frame)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    def _index(self, dataset_id: str, name: str, etag: str, size: int) -> dict[str, Any]:
        failed = name.startswith("bad")
        before = self.documents.get(name)
        ended = {
            "file_name": name,
            "dataset_id": dataset_id,
            "object_key": name,
            "status": "failed" if failed else "completed",
            "progress": 100,
            "task_id": self._id(),
            "error_code": "document_corrupt" if failed else None,
            "error": "it is broken" if failed else None,
            "created_at": AT,
            "updated_at": AT,
        }
        self.documents[name] = {
            **ended,
            "id": before["id"] if before else self._id(),
            "searchable": not failed,
            "chunk_count": 1,
            "size": size,
            "etag": etag,
        }
        job = {"reason": "upload", "retries": 0, "attempts": 1, "chunks_done": 1, "tokens": 1}
        return {**ended, **job, "document_id": self.documents[name]["id"], "priority": 0}

    def _dataset(self, dataset_id: str, name: str) -> dict[str, Any]:
        return {
            "id": dataset_id,
            "name": name,
            "status": "ready",
            "progress": 100,
            "document_count": 0,
            "searchable_count": 0,
            "failed_count": 0,
            "chunk_count": 0,
            "priority": 0,
            "paused": False,
            "tenant_paused": False,
            "chunking": {"strategy": "recursive", "size": 1000, "overlap": 200},
            "created_at": AT,
            "updated_at": AT,
        }

    def _id(self) -> str:
        self._ids += 1
        return str(UUID(int=self._ids))


@asynccontextmanager
async def serving(server: SmallSluice) -> AsyncIterator[SmallSluice]:
    runner = web.AppRunner(server.app(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    server.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def _problem(status: int, code: str, **more: Any) -> web.Response:
    body = {"status": status, "code": code, "title": code, "detail": code, "request_id": "r1"}
    return web.json_response({**body, **more}, status=status)


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
