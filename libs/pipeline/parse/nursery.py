"""Starts parser children by way of the template process, and tells how each of them ended."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

import pipeline
from pipeline.errors import ParserCrashed

log = structlog.get_logger(__name__)

# Loading the parsers takes 2 s on an idle machine; a busy or cold one needs far longer.
READY_SECONDS = 120.0
STARTED_SECONDS = 30.0
# Nothing of the worker's environment, which holds secrets, reaches a process that handles
# hostile bytes.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended; a negative exit code is the signal that killed it."""

    exit_code: int
    memory_peak_bytes: int


@dataclass(slots=True)
class Newborn:
    """A child that waits for its first order."""

    serial: int
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: asyncio.Future[Ending]


class Nursery:
    """One template process; started again when it is found dead."""

    def __init__(self, scratch: Path, environment: Mapping[str, str]) -> None:
        self._scratch = scratch
        self._settings = environment  # all that the template is told besides
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._lost: subprocess.Popen[bytes] | None = None  # the template that said its last word
        self._serial = 0
        self._started: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[Ending]] = {}
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Returns when the parsers are loaded; raises ParserCrashed if they do not load."""
        async with self._starting:
            await self._start_template()

    async def close(self) -> None:
        """Ends the template and with it every child."""
        if self._writer is not None:
            self._writer.close()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._forget("the parser pool was closed")
        self._process = None

    async def give_birth(self, folder: Path) -> Newborn:
        """A fresh child, confined to `folder`; raises ParserCrashed if none can be had."""
        async with self._starting:
            if self._process is None or self._is_gone(self._process):
                log.warning("parser.template_restarted")
                await self._start_template()
            self._serial += 1
            if self._control is None:
                raise ParserCrashed("the parsers could not be loaded")
            return await self._start_child(self._control, self._serial, folder)

    def _is_gone(self, template: subprocess.Popen[bytes]) -> bool:
        return template is self._lost or template.poll() is not None

    def kill(self, serial: int) -> None:
        """At once, if it still lives; `ended` of the child tells when it is gone."""
        if self._writer is not None and not self._writer.is_closing() and serial in self._ended:
            self._writer.write(orjson.dumps({"kill": serial}) + b"\n")

    async def _start_template(self) -> None:
        self._forget("the parser template ended")
        ours, theirs = socket.socketpair()
        try:
            self._process = self._spawn_template(theirs.fileno())
        finally:
            theirs.close()
        self._ready = asyncio.get_running_loop().create_future()
        self._control = ours
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._listener = asyncio.create_task(
            self._listen(reader, self._process), name="parser-template"
        )
        await self._within(READY_SECONDS, self._ready, "the parsers could not be loaded")

    def _spawn_template(self, control: int) -> subprocess.Popen[bytes]:
        # Unlike asyncio's subprocesses, Popen needs no child watcher, whatever thread the event
        # loop is in; and starting one program takes milliseconds.
        return subprocess.Popen(  # noqa: S603  our own interpreter and our own module
            [sys.executable, "-s", "-m", "pipeline.parse.template", str(control)],
            pass_fds=(control,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            cwd=self._scratch,
            start_new_session=True,  # Ctrl-C in a terminal is for the worker alone
        )

    def _environment(self) -> dict[str, str]:
        library = Path(next(iter(pipeline.__path__))).parent
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PYTHONPATH": str(library),
            "PYTHONSAFEPATH": "1",  # the working directory is no place to import from
            "PYTHONUTF8": "1",
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "MALLOC_ARENA_MAX": "2",  # an arena for each thread would eat the address space
            "OPENBLAS_NUM_THREADS": "1",  # a process that forks had better have one thread
            "HF_HUB_OFFLINE": "1",
            **self._settings,
        }

    async def _start_child(self, control: socket.socket, serial: int, folder: Path) -> Newborn:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        started: asyncio.Future[int] = loop.create_future()
        ended: asyncio.Future[Ending] = loop.create_future()
        self._started[serial], self._ended[serial] = started, ended
        message = orjson.dumps({"start": serial, "folder": str(folder)}) + b"\n"
        try:
            socket.send_fds(control, [message], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise ParserCrashed("no parser process could be started") from error
        finally:
            theirs.close()
        try:
            pid = await self._within(STARTED_SECONDS, started, "no parser process could be started")
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            self.kill(serial)
            ours.close()
            raise
        return Newborn(serial, pid, reader, writer, ended)

    async def _within(self, seconds: float, future: "asyncio.Future[Any]", failure: str) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as error:
            raise ParserCrashed(failure) from error

    async def _listen(self, reader: asyncio.StreamReader, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ConnectionError):  # how a killed template's socket may end
            while line := await reader.readline():
                self._note(orjson.loads(line))
        self._lost = process  # while another thread waits for it, `poll` does not tell
        process.kill()
        await asyncio.to_thread(process.wait)
        if self._process is process:  # or else its successor has taken over already
            self._forget("the parser template ended")

    def _note(self, message: dict[str, Any]) -> None:
        """One report of the template."""
        if "ready" in message and self._ready is not None:
            self._ready.set_result(None)
        elif "started" in message:
            started = self._started.pop(message["started"])
            if not started.done():
                started.set_result(message["pid"])
        elif "ended" in message:
            ending = Ending(message["exit_code"], message["memory_peak"])
            ended = self._ended.pop(message["ended"])
            if not ended.done():
                ended.set_result(ending)

    def _forget(self, why: str) -> None:
        """Whoever waits for the template waits no longer."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(ParserCrashed(why))
        for started in self._started.values():
            if not started.done():
                started.set_exception(ParserCrashed(why))
        for ended in self._ended.values():
            if not ended.done():
                ended.set_result(Ending(exit_code=-9, memory_peak_bytes=0))
        self._started.clear()
        self._ended.clear()


def new_folder(scratch: Path) -> Path:
    """A child's own folder."""
    return Path(tempfile.mkdtemp(prefix="child-", dir=scratch))
