"""The process in the background that starts the parts in order and keeps them running.

Each part has a thread of its own, which starts it when what it needs is ready, starts it again when
it ends, and stops it when all that need it have stopped. A part that fails while the stack starts
stops the whole stack; one that fails later is started again for as long as it takes.
"""

import signal
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from .errors import PartFailed, StackError
from .layout import Layout
from .part import Part
from .processes import Identity, Service, ending
from .state import PartRecord, PartState, Phase, StackState, StateFile

WATCH_SECONDS = 0.2
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 10.0
STEADY_SECONDS = 60.0  # a part that ran this long starts over with the first pause


class Supervisor:
    def __init__(
        self, parts: Sequence[Part], layout: Layout, *, identity: Identity, fingerprint: str
    ) -> None:
        self._services = [Service(part, layout.log(part.name)) for part in parts]
        self._ready = {part.name: threading.Event() for part in parts}
        self._stopped = {part.name: threading.Event() for part in parts}
        self._dependents = {
            part.name: [other.name for other in parts if part.name in other.needs] for part in parts
        }
        self._stopping = threading.Event()
        self._started = False
        self._problem = ""
        self._file = StateFile(
            layout.state,
            StackState(
                phase=Phase.STARTING,
                fingerprint=fingerprint,
                supervisor=identity,
                parts={part.name: PartRecord.of(part, layout.log(part.name)) for part in parts},
            ),
        )

    def run(self) -> int:
        """Until SIGTERM or SIGINT, or a failed start. The exit code of the process."""
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop_signal, lambda *_: self.stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that started it may close
        return self.keep_running()

    def stop(self) -> None:
        """Let `keep_running` stop every part and return."""
        self._stopping.set()

    def keep_running(self) -> int:
        """The same without signals, which only a main thread can receive."""
        threads = [
            threading.Thread(target=self._keep, args=(service,), name=service.part.name)
            for service in self._services
        ]
        for thread in threads:
            thread.start()
        while not self._stopping.wait(WATCH_SECONDS):
            if not self._started and all(event.is_set() for event in self._ready.values()):
                self._started = True
                self._file.phase(Phase.RUNNING)
                _note("every part is ready")
        if not self._problem:
            self._file.phase(Phase.STOPPING)
        for thread in threads:
            thread.join()
        self._file.phase(Phase.FAILED if self._problem else Phase.STOPPED, self._problem)
        _note(self._problem or "every part has stopped")
        return 1 if self._problem else 0

    def _keep(self, service: Service) -> None:
        part = service.part
        try:
            if self._wait_for(part.needs):
                self._run(service)
        except Exception as error:  # the outermost loop of this thread: nobody else would know
            self._fail(f"{part.name}: {type(error).__name__}: {error}; see {service.log}")
        finally:
            self._stopping.wait()
            for dependent in self._dependents[part.name]:
                self._stopped[dependent].wait()
            try:
                service.terminate()
            except Exception as error:  # those that it depends on wait for the event below
                _note(f"{part.name}: {type(error).__name__}: {error}")
            finally:
                self._file.part(part.name, PartState.STOPPED, identity=None)
                self._stopped[part.name].set()

    def _wait_for(self, needs: Sequence[str]) -> bool:
        """False when the stack stops first."""
        for needed in needs:
            while not self._ready[needed].wait(WATCH_SECONDS):
                if self._stopping.is_set():
                    return False
        return not self._stopping.is_set()

    def _run(self, service: Service) -> None:
        name = service.part.name
        pause = BACKOFF_FIRST_SECONDS
        restarts = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._start(service)
                if service.part.once:
                    return
                reason = self._watch(service)
            except StackError as error:
                if not self._started:
                    self._fail(str(error))
                    return
                reason = str(error)
                service.kill()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = BACKOFF_FIRST_SECONDS
            restarts += 1
            _note(f"{name}: {reason}; starting it again in {pause} s (restart {restarts})")
            self._file.part(
                name, PartState.RESTARTING, identity=None, restarts=restarts, detail=reason
            )
            self._stopping.wait(pause)
            pause = min(pause * 2, BACKOFF_MAX_SECONDS)

    def _start(self, service: Service) -> None:
        name = service.part.name
        began = time.monotonic()
        self._file.part(name, PartState.STARTING)
        service.start()
        self._file.part(name, PartState.STARTING, identity=service.identity)
        service.wait_ready(cancelled=self._stopping.is_set)
        if self._stopping.is_set():
            return
        _note(f"{name}: ready after {time.monotonic() - began:.1f} s")
        if service.part.once:
            self._file.part(name, PartState.DONE, identity=None)
        else:
            self._file.part(name, PartState.READY)
        self._ready[name].set()

    def _watch(self, service: Service) -> str:
        """Return when it has ended, with the reason, or when the stack stops."""
        while not self._stopping.wait(WATCH_SECONDS):
            code = service.exit_code
            if code is not None:
                service.kill()  # children of a dead program hold its ports and its work
                if not self._started:
                    raise PartFailed(f"{service.part.name} {ending(code)}; see {service.log}")
                return ending(code)
        return "the stack stops"

    def _fail(self, problem: str) -> None:
        if not self._problem and not self._stopping.is_set():
            self._problem = problem
            _note(problem)
        self._stopping.set()


def _note(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}", flush=True)
