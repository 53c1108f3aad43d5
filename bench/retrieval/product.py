"""A collection through the whole product: a file for each passage, questions to the API."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import httpx
from bench.retrieval.collection import Collection
from bench.rig import create_dataset, upload

DEPTH = 100  # documents of a ranking: one answer's most
ASKED_AT_ONCE = 4
LOOK_SECONDS = 2.0


def ingest(api: httpx.Client, collection: Collection, *, give_up_seconds: float) -> str:
    """The dataset, once everything in it is searchable. A title is the file's first heading."""
    dataset = create_dataset(api, f"bench {collection.name}", chunking={"heading_prefix": True})
    files = {
        f"{number}.md": _file(collection, passage).encode()
        for number, passage in enumerate(collection.passages)
    }
    upload(api, dataset, files)
    began = time.monotonic()
    while time.monotonic() - began < give_up_seconds:
        found = api.get(f"/datasets/{dataset}").raise_for_status().json()
        if found["searchable_count"] + found["failed_count"] == len(files):
            if found["failed_count"]:
                raise SystemExit(f"{found['failed_count']} files could not be indexed")
            return dataset
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"{collection.name} was not searchable after {give_up_seconds:.0f} s")


def rankings(
    api: httpx.Client, dataset: str, collection: Collection, mode: str
) -> dict[str, Sequence[str]]:
    """The passages found for each question, best first."""
    passages = list(collection.passages)

    def ask(question: str) -> list[str]:
        body = {"query": question, "mode": mode, "limit": DEPTH, "group_by": "document"}
        answer = api.post(f"/datasets/{dataset}/search", json=body).raise_for_status().json()
        if answer["caveats"]:
            raise SystemExit(f"an answer has a caveat: {answer['caveats']}")
        return [passages[int(PurePosixPath(hit["file_name"]).stem)] for hit in answer["hits"]]

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        found = pool.map(ask, collection.queries.values())
        return dict(zip(collection.queries, found, strict=True))


def _file(collection: Collection, passage: str) -> str:
    title, text = collection.titles[passage], collection.passages[passage]
    return f"# {title}\n\n{text}\n" if title else f"{text}\n"
