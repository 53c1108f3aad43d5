"""Damages files in every way we know and shows how each ended.

    make bench-alone NAME=fuzz ARGS='--cases 2000 --seed 1 --corpus FOLDER'

Real parser children, short limits. A case is known by the seed and its number: `--case 17` runs
that one alone, and `--keep` leaves its file. Without a corpus the samples of the tests are damaged.
Ends with an error if a case ended without a type, or if a healthy neighbour came to harm.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.fuzz.run import Fuzzing, Results, make_case, seeds_in

SAMPLES = Path(__file__).parents[2] / "tests" / "data"
SHOWN = 10


def show(results: Results) -> None:
    total, slowest = results.ends.total(), sorted(results.slowest, reverse=True)
    for end, count in results.ends.most_common():
        print(f"{count:7}  {100 * count / total:5.1f} %  {end}")
    for title, lines in (
        ("crashes of a parser", results.crashes),
        ("slowest", [f"{spent:.1f} s: {what}" for spent, what in slowest[:SHOWN]]),
        ("FAULTS", results.faults),
    ):
        print(f"{title}: {len(lines)}", *lines, sep="\n  ")
    beside = sorted(results.neighbour_seconds)
    print(
        f"neighbour: {len(beside)} documents, median {beside[len(beside) // 2]:.3f} s,"
        f" 99 of 100 within {beside[len(beside) * 99 // 100]:.3f} s, longest {beside[-1]:.3f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--case", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, nargs="+", default=[SAMPLES])
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    seeds = seeds_in(arguments.corpus)
    numbers = range(arguments.cases) if arguments.case is None else [arguments.case]
    print(f"seed {arguments.seed}, {len(numbers)} cases of {len(seeds)} files", flush=True)
    if arguments.keep:
        for number in numbers:
            case = make_case(arguments.seed, number, seeds)
            Path(f"case-{case.name}").write_bytes(case.data)
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as folder:
        fuzzing = Fuzzing(Path(folder), seed=arguments.seed, seeds=seeds)
        results = asyncio.run(fuzzing.run(numbers))
    show(results)
    return 1 if results.faults else 0


if __name__ == "__main__":
    sys.exit(main())
