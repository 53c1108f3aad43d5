"""The command `sluice` as people run it, against the real services."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from sluice import AsyncClient, Client, FileProgress
from sluice.models import Event
from sluice.uploading.files import collect
from sluice.uploading.uploader import Order
from support.product import Product

COMMAND_SECONDS = 240
PART_BYTES = 16 * 1024**2  # the smallest part that the api makes


class Shell:
    """Runs the command in processes of their own, with a home that nothing is in."""

    def __init__(self, product: Product, home: Path) -> None:
        names = ("PATH", "PYTHONPATH", "SLUICE_API_URL", "SLUICE_API_KEY")
        environment = {name: product.environment.get(name, "") for name in names}
        self._environment = {**environment, "HOME": str(home), "PYTHONUTF8": "1"}

    async def __call__(self, *arguments: str | Path) -> tuple[int, list[Any]]:
        """The exit code, and what was printed with --json."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sluice",
            *map(str, arguments),
            "--json",
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        assert process.returncode is not None
        return process.returncode, [json.loads(line) for line in out.splitlines()]


async def test_a_folder_is_uploaded_once_and_found(
    product: Product, samples: dict[str, bytes], tmp_path: Path
) -> None:
    shell, dataset = Shell(product, tmp_path / "home"), f"folder {uuid4().hex}"
    folder = tmp_path / "papers"
    (folder / "of the bakery").mkdir(parents=True)
    (folder / "of the bakery" / "handbook.md").write_bytes(samples["handbook.md"])
    (folder / "rota.tsv").write_bytes(samples["rota.tsv"])

    first, lines = await shell("upload", folder, "--dataset", dataset)
    second, again = await shell("upload", folder, "--dataset", dataset)
    (tmp_path / "home").rename(tmp_path / "another home")
    third, anew = await shell("upload", folder, "--dataset", dataset)
    searched, [answer] = await shell("search", "sourdough", "-d", dataset, "--mode", "keyword")
    watched, settled = await shell("watch", dataset)
    found = await asyncio.to_thread(search_by_library, product, dataset)

    assert (first, second, third, searched, watched) == (0, 0, 0, 0, 0)
    assert (lines[-1]["uploaded"], lines[-1]["failed"]) == (2, 0)
    assert {line["file_name"] for line in lines[:-1]} == {"of the bakery/handbook.md", "rota.tsv"}
    assert [(each[-1]["uploaded"], each[-1]["unchanged"]) for each in (again, anew)] == [(0, 2)] * 2
    assert answer["hits"][0]["file_name"] == "of the bakery/handbook.md"
    assert settled[-1]["dataset"]["searchable_count"] == 2
    assert found == [hit["chunk_id"] for hit in answer["hits"]]


def search_by_library(product: Product, dataset: str) -> list[str]:
    url, key = (product.environment[f"SLUICE_API_{name}"] for name in ("URL", "KEY"))
    with Client(url, key) as client:
        return [
            hit.chunk_id for hit in client.search("sourdough", dataset=dataset, mode="keyword").hits
        ]


async def test_a_file_that_fails_is_told_by_the_exit_code_and_can_be_retried(
    product: Product, tmp_path: Path
) -> None:
    shell, dataset = Shell(product, tmp_path / "home"), f"broken {uuid4().hex}"
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nand nothing of a PDF behind it")
    (tmp_path / "good.txt").write_text("It is all right.")

    code, lines = await shell(
        "upload", tmp_path / "broken.pdf", tmp_path / "good.txt", "--dataset", dataset
    )
    listed, failed = await shell("jobs", "--dataset", dataset, "--status", "failed")
    retried, orders = await shell("retry", "--dataset", dataset)

    ends = {line["file_name"]: line for line in lines[:-1]}
    assert code == 1
    assert ends["good.txt"]["state"] == "completed"
    assert (ends["broken.pdf"]["state"], listed, retried) == ("failed", 0, 0)
    assert [job["error_code"] for job in failed] == [ends["broken.pdf"]["error_code"]]
    assert [order["retried"] for order in orders] == [1]


async def test_a_large_file_goes_on_where_it_broke_off_and_its_end_is_told(
    product: Product, tmp_path: Path
) -> None:
    (tmp_path / "large.txt").write_bytes(b"It is the same again. ".ljust(PART_BYTES + 1000))
    files, order = collect([tmp_path / "large.txt"]), Order(parallel=1, large_bytes=PART_BYTES)
    sent: list[int] = []
    begun = asyncio.Event()

    def watch(file: FileProgress) -> None:
        sent.append(file.bytes_sent)
        if file.bytes_sent > PART_BYTES:  # the second part is under way
            begun.set()

    async with AsyncClient(
        product.environment["SLUICE_API_URL"],
        product.environment["SLUICE_API_KEY"],
        memory=tmp_path / "memory",
    ) as client:
        dataset = (await client.datasets.create("large")).id
        heard = asyncio.create_task(first_end(client, dataset))
        upload = asyncio.create_task(
            client.upload_files(files, dataset=dataset, order=order, on_progress=watch)
        )
        await begun.wait()
        upload.cancel()
        await asyncio.wait([upload])
        sent.clear()
        report = await client.upload_files(files, dataset=dataset, order=order, on_progress=watch)
        again = await client.upload_files(files, dataset=dataset, order=order)
        [document] = [each async for each in client.documents.list(dataset)]
        async with asyncio.timeout(COMMAND_SECONDS):
            event = await heard

    assert report.ok
    assert next(count for count in sent if count) >= PART_BYTES  # what was there already
    assert (document.size, document.searchable) == (PART_BYTES + 1000, True)
    assert (event.document_id, len(again.unchanged)) == (document.id, 1)


async def first_end(client: AsyncClient, dataset_id: str) -> Event:
    async for event in client.events(dataset_id=dataset_id):
        if isinstance(event, Event) and event.kind == "job.completed":
            return event
    raise AssertionError("events never end")
