"""Questions, and passages that answer them."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sluice.cli.options import dataset_option, runs
from sluice.cli.output import LINE_BREAKS, Settings, complain
from sluice.models import Hit, SearchResult

EXCERPT_CHARACTERS = 400  # some five lines
BEFORE_FIRST_WORD = 80


@click.command(short_help="Find passages.")
@click.argument("query")
@dataset_option(multiple=True, help="Where to look; repeatable. Everywhere if left out.")
@click.option("--limit", "-n", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--offset", type=click.IntRange(0, 999), default=0, help="Hits to skip.")
@click.option("--mode", type=click.Choice(["hybrid", "dense", "keyword"]), default="hybrid")
@click.option("--filter", "narrowed", metavar="JSON", help="As the API takes it.")
@click.option("--one-per-document", is_flag=True, help="Of each document its best passage.")
@click.option("--full", is_flag=True, help="Show passages whole, not an excerpt.")
@runs
async def search(
    settings: Settings,
    *,
    query: str,
    dataset: tuple[str, ...],
    limit: int,
    offset: int,
    mode: str,
    narrowed: str | None,
    one_per_document: bool,
    full: bool,
) -> None:
    """Find passages by meaning and by words. QUERY may be - to read it from the standard input.

    In a pipe a hit is a line: score, file, page, text. With --json the whole answer is one object.

    \b
    Examples:
      sluice search "how long is the warranty" --dataset papers
      sluice search "net revenue" -n 3 --filter '{"page": {"lte": 9}}'
      sluice search warranty --mode keyword | cut -f 2 | sort -u
      sluice search warranty --json | jq -r '.hits[].text'
    """
    asked = sys.stdin.read().strip() if query == "-" else query
    async with settings.client() as client:
        found = await client.search(
            asked,
            dataset=dataset or None,
            limit=limit,
            offset=offset,
            mode=mode,
            filter=_filter(narrowed),
            group_by="document" if one_per_document else None,
        )
    if settings.as_json:
        settings.item(found)
    elif settings.interactive:
        _show(found, first=offset + 1, full=full)
    elif not settings.quiet:
        for hit in found.hits:
            print(_line(hit))
    if not settings.quiet and not settings.as_json:
        for caveat in found.caveats:
            complain(f"{caveat.message} ({caveat.code})")


def _filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        narrowed = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--filter is no JSON: {error}") from error
    if not isinstance(narrowed, dict):
        raise click.UsageError("--filter must be an object")
    return narrowed


def _line(hit: Hit) -> str:
    page = "" if hit.page is None else str(hit.page)
    return "\t".join(
        text.translate(LINE_BREAKS) for text in (f"{hit.score:.3f}", hit.file_name, page, hit.text)
    )


def _show(found: SearchResult, *, first: int, full: bool) -> None:
    console = Console(highlight=False)
    for number, hit in enumerate(found.hits, start=first):
        heading = Text(f"{number:>2}. ", style="dim")
        heading.append(hit.file_name, style="bold cyan")
        heading.append(f"{_place(hit)}  {hit.score:.3f}", style="dim")
        console.print(heading)
        console.print(Padding(passage(hit, full=full), (0, 0, 1, 4)))
    if not found.hits:
        console.print("nothing found", style="dim")


def _place(hit: Hit) -> str:
    parts = []
    if hit.page is not None:
        parts.append(f"page {hit.page}")
    if hit.sheet is not None:
        parts.append(f"sheet {hit.sheet}")
    if hit.line is not None:
        parts.append(f"line {hit.line}")
    if hit.attachment is not None:
        parts.append(f"attachment {hit.attachment}")
    return "".join(f", {part}" for part in parts)


def passage(hit: Hit, *, full: bool) -> Text:
    """The text with the query's words set off; of a long one the stretch around the first."""
    text = Text(hit.text.translate(LINE_BREAKS))
    for place in hit.highlights:
        text.stylize("bold yellow", place.start, place.end)
    if not full and len(text) > EXCERPT_CHARACTERS:
        words = [place.start for place in hit.highlights]
        start = max(0, min(words, default=0) - BEFORE_FIRST_WORD)
        start = min(start, len(text) - EXCERPT_CHARACTERS)
        end = start + EXCERPT_CHARACTERS
        before, behind = ("… " if start else ""), (" …" if end < len(text) else "")
        text = Text.assemble(before, text[start:end], behind)
    return text
