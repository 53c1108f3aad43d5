"""One large file through the whole product: how long until it is searchable, and in what memory?

    make bench-alone NAME=large ARGS='--size 100MB --format csv'

Markers stand at its beginning, in its middle and at its end; each must be found by its own words.
The embeddings are synthetic and cost nothing, so what is measured is everything else.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from bench.huge_files import FORMATS, bytes_of, write
from bench.rig import Rig, create_dataset

MARKERS = ("quagga", "thylacine", "moa")
LOOK_SECONDS = 1.0
SAY_EVERY_SECONDS = 15.0


def write_marked(path: Path, kind: str, size: int) -> int:
    """Three files of a third in one, with a row that holds a marker behind each; its size."""
    rows = {
        "csv": '0,{0},1,"where the {0} lived"\n',
        "jsonl": '{{"number": 0, "name": "{0}", "remark": "where the {0} lived"}}\n',
        "txt": "\n\nThe {0}: where the {0} lived.\n\n",
    }
    with path.open("wb") as whole:
        for marker in MARKERS:
            part = path.with_suffix(".part")
            write(part, kind, size // len(MARKERS), seed=1)
            whole.write(part.read_bytes())
            whole.write(rows[kind].format(marker).encode())
            part.unlink()
    return path.stat().st_size


def upload(client: httpx.Client, dataset: str, path: Path) -> None:
    wanted = [{"file_name": path.name, "size": path.stat().st_size}]
    answer = client.post(f"/datasets/{dataset}/uploads", json={"files": wanted})
    [url] = answer.raise_for_status().json()["upload_urls"]
    with path.open("rb") as body:
        httpx.put(url["upload_url"], headers=url["headers"], content=body, timeout=600)


def memory_of(rig: Rig) -> tuple[int, int]:
    """Resident bytes of the worker's largest process, and of its largest parser."""
    family = psutil.Process(rig.services["worker-1"].pid).children(recursive=True)
    sizes: dict[bool, int] = {True: 0, False: 0}
    for process in family:
        try:
            parses = "pipeline.parse.template" in process.cmdline()
            sizes[parses] = max(sizes[parses], process.memory_info().rss)
        except psutil.Error:
            continue
    return sizes[False], sizes[True]


def follow(client: httpx.Client, rig: Rig, dataset: str) -> tuple[dict[str, Any], int, int]:
    """The document once it is searchable or has failed, and the peaks until then."""
    worker = parser = 0
    began = said = time.monotonic()
    while True:
        now = memory_of(rig)
        worker, parser = max(worker, now[0]), max(parser, now[1])
        items = client.get(f"/datasets/{dataset}/documents").raise_for_status().json()["items"]
        if items and items[0]["status"] in ("completed", "failed"):
            return items[0], worker, parser
        if items and time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            print(
                f"  {said - began:.0f} s: {items[0]['status']}, {items[0]['progress']} %, "
                f"worker {now[0] / 2**20:.0f} MiB, parser {now[1] / 2**20:.0f} MiB",
                flush=True,
            )
        time.sleep(LOOK_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--size", type=bytes_of, default=bytes_of("100MB"))
    parser.add_argument("--format", choices=[f for f in FORMATS if f != "json"], default="csv")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="sluice-large-") as folder,
        Rig() as rig,
        rig.api() as client,
    ):
        path = Path(folder) / f"large.{arguments.format}"
        size = write_marked(path, arguments.format, arguments.size)
        dataset = create_dataset(client, "large")
        began = time.monotonic()
        upload(client, dataset, path)
        document, worker, child = follow(client, rig, dataset)
        spent = time.monotonic() - began
        print(
            f"{size / 1e6:.0f} MB of {arguments.format}: {document['status']} after {spent:.0f} s, "
            f"{document['chunk_count']} chunks ({document['chunk_count'] / spent:.0f} a second), "
            f"worker at most {worker / 2**20:.0f} MiB, parser {child / 2**20:.0f} MiB"
        )
        found = 0
        for marker in MARKERS:
            began = time.monotonic()
            question = {"query": f"where the {marker} lived", "limit": 3}
            answer = client.post(f"/datasets/{dataset}/search", json=question).raise_for_status()
            hit = any(marker in each["text"] for each in answer.json()["hits"])
            found += hit
            seconds = time.monotonic() - began
            print(f"{marker}: {'found' if hit else 'NOT FOUND'}, {1000 * seconds:.0f} ms")
    return 0 if found == len(MARKERS) and document["status"] == "completed" else 1


if __name__ == "__main__":
    raise SystemExit(main())
