"""The verbs of the launcher: up, down, clean, and the supervisor that `up` leaves behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress

import psutil

from .credentials import Credentials
from .environment import write_env_file
from .errors import PortTaken, StackError
from .layout import REPOSITORY, Layout, set_aside_large_log
from .leftovers import end_leftovers
from .options import Options, fingerprint
from .part import Part
from .ports import becomes_free
from .processes import Identity, taken_port_message
from .state import SETTLED, Phase, StackState, is_locked, lock_held
from .supervisor import Supervisor

POLL_SECONDS = 0.1
OTHER_COMMAND_SECONDS = 300.0  # a first start may take three minutes
SUPERVISOR_SECONDS = 10.0  # to write its first note
RECOVERY_SECONDS = 60.0  # for a running stack in which a part is just being started again
DOWN_SECONDS = 90.0  # the longest grace of a worker, twice over
NAME_WIDTH = 12


def up(options: Options) -> None:
    """Start what is asked for, or see that it runs; return when every part is ready."""
    layout = options.layout
    _create(layout)
    with _one_command_at_a_time(layout):
        credentials = Credentials.load_or_create(layout.secrets)
        parts = options.parts(credentials)
        write_env_file(layout.env, options.public(credentials))  # it may be all that is missing
        if not _already_runs(layout, fingerprint(parts)):
            _refuse_taken_ports(layout, parts)
            _start_supervisor(options)
            _follow_start(layout)
    _print_summary(options, credentials)


def _already_runs(layout: Layout, wanted: str) -> bool:
    """True when the stack runs as wanted; otherwise nothing of it runs afterwards."""
    state = StackState.read(layout.state)
    if is_locked(layout.supervisor_lock):
        if state.fingerprint == wanted and state.phase is Phase.RUNNING:
            _wait_until_settled(layout)
            return True
        print("settings have changed: starting the stack anew")
        _stop(layout)
    elif ended := end_leftovers(layout, state):
        print(f"ended what an earlier run left: {', '.join(ended)}")
    return False


def _refuse_taken_ports(layout: Layout, parts: Sequence[Part]) -> None:
    """Before anything starts: a stack that fails half-way is harder to understand."""
    for part in parts:
        for port in part.ports:
            if not becomes_free(port):
                raise PortTaken(taken_port_message(part, port, layout.log(part.name)))


def supervise(options: Options) -> int:
    layout = options.layout
    with lock_held(
        layout.supervisor_lock, seconds=0, complaint="supervisor: another one already runs"
    ):
        parts = options.parts(Credentials.load_or_create(layout.secrets))
        identity = Identity.of(os.getpid())
        return Supervisor(parts, layout, identity=identity, fingerprint=fingerprint(parts)).run()


def down(layout: Layout) -> None:
    if not layout.run.exists():
        print("nothing runs")
        return
    with _one_command_at_a_time(layout):
        print("stopped" if _stop(layout) else "nothing runs")


def clean(layout: Layout) -> None:
    """Stop everything and remove data, logs and secrets."""
    down(layout)
    if layout.root.exists():
        shutil.rmtree(layout.root)
        print(f"removed {layout.root}")


def _create(layout: Layout) -> None:
    try:
        layout.create()
        if not os.access(layout.run, os.W_OK):
            raise PermissionError
    except OSError as error:
        raise StackError(
            f"cannot write to {layout.root} (it may belong to another user, or the disk is full)"
        ) from error


def _one_command_at_a_time(layout: Layout) -> AbstractContextManager[None]:
    return lock_held(
        layout.command_lock,
        seconds=OTHER_COMMAND_SECONDS,
        complaint="another 'make up' or 'make down' is still at work here",
    )


def _start_supervisor(options: Options) -> None:
    layout = options.layout
    layout.state.unlink(missing_ok=True)
    log = layout.log("supervisor")
    set_aside_large_log(log)
    command = [sys.executable, "-m", "stack", "supervise", "--workers", str(options.workers)]
    if options.backends_only:
        command.append("--backends-only")
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + SUPERVISOR_SECONDS
    while not (layout.state.exists() and is_locked(layout.supervisor_lock)):
        if supervisor.poll() is not None or time.monotonic() > deadline:
            raise StackError(f"supervisor did not start; see {log}")
        time.sleep(POLL_SECONDS)


def _follow_start(layout: Layout) -> None:
    """Print each part as it becomes ready. Every wait ends: each part has its own time limit."""
    began = time.monotonic()
    shown: set[str] = set()
    while True:
        alive = is_locked(layout.supervisor_lock)  # asked first: its last words are read after
        state = StackState.read(layout.state)
        for name, record in state.parts.items():
            if name not in shown and record.state in SETTLED:
                shown.add(name)
                seconds = time.monotonic() - began
                print(f"  {name:<{NAME_WIDTH}} {record.state:<6} {seconds:5.1f} s", flush=True)
        if state.phase is Phase.RUNNING:
            return
        if not alive:
            raise StackError(state.problem or f"supervisor ended; see {layout.log('supervisor')}")
        time.sleep(POLL_SECONDS)


def _wait_until_settled(layout: Layout) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not (state := StackState.read(layout.state)).settled:
        if time.monotonic() > deadline:
            name, record = next(
                (name, record)
                for name, record in state.parts.items()
                if record.state not in SETTLED
            )
            raise StackError(f"{name} is {record.state}: {record.detail}; see {record.log}")
        time.sleep(POLL_SECONDS)


def _stop(layout: Layout) -> bool:
    """False when nothing ran."""
    state = StackState.read(layout.state)
    ran = is_locked(layout.supervisor_lock)
    if ran and state.supervisor is not None and (process := state.supervisor.process()):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while is_locked(layout.supervisor_lock) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        with suppress(psutil.NoSuchProcess):
            process.kill()  # only one that hangs is still there
    leftovers = end_leftovers(layout, StackState.read(layout.state))
    return ran or bool(leftovers)


def _print_summary(options: Options, credentials: Credentials) -> None:
    public = options.public(credentials)
    if options.backends_only:
        print(f"the servers run; their addresses: source {shown_path(options.layout)}")
        return
    url = public["SLUICE_API_URL"]
    print(f"""
  console  {url}
  API key  {public["SLUICE_API_KEY"]}  (the console asks for it, once)
  docs     {url}/docs

Next:
  make demo                      upload the sample files, watch them, search them
  source {shown_path(options.layout)}
  .venv/bin/sluice upload my.pdf --dataset papers
  .venv/bin/sluice search 'what is it about' --dataset papers
  curl -H "Authorization: Bearer $SLUICE_API_KEY" "$SLUICE_API_URL/api/v1/datasets"
  make logs                      follow every log (make logs PART=worker for one)
  make status                    what runs, where, since when
  make down                      stop; the data stays (make clean removes it)""")


def shown_path(layout: Layout) -> str:
    """The env file as one types it: relative where it can be, quoted where it must be."""
    path = layout.env
    text = str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
    return f"'{text}'" if " " in text else text
