"""What is printed, and how: for a person at a terminal, for a pipe, or as JSON.

At a terminal lists are tables. In a pipe they are lines with tabs between the fields and nothing
else, so that `cut`, `sort` and `while read` work. With `--json` each item is an object on a line.
Complaints go to the standard error.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sluice.async_client import AsyncClient
from sluice.decoding import encode
from sluice.errors import SluiceError

LINE_BREAKS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command is told."""

    profile: str | None
    as_json: bool
    quiet: bool

    def client(self) -> AsyncClient:
        client = AsyncClient(profile=self.profile)
        if client.configuration.warning and not self.quiet:
            complain(f"warning: {client.configuration.warning}")
        return client

    @property
    def interactive(self) -> bool:
        """Whether a person reads along at a terminal."""
        return sys.stdout.isatty() and not self.as_json and not self.quiet

    def item(self, value: object) -> None:
        print_json(value)

    def say(self, text: str) -> None:
        """A sentence for a person; nothing with --json or --quiet."""
        if not self.as_json and not self.quiet:
            print(text)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Of what was read already; nothing with --quiet."""
        if self.quiet:
            return
        if not self.interactive:
            for row in rows:
                print("\t".join(cell(value).translate(LINE_BREAKS) for value in row))
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in headings:
            # An identifier that is folded cannot be copied.
            table.add_column(heading, overflow="fold", no_wrap=heading in ("ID", "JOB"))
        for row in rows:
            table.add_row(*(escape(cell(value)) for value in row))
        Console().print(table)


def print_json(value: object) -> None:
    print(json.dumps(encode(value), ensure_ascii=False), flush=True)


def complain(text: str) -> None:
    print(f"sluice: {text}", file=sys.stderr)


def complain_of(error: SluiceError, settings: Settings) -> None:
    """Also with --quiet: why a command could not do anything."""
    fields: dict[str, Any] = {"type": "error", "code": error.code, "message": str(error)}
    request_id = getattr(error, "request_id", "")
    if settings.as_json:
        print(json.dumps({**fields, "request_id": request_id or None}), file=sys.stderr)
    else:
        complain(f"{error} ({error.code}{f', request {request_id}' if request_id else ''})")


def cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def duration(seconds: int | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
