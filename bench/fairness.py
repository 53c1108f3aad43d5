"""One file after ten thousand of somebody else's: how long it takes, and how long on an idle stack.

    make bench-alone NAME=fairness ARGS='--files 10000'

Both datasets belong to one tenant, the hardest case. The lone files are told of with
`uploads/complete`, so the queue in front of the intake is not measured: what is, is the way of a
job past a backlog.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx
from bench.rig import Rig, create_dataset, upload

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 120.0
LOOKS = "sluice_announcer_tick_seconds_count"
LOOK_TIME = "sluice_announcer_tick_seconds_sum"


@dataclass(frozen=True, slots=True)
class Lone:
    """Seconds from the word that a file was uploaded: to its claim by a worker, and to its end."""

    claimed: float
    done: float


def lone_file(client: httpx.Client) -> Lone:
    dataset = create_dataset(client, "one")
    name = f"{uuid4().hex[:8]}.txt"
    upload(client, dataset, {name: f"The only file, {name}. ".encode() * 40})
    began = time.perf_counter()
    answer = client.post(
        f"/datasets/{dataset}/uploads/complete", json={"files": [{"file_name": name}]}
    )
    [job] = answer.raise_for_status().json()["jobs"]
    while time.perf_counter() - began < GIVE_UP_SECONDS:
        view = client.get(f"/jobs/{job['task_id']}").json()
        if view["status"] == "completed":
            done = time.perf_counter() - began
            began_at, ended_at = (
                datetime.fromisoformat(view[each]) for each in ("started_at", "finished_at")
            )
            return Lone(done - (ended_at - began_at).total_seconds(), done)
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"the lone file was not done after {GIVE_UP_SECONDS:.0f} s")


def documents(client: httpx.Client, dataset: str) -> tuple[int, int]:
    """How many have arrived, and how many of them are not searchable yet."""
    view = client.get(f"/datasets/{dataset}").raise_for_status().json()
    return view["document_count"], view["document_count"] - view["searchable_count"]


def show(title: str, files: list[Lone]) -> float:
    median = statistics.median(each.done for each in files)
    print(
        f"{title}: p50 {median:.3f} s, max {max(each.done for each in files):.3f} s "
        f"({len(files)} files; until a worker has it p50 "
        f"{statistics.median(each.claimed for each in files):.3f} s)",
        flush=True,
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
        looks = rig.metric(LOOKS), rig.metric(LOOK_TIME)
        busy = show("behind the crowd", [lone_file(client) for _ in range(options.lone)])
        looks = rig.metric(LOOKS) - looks[0], rig.metric(LOOK_TIME) - looks[1]
        print(f"the announcer's look at the jobs: mean {1000 * looks[1] / looks[0]:.0f} ms")
        _, left = documents(client, crowd)
        print(f"still {left} files of the crowd unfinished; ratio of medians {busy / idle:.2f}")


if __name__ == "__main__":
    main()
