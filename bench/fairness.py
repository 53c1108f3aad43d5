"""One file after ten thousand of somebody else's: how long it takes, and how long on an idle stack.

    make bench-alone NAME=fairness ARGS='--files 10000'

Both datasets belong to one tenant, the hardest case. The lone files are told of with
`uploads/complete`, so the queue in front of the intake is not measured: what is, is the way of a
job past a backlog.
"""

import argparse
import statistics
import time
from uuid import uuid4

import httpx
from bench.rig import Rig, create_dataset, upload

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 120.0


def lone_file(client: httpx.Client) -> float:
    """Seconds from the word that a file was uploaded to the end of its job."""
    dataset = create_dataset(client, "one")
    name = f"{uuid4().hex[:8]}.txt"
    upload(client, dataset, {name: f"The only file, {name}. ".encode() * 40})
    began = time.perf_counter()
    done = client.post(
        f"/datasets/{dataset}/uploads/complete", json={"files": [{"file_name": name}]}
    )
    [job] = done.raise_for_status().json()["jobs"]
    while time.perf_counter() - began < GIVE_UP_SECONDS:
        if client.get(f"/jobs/{job['task_id']}").json()["status"] == "completed":
            return time.perf_counter() - began
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"the lone file was not done after {GIVE_UP_SECONDS:.0f} s")


def documents(client: httpx.Client, dataset: str) -> tuple[int, int]:
    """How many have arrived, and how many of them are not searchable yet."""
    view = client.get(f"/datasets/{dataset}").raise_for_status().json()
    return view["document_count"], view["document_count"] - view["searchable_count"]


def show(title: str, seconds: list[float]) -> float:
    median = statistics.median(seconds)
    print(
        f"{title}: p50 {median:.3f} s, max {max(seconds):.3f} s ({len(seconds)} files)", flush=True
    )
    return median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=10_000, help="of the crowd")
    parser.add_argument("--lone", type=int, default=10, help="lone files to measure, each time")
    options = parser.parse_args()
    with Rig(workers=1) as rig, rig.api() as client:
        show("warming up", [lone_file(client) for _ in range(3)])
        idle = show("idle", [lone_file(client) for _ in range(options.lone)])
        crowd = create_dataset(client, "crowd")
        client.patch(f"/datasets/{crowd}", json={"paused": True}).raise_for_status()
        body = b"One of very many files. " * 40
        upload(client, crowd, {f"{number}.txt": body for number in range(options.files)})
        while documents(client, crowd)[0] < options.files:
            time.sleep(1)
        client.patch(f"/datasets/{crowd}", json={"paused": False}).raise_for_status()
        time.sleep(5)
        busy = show("behind the crowd", [lone_file(client) for _ in range(options.lone)])
        _, left = documents(client, crowd)
        print(f"still {left} files of the crowd unfinished; ratio of medians {busy / idle:.2f}")


if __name__ == "__main__":
    main()
