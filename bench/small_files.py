"""How many embedding requests many small files need, and how fast they are indexed.

    make bench-alone NAME=small_files ARGS='--files 2000'

Files of one chunk each are uploaded while nothing is indexed (the dataset is paused), so that they
arrive together, at one worker with the settings of `make up`. The floor beside it is what remains
if nothing is done but storing: a plain client that inserts the same rows into the same server, a
hundred a request and four requests under way. Then the same bytes are uploaded once more, and once
more under other names.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from bench.rig import Rig, create_dataset, upload
from pymilvus import MilvusClient

from pipeline.store import collection

LOOK_SECONDS = 0.2
GIVE_UP_SECONDS = 900.0
BATCH = 100
IN_FLIGHT = 4
FLOOR = "floor_of_small_files"


def body(number: int) -> bytes:
    return f"File {number} has one chunk, and says what no other says: {number * 7919}.".encode()


def wait(client: httpx.Client, dataset: str, *, searchable: int) -> float:
    """Seconds until so many documents are searchable and no job is under way."""
    began = time.perf_counter()
    while time.perf_counter() - began < GIVE_UP_SECONDS:
        counts = client.get(f"/datasets/{dataset}").raise_for_status().json()
        tenant = client.get("/tenant").raise_for_status().json()
        under_way = tenant["queued_count"] + tenant["processing_count"]
        if counts["searchable_count"] >= searchable and not under_way:
            return time.perf_counter() - began
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"not indexed after {GIVE_UP_SECONDS:.0f} s: {counts}")


def index(
    rig: Rig, client: httpx.Client, dataset: str, files: dict[str, bytes], *, searchable: int
) -> dict[str, float]:
    """What indexing these took, from the moment when all of them are there."""
    before = rig.switch_embeddings()
    client.patch(f"/datasets/{dataset}", json={"paused": True}).raise_for_status()
    upload(client, dataset, files)
    while client.get("/tenant").json()["queued_count"] < len(files):
        time.sleep(LOOK_SECONDS)
    client.patch(f"/datasets/{dataset}", json={"paused": False}).raise_for_status()
    seconds = wait(client, dataset, searchable=searchable)
    after = rig.switch_embeddings()
    return {
        "seconds": seconds,
        **{name: after[name] - before[name] for name in ("requests", "inputs")},
    }


def floor(rig: Rig) -> float:
    """Rows a second that a plain client inserts of those that are there."""
    uri = rig.environment["MILVUS_URI"]
    client = MilvusClient(uri=uri, token=rig.environment.get("MILVUS_TOKEN", ""))
    [name] = client.list_collections()
    rows = stored(client, name)
    dimensions = len(rows[0]["dense"])
    client.create_collection(FLOOR, schema=collection.schema(dimensions))
    client.create_index(FLOOR, collection.indexes())
    client.load_collection(FLOOR)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        began = time.perf_counter()
        list(threads.map(lambda batch: client.insert(FLOOR, batch), batches))
        seconds = time.perf_counter() - began
    client.drop_collection(FLOOR)
    client.close()
    return len(rows) / seconds


def stored(client: MilvusClient, name: str) -> list[dict[str, Any]]:
    """All rows of a collection, as they were written."""
    fields = [*collection.STORED_FIELDS, "tokens", "dense"]
    rows: list[dict[str, Any]] = []
    last = ""
    while True:
        page = client.query(name, filter=f'id > "{last}"', output_fields=fields, limit=500)
        if not page:
            return rows
        page.sort(key=lambda row: str(row["id"]))
        last = page[-1]["id"]
        rows += [{field: _plain(row[field]) for field in fields} for row in page]


def _plain(value: Any) -> Any:
    return list(value) if not isinstance(value, str | int | float | dict) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--once", action="store_true", help="without the uploads that cost nothing")
    options = parser.parse_args()
    with Rig(workers=1) as rig, rig.api() as client:
        dataset = create_dataset(client, "small files")
        files = {f"{number}.txt": body(number) for number in range(options.files)}
        least = -(-options.files // BATCH)
        first = index(rig, client, dataset, files, searchable=options.files)
        rate = options.files / first["seconds"]
        print(
            f"{options.files} files of one chunk: {first['requests']:.0f} requests (at best "
            f"{least}) of {first['inputs'] / max(first['requests'], 1):.0f} texts, "
            f"{rate:.1f} chunks/s",
            flush=True,
        )
        plain = floor(rig)
        print(
            f"floor: a plain client inserts the same rows at {plain:.1f} chunks/s "
            f"({rate / plain:.0%} of it reached)",
            flush=True,
        )
        if options.once:
            return
        again = index(rig, client, dataset, files, searchable=options.files)
        print(f"uploaded again: {again['requests']:.0f} requests", flush=True)
        copies = {f"copy of {name}": content for name, content in files.items()}
        copied = index(rig, client, dataset, copies, searchable=2 * options.files)
        spent = client.get("/usage", params={"dataset_id": dataset}).json()["total"]
        print(
            f"under other names: {copied['requests']:.0f} requests; "
            f"{spent['tokens']} tokens paid, about {spent['tokens_saved']} saved"
        )


if __name__ == "__main__":
    main()
