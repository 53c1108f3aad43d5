"""A file that kills its parser every time: what its neighbours notice.

    make bench-alone NAME=poison ARGS='--files 60'

Lone files are indexed one after another, first in peace, then while poisoned files are being tried,
and each time the seconds from the word of the upload to the end of the job are taken.
"""

import argparse
import statistics
import time

import httpx
from bench.fairness import lone_file
from bench.rig import Rig, create_dataset, upload

# Millions of tags: the parser's tree needs many times the file's size.
POISON = b"<html><body>" + b"<p><b>x</b>" * 1_500_000
PARSER_MEMORY = 400 * 1024 * 1024
POISONED = 4
PAUSE_SECONDS = 0.3


def latencies(client: httpx.Client, count: int) -> list[float]:
    seconds = []
    for _ in range(count):
        seconds.append(lone_file(client).done)
        time.sleep(PAUSE_SECONDS)
    return seconds


def show(title: str, seconds: list[float]) -> float:
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(f"{title}: p50 {statistics.median(seconds):.3f} s, p95 {p95:.3f} s", flush=True)
    return p95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=60)
    count = parser.parse_args().files
    memory = {"SLUICE_PARSER_MEMORY": str(PARSER_MEMORY), "SLUICE_RETRY_DELAYS": "2,4,8"}
    with Rig(workers=1, **memory) as rig, rig.api() as client:
        latencies(client, 3)
        peace = show("in peace", latencies(client, count))
        poisoned = create_dataset(client, "poisoned")
        upload(client, poisoned, {f"{number}.html": POISON for number in range(POISONED)})
        beside = show("beside poisoned files", latencies(client, count))
        ends = [
            (document["status"], document["error_code"])
            for document in client.get(f"/datasets/{poisoned}/documents").json()["items"]
        ]
        print(f"ratio of p95 {beside / peace:.2f}; the poisoned files: {sorted(set(ends))}")


if __name__ == "__main__":
    main()
