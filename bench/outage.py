"""A dependency is away for minutes while documents arrive: what becomes of them, and at what price.

    make bench-alone NAME=outage ARGS='--part milvus --minutes 10 --files 200'

The files are uploaded evenly over the outage. Then the part comes back, and the clock runs until
every document is searchable.
"""

import argparse
import time

import httpx
from bench.rig import Rig, create_dataset, upload

LOOK_SECONDS = 0.5
GIVE_UP_SECONDS = 600.0


def ready(rig: Rig) -> str:
    report = httpx.get(f"{rig.url}/health/ready", timeout=10).json()
    breakers = ", ".join(
        f"{each['dependency']} since {each['open_since'][11:19]} ({each['error_code']})"
        for each in report["open_breakers"]
    )
    return f"{report['status']}; open: {breakers or 'none'}"


def jobs_of(client: httpx.Client, dataset: str) -> list[dict[str, object]]:
    jobs: list[dict[str, object]] = []
    cursor = ""
    while cursor is not None:
        page = client.get(f"/jobs?dataset_id={dataset}&limit=200{cursor and '&cursor=' + cursor}")
        jobs += page.raise_for_status().json()["items"]
        cursor = page.json()["next_cursor"]
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--part", default="milvus", choices=["milvus", "objects", "embeddings"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--files", type=int, default=200)
    options = parser.parse_args()
    pause = options.minutes * 60 / options.files
    with Rig(workers=1) as rig, rig.api() as client:
        dataset = create_dataset(client, "outage")
        upload(client, dataset, {"first.txt": b"Before the outage. " * 40})
        while not client.get(f"/datasets/{dataset}").json()["searchable_count"]:
            time.sleep(LOOK_SECONDS)
        rig.backends.kill(options.part)
        for number in range(options.files):
            if options.part != "objects":
                body = f"File {number} of the outage. ".encode() * 60
                upload(client, dataset, {f"{number}.txt": body})
            time.sleep(pause)
        print(f"at the end of the outage: {ready(rig)}", flush=True)
        rig.backends.start(options.part)
        began = time.perf_counter()
        expected = 1 + (options.files if options.part != "objects" else 0)
        first = None
        while time.perf_counter() - began < GIVE_UP_SECONDS:
            done = client.get(f"/datasets/{dataset}").json()["searchable_count"]
            if first is None and done > 1:
                first = time.perf_counter() - began
            if done == expected:
                break
            time.sleep(LOOK_SECONDS)
        took = time.perf_counter() - began
        time.sleep(2 * LOOK_SECONDS)  # the jobs end in the transaction of the switch
        jobs = jobs_of(client, dataset)
        print(
            f"{sum(job['status'] == 'completed' for job in jobs)} of {len(jobs)} jobs completed, "
            f"{sum(bool(job['retries']) for job in jobs)} with a try used up; first searchable "
            f"{first or 0:.1f} s after the return, all after {took:.1f} s; {ready(rig)}"
        )


if __name__ == "__main__":
    main()
