"""`make demo`: what a client does, start to end, with nothing but HTTP.

Uploads the sample files, watches them until each is completed or failed, then searches them.
"""

import mimetypes
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from .errors import StackError
from .layout import REPOSITORY, Layout
from .options import layout_of
from .progress import ProgressBoard

SAMPLES = REPOSITORY / "tests" / "data" / "demo"
QUERIES = (
    "how long is the warranty on the oven",
    "what to do when the sourdough smells of acetone",
    "how many days of leave does everybody have",
)
HITS_SHOWN = 3
EXCERPT_CHARACTERS = 160
POLL_SECONDS = 0.3
WAIT_SECONDS = 1800.0  # some thousand pages on a small machine; a stack that hangs must not hold us
REQUEST_SECONDS = 60.0
BUSY_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds
FINISHED = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Upload:
    path: Path
    url: str
    method: str
    headers: dict[str, str]


def main(queries: list[str], files: list[str]) -> int:
    """Upload `files`, or the samples, and search for `queries`, or for what the samples answer."""
    try:
        public = read_env_file(layout_of(os.environ))
        with httpx.Client(
            base_url=public["SLUICE_API_URL"] + "/api/v1",
            headers={"Authorization": f"Bearer {public['SLUICE_API_KEY']}"},
            timeout=REQUEST_SECONDS,
            trust_env=False,  # a proxy has no business between two programs of one machine
        ) as api:
            return run(api, chosen(files), queries or ([] if files else list(QUERIES)))
    except httpx.ConnectError:
        return _complain("the API does not answer; run 'make up' first")
    except httpx.HTTPError as error:
        return _complain(f"the API did not answer as expected: {error}")
    except StackError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 130


def chosen(names: list[str]) -> list[Path]:
    """The files to upload. Raises StackError if there are none, or one cannot be read."""
    if not names:
        samples = SAMPLES.iterdir() if SAMPLES.exists() else ()
        files = sorted(path for path in samples if path.is_file())
        if not files:
            raise StackError(f"there are no sample files in {SAMPLES}")
        return files
    files = [Path(name).expanduser() for name in names]
    for path in files:
        if not path.is_file():
            raise StackError(f"there is no file {path}")
    return files


def run(api: httpx.Client, files: list[Path], queries: list[str]) -> int:
    """0 when every file was completed and every query found something."""
    dataset, uploads = create_dataset(api, files)
    print(f"dataset {dataset}: uploading {len(files)} files")
    for upload in uploads:
        put(upload)
    _answer(api.post(f"/datasets/{dataset}/uploads/complete"))
    documents = watch(api, dataset, len(files))
    failed = [document for document in documents if document["status"] != "completed"]
    for document in failed:
        print(f"failed: {document['file_name']}: {document['error_code']}: {document['error']}")
    found = [search(api, dataset, query) for query in queries]
    if not queries:
        print("Search them (after: source .local/env):")
        print(f"  {_curl(dataset)}")
    return 0 if all(found) and not failed else 1


def create_dataset(api: httpx.Client, files: list[Path]) -> tuple[str, list[Upload]]:
    described = [
        {
            "file_name": path.name,
            "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "size": path.stat().st_size,
        }
        for path in files
    ]
    name = f"demo {time.strftime('%Y-%m-%d %H:%M:%S')}"
    created = _answer(api.post("/datasets", json={"name": name, "files": described}))
    by_name = {path.name: path for path in files}
    uploads = [
        Upload(by_name[url["file_name"]], url["upload_url"], url["method"], url["headers"])
        for url in created["upload_urls"]
    ]
    return created["dataset"]["id"], uploads


def put(upload: Upload) -> None:
    """Straight to the store: the API never sees the bytes, and its key goes nowhere else."""
    with upload.path.open("rb") as file:
        size = str(upload.path.stat().st_size)
        response = httpx.request(
            upload.method,
            upload.url,
            headers={**upload.headers, "Content-Length": size},
            content=file,
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )
    if not response.is_success:
        raise StackError(
            f"upload of {upload.path.name} was refused: {response.status_code} {response.text}"
        )


def watch(api: httpx.Client, dataset: str, expected: int) -> list[dict[str, Any]]:
    """Show the progress until every file has an end; raises StackError after WAIT_SECONDS."""
    board = ProgressBoard(sys.stdout)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        documents = list(all_documents(api, dataset))
        board.show(documents)
        done = [document for document in documents if document["status"] in FINISHED]
        if len(done) == expected:
            return documents
        if time.monotonic() > deadline:
            raise StackError(
                f"{expected - len(done)} files are unfinished after {WAIT_SECONDS:.0f} s; "
                "see 'make status' and 'make logs PART=worker'"
            )
        time.sleep(POLL_SECONDS)


def all_documents(api: httpx.Client, dataset: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = _answer(
            _patiently(
                lambda params: api.get(f"/datasets/{dataset}/documents", params=params),
                {} if cursor is None else {"cursor": cursor},
            )
        )
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def search(api: httpx.Client, dataset: str, query: str) -> bool:
    """Print the best hits; False when there are none."""
    body = {"query": query, "limit": HITS_SHOWN, "mode": "hybrid"}
    found = _patiently(lambda asked: api.post(f"/datasets/{dataset}/search", json=asked), body)
    hits = _answer(found)["hits"]
    print(f"\n{query}?")
    for hit in hits:
        where = hit["file_name"] + (f", page {hit['page']}" if hit["page"] is not None else "")
        excerpt = passage(" ".join(hit["text"].split()), query)
        print(f"  {hit['score']:.3f}  {where}\n         {excerpt}")
    if not hits:
        print("  nothing found")
    return bool(hits)


def passage(text: str, query: str) -> str:
    """The stretch of the text that holds most of the query's longer words, for a person to read."""
    words = {word for word in query.lower().split() if len(word) > 3}
    starts = [0, *(place + 1 for place, sign in enumerate(text) if sign == " ")]
    best = max(
        starts,
        key=lambda start: (
            sum(word in text[start : start + EXCERPT_CHARACTERS].lower() for word in words),
            -start,
        ),
    )
    end = best + EXCERPT_CHARACTERS
    return ("… " if best else "") + text[best:end] + (" …" if end < len(text) else "")


def read_env_file(layout: Layout) -> Mapping[str, str]:
    if not layout.env.exists():
        raise StackError(f"{layout.env} is missing: run 'make up' first")
    words = shlex.split(layout.env.read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words if word != "export")


def _patiently(ask: Callable[[Any], httpx.Response], what: Any) -> httpx.Response:
    """Again where the api says that it is busy."""
    for pause in BUSY_PAUSES:
        response = ask(what)
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return response
        time.sleep(pause)
    return ask(what)


def _answer(response: httpx.Response) -> Any:
    if not response.is_success:
        raise StackError(
            f"{response.request.method} {response.request.url.path} answered "
            f"{response.status_code}: {_said(response)}"
        )
    return response.json() if response.content else None


def _said(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return str(problem.get("detail") or problem.get("title") or problem)
    except (ValueError, AttributeError):
        return response.text


def _curl(dataset: str) -> str:
    return (
        'curl -H "Authorization: Bearer $SLUICE_API_KEY" '
        f'"$SLUICE_API_URL/api/v1/datasets/{dataset}/search" '
        """-H 'Content-Type: application/json' -d '{"query": "what I want to know"}'"""
    )


def _complain(problem: str) -> int:
    print(f"sluice: demo: {problem}", file=sys.stderr)
    return 1
