"""Documents through real parser children: streaming, limits, faults, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from pipeline.document import Block, ParseSummary
from pipeline.errors import (
    DocumentEncrypted,
    ParserCrashed,
    ParserOutOfMemory,
    ParserScratchFull,
    ParserTimeout,
    PipelineError,
    UnsupportedType,
)
from pipeline.parse.canonical import canonical_text
from pipeline.parse.limits import MIB, ParseLimits
from pipeline.parse.pool import ParserPool

DATA = Path(__file__).parents[2] / "data"
DEMO = DATA / "demo"
TEXT = "Harbour rye takes thirty hours.\n\n" * 40_000
# Seconds of work that yield nothing and need no memory.
SLOW_JSON = "[" + "null," * 8_000_000 + "null]"


OpenPool = Callable[..., Awaitable[ParserPool]]


@pytest.fixture
async def open_pool(tmp_path: Path) -> AsyncIterator[OpenPool]:
    """Starts pools with the limits that a test asks for, and closes them."""
    pools: list[ParserPool] = []

    async def start(*, children: int = 1, documents: int = 50, **limits: float) -> ParserPool:
        pool = ParserPool(
            children=children,
            limits=ParseLimits(**limits),  # type: ignore[arg-type]  # each test names its own
            documents_per_child=documents,
            scratch=tmp_path / "scratch",
        )
        pools.append(pool)
        await pool.start()
        return pool

    yield start
    for pool in pools:
        await pool.close()


async def read(
    pool: ParserPool, path: Path, name: str | None = None
) -> tuple[list[Block], ParseSummary]:
    async with pool.parse(path, file_name=name or path.name, content_type=None) as parsing:
        blocks = [block async for batch in parsing for block in batch]
    return blocks, parsing.summary


def parser_children() -> set[int]:
    """The process ids of the children of the one pool that a test has open."""
    templates = [
        process
        for process in psutil.Process().children()
        if "pipeline.parse.template" in process.cmdline()
    ]
    return {child.pid for template in templates for child in template.children()}


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


async def gone(pids: set[int]) -> None:
    """Returns when none of the processes lives; fails after ten seconds."""
    async with asyncio.timeout(10):
        while any(map(is_running, pids)):  # noqa: ASYNC110  a process of others has no event
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_a_long_file_arrives_in_order_and_whole(open_pool: OpenPool, tmp_path: Path) -> None:
    pool = await open_pool()
    path = written(tmp_path / "long.txt", TEXT)

    blocks, _ = await read(pool, path)

    assert canonical_text(blocks) == TEXT


async def test_a_warm_child_reads_a_page_of_text_in_a_few_milliseconds(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool()
    path = written(tmp_path / "page.txt", TEXT[:2_000])
    await read(pool, path)

    seconds = []
    for _ in range(20):
        begun = time.perf_counter()
        await read(pool, path)
        seconds.append(time.perf_counter() - begun)

    assert sorted(seconds)[10] < 0.05  # 1 ms on an idle machine


async def test_a_child_stops_producing_while_nobody_reads(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool()
    path = written(tmp_path / "long.txt", TEXT * 20)

    async with pool.parse(path, file_name="long.txt", content_type=None) as parsing:
        batches = aiter(parsing)
        await anext(batches)
        (pid,) = parser_children()
        async with asyncio.timeout(10):
            while psutil.Process(pid).status() != psutil.STATUS_SLEEPING:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.01)
        used = psutil.Process(pid).cpu_times().user
        await asyncio.sleep(0.3)

        assert psutil.Process(pid).cpu_times().user - used < 0.05


async def test_as_many_documents_as_children_are_read_at_once_and_the_rest_wait(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(children=2)
    path = written(tmp_path / "page.txt", TEXT[:50_000])

    results = await asyncio.gather(*(read(pool, path) for _ in range(8)))

    assert {summary.char_count for _, summary in results} == {50_000}
    assert len(parser_children()) == 2


async def test_a_child_is_replaced_after_its_share_of_documents(open_pool: OpenPool) -> None:
    pool = await open_pool(documents=2)
    first = parser_children()

    await read(pool, DEMO / "welcome.txt")
    after_one = parser_children()
    await read(pool, DEMO / "welcome.txt")
    await gone(first)
    await read(pool, DEMO / "welcome.txt")

    assert after_one == first
    assert parser_children().isdisjoint(first)


@pytest.mark.parametrize(
    ("path", "error"),
    [(DATA / "encrypted.pdf", DocumentEncrypted), (Path(sys.executable), UnsupportedType)],
    ids=["encrypted", "program"],
)
async def test_a_verdict_on_a_document_costs_no_child(
    open_pool: OpenPool, path: Path, error: type[PipelineError]
) -> None:
    pool = await open_pool()
    before = parser_children()

    with pytest.raises(error):
        await read(pool, path, "report.pdf")
    await read(pool, DEMO / "welcome.txt")

    assert parser_children() == before


async def test_a_document_that_needs_too_much_memory_is_stopped(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(memory_bytes=300 * MIB)
    items = ",".join(f'{{"number": {n}, "name": "loaf"}}' for n in range(900_000))
    path = written(tmp_path / "line.jsonl", f"[{items}]\n[]\n")

    with pytest.raises(ParserOutOfMemory):
        await read(pool, path)

    _, summary = await read(pool, DEMO / "welcome.txt")
    assert summary.char_count > 0


async def test_what_a_parser_writes_is_counted_as_a_whole(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(scratch_bytes=4 * MIB)
    path = written(tmp_path / "slow.json", SLOW_JSON)
    [folder] = (tmp_path / "scratch").glob("parsers-*/child-*")

    async def read_and_write() -> None:
        async with pool.parse(path, file_name="slow.json", content_type=None) as parsing:
            for number in range(3):  # none of them above the limit
                (folder / f"left-{number}").write_bytes(os.urandom(2 * MIB))
            async for _ in parsing:
                pass

    with pytest.raises(ParserScratchFull):
        await read_and_write()

    _, summary = await read(pool, DEMO / "welcome.txt")
    assert summary.char_count > 0


async def test_one_file_that_a_parser_writes_is_cut_off_by_the_kernel(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(scratch_bytes=MIB)
    path = tmp_path / "wide.html"  # its parser is given it as UTF-8, in a file
    path.write_text(f"<html><body>{'<p>rye</p>' * 200_000}</body></html>", "utf-16")

    with pytest.raises(ParserScratchFull):
        await read(pool, path)


@pytest.mark.parametrize(
    "limits",
    [{"silence_seconds": 0.2}, {"wall_seconds": 0.2}, {"cpu_seconds": 1}],
    ids=["silence", "wall", "processor"],
)
async def test_a_document_that_takes_too_long_is_stopped(
    open_pool: OpenPool, tmp_path: Path, limits: dict[str, float]
) -> None:
    pool = await open_pool(**limits)
    path = written(tmp_path / "slow.json", SLOW_JSON)
    before = parser_children()

    with pytest.raises(ParserTimeout):
        await read(pool, path)

    await gone(before)


async def test_a_child_that_is_killed_fails_its_document_and_not_the_next(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool()
    path = written(tmp_path / "long.txt", TEXT)

    async def read_and_kill() -> None:
        async with pool.parse(path, file_name="long.txt", content_type=None) as parsing:
            async for _ in parsing:
                for pid in parser_children():
                    os.kill(pid, signal.SIGKILL)

    with pytest.raises(ParserCrashed):
        await read_and_kill()

    _, summary = await read(pool, path)
    assert summary.char_count == len(TEXT)


async def test_the_pool_survives_the_death_of_its_template(open_pool: OpenPool) -> None:
    pool = await open_pool()
    (child,) = parser_children()
    template = psutil.Process(child).parent()
    assert template is not None

    template.kill()
    await gone({child, template.pid})

    _, summary = await read(pool, DEMO / "welcome.txt")
    assert summary.char_count > 0


async def test_leaving_early_kills_the_child_at_once(open_pool: OpenPool, tmp_path: Path) -> None:
    pool = await open_pool()
    path = written(tmp_path / "long.txt", TEXT)
    before = parser_children()

    async with pool.parse(path, file_name="long.txt", content_type=None) as parsing:
        await anext(aiter(parsing))

    await gone(before)
    _, summary = await read(pool, path)
    assert summary.char_count == len(TEXT)


async def test_a_cancelled_reader_leaves_no_child_at_work(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool()
    path = written(tmp_path / "slow.json", SLOW_JSON)
    before = parser_children()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await read(pool, path)

    await gone(before)


async def test_closing_removes_every_process_and_every_file(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(children=2)
    children = parser_children()

    await pool.close()

    await gone(children)
    assert list((tmp_path / "scratch").iterdir()) == []


OWNER = """
import asyncio, sys
from pathlib import Path
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool

async def main():
    pool = ParserPool(children=2, limits=ParseLimits(), scratch=Path(sys.argv[1]))
    await pool.start()
    print("ready", flush=True)
    async with pool.parse(Path(sys.argv[2]), file_name="slow.json", content_type=None) as parsing:
        async for _ in parsing:
            pass

asyncio.run(main())
"""


async def test_children_die_with_a_worker_that_is_killed_and_its_files_go_at_the_next_start(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    path = written(tmp_path / "slow.json", SLOW_JSON)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "scratch"), str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    family = {process.pid for process in psutil.Process(owner.pid).children(recursive=True)}

    owner.kill()
    owner.wait()

    assert len(family) == 3
    await gone(family)
    await open_pool()
    assert len(list((tmp_path / "scratch").glob("parsers-*[!k]"))) == 1


async def test_a_child_inherits_no_secret(
    open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "of-the-worker")
    await open_pool()

    (child,) = parser_children()

    assert "R2_SECRET_ACCESS_KEY" not in psutil.Process(child).environ()
