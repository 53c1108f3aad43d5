"""`status`: one line per part."""

import time

from .layout import REPOSITORY, Layout
from .state import PartRecord, Phase, StackState, is_locked

HEADINGS = ("PART", "STATE", "PID", "PORT", "UPTIME", "LOG")
MINUTE, HOUR, DAY = 60, 3600, 86_400


def print_status(layout: Layout) -> int:
    """0 when every part is ready, 1 otherwise."""
    state = StackState.read(layout.state)
    supervised = is_locked(layout.supervisor_lock)
    alive = {
        name for name, record in state.parts.items()
        if record.identity and record.identity.process()
    }  # fmt: skip
    if not supervised and not alive:
        print(f"nothing runs{': ' + state.problem if state.problem else ''}")
        return 1
    rows = [
        HEADINGS,
        *(
            _row(name, record, running=name in alive, supervised=supervised)
            for name, record in state.parts.items()
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
    if not supervised:
        print("the supervisor is gone and nothing is restarted: run 'make up'")
    return 0 if supervised and state.phase is Phase.RUNNING and state.settled else 1


def _row(name: str, record: PartRecord, *, running: bool, supervised: bool) -> tuple[str, ...]:
    unsupervised = "alone" if running else "dead"
    shown = str(record.state) if supervised else unsupervised
    if record.restarts:
        shown += f" ({record.restarts} restart{'s' if record.restarts > 1 else ''})"
    pid = str(record.identity.pid) if record.identity and running else "-"
    uptime = (
        _duration(time.time() - record.identity.started) if pid != "-" and record.identity else "-"
    )
    log = record.log.removeprefix(f"{REPOSITORY}/")
    return name, shown, pid, str(record.port or "-"), uptime, log


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
