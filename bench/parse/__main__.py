"""How well files are read: structure, speed, and whether every chunk stands where it says.

    make bench-alone NAME=parse ARGS='--corpus FOLDER'

The corpus is any folder. Where it holds a folder `sources` beside a folder `groundtruth` of
Markdown files of the same names (`report.docx.md`, or `paper.md` for `paper.pdf`), reading order,
tables and headings are scored from 0 to 1 against them, ours beside docling-rs's own Markdown.
Then every file below it goes through a parser child, is cut, and each chunk is looked up where it
says it stands. Seconds are of the processor, on one core. Ends with 1 if a figure is under the
floor that was asked for, or if any chunk is not what its offsets say.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from bench.parse.places import Places, places_of
from bench.parse.structure import Standing, standings

WORST_SHOWN = 5
FLOORS = ("order", "tables", "headings", "speed", "found")


def show_structure(found: dict[str, Standing]) -> None:
    print(f"{'':8}{'':>6}  {'order':^15}{'tables':^15}{'headings':^15}{'pages/s':>9}{'ms/file':>9}")
    print(f"{'format':8}{'files':>6}  " + f"{'ours':>6} {'docling':<8}" * 3)
    for name, standing in found.items():
        ours, theirs = standing.ours, standing.theirs
        cells = "".join(
            f"{_figure(getattr(ours, what).value):>6} {_figure(getattr(theirs, what).value):<8}"
            for what in ("order", "tables", "headings")
        )
        seconds = max(standing.cpu_seconds, 1e-9)
        pace = f"{standing.pages / seconds:.0f}" if name == "pdf" else "-"
        failed = f"  {standing.failed} without a block" if standing.failed else ""
        milliseconds = 1000 * seconds / standing.documents
        print(f"{name:8}{standing.documents:6}  {cells}{pace:>9}{milliseconds:9.1f}{failed}")


def show_places(places: Places) -> None:
    refused = ", ".join(f"{code} {count}" for code, count in sorted(places.refused.items()))
    print(f"files: {places.files}; refused: {refused or 'none'}")
    print(f"chunks: {places.chunks}; offsets wrong: {places.misplaced}")
    print(
        f"chunks of PDFs: {places.of_pdfs}; without a page: {places.off_page}; without a box: "
        f"{places.without_box}; words in their box: {100 * places.share_found:.1f} %"
    )
    for share, where in sorted(places.shares)[:WORST_SHOWN]:
        print(f"  {100 * share:5.1f} %  {where}")


def below(floors: dict[str, float | None], found: dict[str, Standing], places: Places) -> list[str]:
    """What is under its floor; order, tables, headings and speed are those of PDFs."""
    figures: dict[str, float | None] = {"found": places.share_found}
    if (pdf := found.get("pdf")) is not None:
        figures |= {what: getattr(pdf.ours, what).value for what in ("order", "tables", "headings")}
        figures["speed"] = pdf.pages / max(pdf.cpu_seconds, 1e-9)
    return [
        f"{what}: {_figure(figures.get(what))}, not {floor}"
        for what, floor in floors.items()
        if floor is not None and (figures.get(what) or 0.0) < floor
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--corpus", type=Path, required=True, help="the folder of files")
    parser.add_argument("--each", action="store_true", help="print the scores of every file")
    parser.add_argument("--no-places", action="store_true", help="leave out the look-up of chunks")
    for floor in FLOORS:
        parser.add_argument(f"--{floor}-min", type=float, dest=floor)
    arguments = parser.parse_args()
    if not arguments.corpus.is_dir():
        parser.error(f"there is no folder {arguments.corpus}")
    found = standings(arguments.corpus, each=arguments.each)
    if found:
        show_structure(found)
    else:
        print("no folder `groundtruth` beside a folder `sources`: nothing to score")
    places = Places()
    if not arguments.no_places:
        places = asyncio.run(places_of(arguments.corpus))
        show_places(places)
    faults = below({floor: getattr(arguments, floor) for floor in FLOORS}, found, places)
    if places.misplaced or places.off_page:
        faults.append(f"chunks out of place: {places.misplaced + places.off_page}")
    for fault in faults:
        print("UNDER ITS FLOOR", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
