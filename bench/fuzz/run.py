"""Runs damaged files through a pool, with a healthy neighbour beside them, and sorts the ends."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.fuzz.mutations import mutations_for

from pipeline.document import ParseSummary
from pipeline.errors import DocumentError, ParserCrashed, PermanentError
from pipeline.parse.limits import MIB, ParseLimits
from pipeline.parse.pool import Guest, ParserPool

LANES = 2  # cases at once
SEED_BYTES_MAX = 2 * MIB
WRONG_NAME_SHARE = 0.05
NEIGHBOUR_LINE, NEIGHBOUR_LINES = "The oven is preheated to 250 degrees.", 50
NEIGHBOUR = f"{NEIGHBOUR_LINE}\n\n" * NEIGHBOUR_LINES
NEIGHBOUR_CHARS = len(NEIGHBOUR) - 2 * (NEIGHBOUR_LINES - 1)  # what is between the blocks is not
NEIGHBOUR_PAUSE_SECONDS = 0.05
LIMITS = ParseLimits(
    memory_bytes=512 * MIB, wall_seconds=20, silence_seconds=10, cpu_seconds=8,
    scratch_bytes=64 * MIB, unpacked_bytes=256 * MIB,
)  # fmt: skip
FUZZER, BESIDE = Guest("fuzzer"), Guest("neighbour")


@dataclass(frozen=True, slots=True)
class Case:
    number: int
    origin: Path
    name: str  # that the file goes by
    how: str
    data: bytes


@dataclass(slots=True)
class Results:
    """`faults` are what must never be: an end without a type, silence, a neighbour's harm."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    neighbour_seconds: list[float] = field(default_factory=list)


def seeds_in(folders: Sequence[Path]) -> list[Path]:
    """The files to damage, in an order that does not depend on the disk."""
    found = (path for folder in folders for path in folder.rglob("*"))
    return sorted(p for p in found if p.is_file() and 0 < p.stat().st_size <= SEED_BYTES_MAX)


def make_case(seed: int, number: int, seeds: Sequence[Path]) -> Case:
    """The same case for the same seed, number and files; formats have equal shares."""
    draw = Random(f"{seed}:{number}")
    by_suffix: dict[str, list[Path]] = {}
    for path in seeds:
        by_suffix.setdefault(path.suffix.lower(), []).append(path)
    suffix = draw.choice(sorted(by_suffix))
    origin = draw.choice(by_suffix[suffix])
    other = draw.choice(by_suffix[suffix] if draw.random() < 0.7 else list(seeds)).read_bytes()
    data = origin.read_bytes()
    names = []
    for _ in range(draw.choice((1, 1, 1, 2))):
        mutation = draw.choice(mutations_for(data))
        data = mutation(draw, data, other)
        names.append(mutation.__name__)
    name = f"{number}{suffix}"
    if draw.random() < WRONG_NAME_SHARE:
        name = f"{number}{draw.choice(sorted(by_suffix))}"
    return Case(number, origin, name, "+".join(names), data)


class Fuzzing:
    """Cases of one seed through one pool; `folder` is for the files and the parsers' scratch."""

    def __init__(
        self, folder: Path, *, seed: int, seeds: Sequence[Path], limits: ParseLimits = LIMITS
    ) -> None:
        self.results = Results()
        self._folder = folder
        self._seed = seed
        self._seeds = seeds
        self._pool = ParserPool(children=LANES + 1, limits=limits, scratch=folder / "scratch")

    async def run(self, numbers: Iterable[int]) -> Results:
        """Every case of `numbers`."""
        await self._pool.start()
        try:
            beside = asyncio.create_task(self._neighbour())
            waiting = iter(numbers)
            async with asyncio.TaskGroup() as lanes:
                for _ in range(LANES):
                    lanes.create_task(self._lane(waiting))
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        finally:
            await self._pool.close()
        return self.results

    async def _lane(self, waiting: Iterator[int]) -> None:
        for number in waiting:
            case = await asyncio.to_thread(make_case, self._seed, number, self._seeds)
            path = self._folder / f"case-{number}"
            path.write_bytes(case.data)
            begun = time.monotonic()
            end = await self._end_of(path, case)
            self.results.ends[end] += 1
            self.results.slowest.append((time.monotonic() - begun, f"{_told(case)}: {end}"))
            path.unlink()

    async def _end_of(self, path: Path, case: Case) -> str:
        results = self.results
        try:
            characters, summary = await self._read(path, case.name, FUZZER)
        except (PermanentError, DocumentError) as error:
            if isinstance(error, ParserCrashed):
                results.crashes.append(f"{_told(case)}: {error.message}")
            if not error.advice:
                results.faults.append(f"{_told(case)}: {error.code} says nothing of what to do")
            return error.code
        except Exception as error:  # the very thing that is looked for
            results.faults.append(f"{_told(case)}: {type(error).__name__}: {error}")
            return f"UNTYPED {type(error).__name__}"
        if characters == 0 and not summary.warnings:
            results.faults.append(f"{_told(case)}: no text, and nothing said of it")
            return "SILENT"
        return " ".join(["completed", *summary.warnings])

    async def _neighbour(self) -> None:
        """A healthy document again and again: it must come through, whole and in its own time."""
        path = self._folder / "neighbour.txt"
        path.write_text(NEIGHBOUR, "utf-8")
        while True:
            begun = time.monotonic()
            try:
                characters, _ = await self._read(path, path.name, BESIDE)
            except (PermanentError, DocumentError) as error:
                self.results.faults.append(f"the neighbour ended in {error.code}")
            else:
                if characters != NEIGHBOUR_CHARS:
                    self.results.faults.append("the neighbour lost text")
            self.results.neighbour_seconds.append(time.monotonic() - begun)
            await asyncio.sleep(NEIGHBOUR_PAUSE_SECONDS)

    async def _read(self, path: Path, name: str, guest: Guest) -> tuple[int, ParseSummary]:
        """How many characters the blocks have, and what the parser says of the document."""
        async with self._pool.parse(
            path, file_name=name, content_type=None, guest=guest
        ) as parsing:
            characters = sum([len(b.text) async for blocks in parsing for b in blocks])
        return characters, parsing.summary


def _told(case: Case) -> str:
    return f"case {case.number} ({case.how} of {case.origin.name}, named {case.name})"
