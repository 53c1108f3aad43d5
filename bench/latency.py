"""How long after the end of its upload a one-page text file is searchable, on the idle stack.

    make up && make bench NAME=latency ARGS='--files 20'

Each file is uploaded alone, by a presigned URL, and looked for with the keyword search every 20 ms
until it is the answer. The clock starts when the PUT has been answered. Nothing tells the service
that the upload is done: the event does.
"""

import argparse
import os
import statistics
import sys
import time
from datetime import timedelta
from uuid import uuid4

import httpx

LOOK_EVERY = timedelta(milliseconds=20)
GIVE_UP = timedelta(seconds=60)
PAUSE_BETWEEN = timedelta(seconds=3)  # so that every upload finds the stack idle


def page(word: str) -> bytes:
    """About 2,000 characters, one of the words unique."""
    sentence = "The keeper of the lighthouse writes down wind and weather three times a day. "
    return (sentence * 13 + f"The word of the day is {word}. " + sentence * 12).encode()


def measure(api: httpx.Client, bucket: httpx.Client, dataset: str) -> float:
    """Seconds from the answered upload to the first search that finds it."""
    word = f"word{uuid4().hex[:12]}"
    body = page(word)
    files = [{"file_name": f"{word}.txt", "size": len(body), "content_type": "text/plain"}]
    answer = api.post(f"/datasets/{dataset}/uploads", json={"files": files}).raise_for_status()
    [url] = answer.json()["upload_urls"]
    bucket.put(url["upload_url"], headers=url["headers"], content=body).raise_for_status()
    began = time.perf_counter()
    question = {"query": word, "mode": "keyword", "limit": 1}
    while time.perf_counter() - began < GIVE_UP.total_seconds():
        hits = api.post(f"/datasets/{dataset}/search", json=question).raise_for_status().json()
        if hits["hits"]:
            return time.perf_counter() - began
        time.sleep(LOOK_EVERY.total_seconds())
    sys.exit(f"{word}.txt was not searchable after {GIVE_UP.total_seconds():.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=20, metavar="N", help="uploads to measure")
    count = parser.parse_args().files
    api = httpx.Client(
        base_url=f"{os.environ['SLUICE_API_URL']}/api/v1",
        headers={"Authorization": f"Bearer {os.environ['SLUICE_API_KEY']}"},
        timeout=30,
    )
    with api, httpx.Client(timeout=30) as bucket:
        made = api.post("/datasets", json={"name": "bench latency"}).raise_for_status().json()
        dataset = made["dataset"]["id"]
        seconds = []
        for number in range(count):
            time.sleep(PAUSE_BETWEEN.total_seconds())
            seconds.append(measure(api, bucket, dataset))
            print(f"{number + 1:3} of {count}: {seconds[-1]:.3f} s")
        api.delete(f"/datasets/{dataset}").raise_for_status()
    seconds.sort()
    print(
        f"searchable after upload, {count} files one by one: "
        f"p50 {statistics.median(seconds):.3f} s, "
        f"min {seconds[0]:.3f} s, max {seconds[-1]:.3f} s"
    )


if __name__ == "__main__":
    main()
