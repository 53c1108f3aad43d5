"""What one part of the stack is: how to start it, when it is ready, what it waits for."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .probes import Probe


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Part:
    """A long-running program or, with `once`, a step that is ready when it has ended with 0."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]  # the whole of it, not an addition
    ready: Probe = field(default=lambda: None)
    ports: tuple[int, ...] = ()  # must be free before it starts; the first is shown in the table
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing  # before every start: folders, first-time set-up
    once: bool = False
    # One that ends is told of at once; a machine that is busy may need minutes for the imports.
    ready_seconds: float = 240.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
