"""How many embedding requests many small files need, and how many when they are uploaded again.

    make bench-alone NAME=small_files ARGS='--files 2000'

Files of one chunk each are uploaded while nothing is indexed (the dataset is paused), so that they
arrive together. Then the same bytes are uploaded once more, and once more under other names.
"""

import argparse
import time

import httpx
from bench.rig import Rig, create_dataset, upload

LOOK_SECONDS = 0.2
GIVE_UP_SECONDS = 900.0
BATCH = 100


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument(
        "--at-once", type=int, default=200, help="jobs under way in the worker: a call's inputs"
    )
    options = parser.parse_args()
    settings = {
        "dramatiq_queue_prefetch": str(options.at_once),
        "SLUICE_ANNOUNCE_WINDOW": str(2 * options.at_once),  # the poller rings for no more
    }
    with Rig(workers=1, **settings) as rig, rig.api() as client:
        dataset = create_dataset(client, "small files")
        files = {f"{number}.txt": body(number) for number in range(options.files)}
        least = -(-options.files // BATCH)
        first = index(rig, client, dataset, files, searchable=options.files)
        print(
            f"{options.files} files: {first['requests']:.0f} requests (at best {least}) of "
            f"{first['inputs'] / max(first['requests'], 1):.0f} inputs, "
            f"{options.files / first['seconds']:.0f} files/s",
            flush=True,
        )
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
