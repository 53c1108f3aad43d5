"""Nothing lost, nothing doubled: the whole product under drawn faults, compared with a quiet run.

    make chaos                              a drawn seed, 100 faults, 500 files
    make chaos SEED=7 FAULTS=200 FILES=120  all of it chosen; SEED='1 2 3' runs several

It starts servers and processes of its own, and ends with 0 only if nothing differs.
"""

import argparse
import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stack.backends import Backends

from .run import Machine, run_seed
from .system import small_disks_work

SEEDS = 1_000_000
CLOCK_SOURCE = Path(__file__).with_name("clock.c")
HARD_SECONDS, HARD_SECONDS_A_FAULT, HARD_SECONDS_A_FILE = 900, 4, 3


def clock_library(folder: Path) -> Path | None:
    """The means to set one process's clock wrong; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "clock.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(CLOCK_SOURCE), "-ldl"]
    built = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return library if built.returncode == 0 else None


async def run_all(arguments: argparse.Namespace, machine: Machine) -> bool:
    """Whether every seed ended as in quiet."""
    began = time.monotonic()

    def tell(line: str) -> None:
        if arguments.verbose or not line.startswith(" "):
            print(f"{time.monotonic() - began:6.1f} {line}", flush=True)

    well = True
    limit = (
        HARD_SECONDS
        + HARD_SECONDS_A_FAULT * arguments.faults
        + HARD_SECONDS_A_FILE * arguments.files
    )
    for seed in arguments.seed or [random.randrange(SEEDS)]:
        report = await run_seed(
            machine,
            seed,
            files=arguments.files,
            faults=arguments.faults,
            seconds_max=limit,
            tell=tell,
        )
        for line in report.lines():
            print(line, flush=True)
        well = well and report.ok
    return well


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.chaos", description=__doc__.split("\n\n", maxsplit=1)[0]
    )
    parser.add_argument("--seed", type=int, nargs="*", help="by default drawn, and printed")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep logs and data there")
    parser.add_argument("--verbose", action="store_true", help="tell every fault")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    ledger = folder / "embedded"
    ledger.touch()
    probe = folder / "disk"
    probe.mkdir(exist_ok=True)
    try:
        extra = {"SLUICE_EMBEDDINGS_LEDGER": str(ledger)}
        with Backends(folder / "servers", embeddings="synthetic", extra=extra) as backends:
            backends.start_all()
            machine = Machine(
                backends, folder, ledger, small_disks_work(probe), clock_library(folder)
            )
            return 0 if asyncio.run(run_all(arguments, machine)) else 1
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
