"""The servers behind the product, started by a test session or a bench in a folder of their own.

    with Backends() as backends:
        backends.start_all()
        environment = backends.environment()
        backends.kill("valkey")
        backends.start("valkey")

Nothing runs until it is asked for. Everything ends with the `with` block and, by the leash, also
when the caller is killed.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from . import servers, standins
from .credentials import Credentials
from .environment import DEFAULT_MODEL, inherited_environment, public_environment
from .errors import PartFailed
from .layout import Layout, last_lines
from .leash import Leash
from .part import Part
from .ports import Ports
from .processes import Service
from .services import BACKENDS

SYNTHETIC_MODEL = "synthetic"  # the name under which the server declares made-up vectors

EmbeddingsMode = Literal["model", "synthetic"]


def backend_parts(
    ports: Ports,
    credentials: Credentials,
    layout: Layout,
    inherited: Mapping[str, str],
    *,
    mode: str,
    model: str,
    durable: bool,
) -> list[Part]:
    public = public_environment(ports, credentials, layout, model=model)
    return [
        servers.postgres(ports, credentials, layout, inherited, durable=durable),
        servers.valkey(ports, credentials, layout, inherited),
        servers.milvus(ports, layout, inherited),
        servers.objects(ports, credentials, layout, inherited),
        standins.cloudflare(ports, layout, public, inherited),
        standins.embeddings(ports, layout, public, inherited, mode=mode, model=model),
    ]


class Backends:
    """Parts are named as in `BACKENDS`. Methods may be called from several threads."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        embeddings: EmbeddingsMode = "synthetic",
        model: str = DEFAULT_MODEL,
        extra: Mapping[str, str] | None = None,
        durable: bool = False,
    ) -> None:
        """`extra` are variables for the parts, such as the embeddings server's fault switches."""
        self._own = directory is None
        self._model = model
        self._synthetic = embeddings == "synthetic"
        self.directory = directory or Path(tempfile.mkdtemp(prefix="sluice-"))
        self.layout = Layout(self.directory)
        self.layout.create()
        self.ports = Ports.free()
        self.credentials = Credentials.load_or_create(self.layout.secrets)
        self._inherited = {**inherited_environment(os.environ), **(extra or {})}
        parts = backend_parts(
            self.ports, self.credentials, self.layout, self._inherited,
            mode=embeddings, model=model, durable=durable,
        )  # fmt: skip
        self._services = {part.name: Service(part, self.layout.log(part.name)) for part in parts}
        self._locks = {name: threading.Lock() for name in self._services}
        self._leash = Leash(self.directory if self._own else None)

    def environment(self) -> dict[str, str]:
        """The public names of every server, started or not."""
        public = public_environment(self.ports, self.credentials, self.layout, model=self._model)
        if self._synthetic:
            public["SLUICE_EMBEDDING_MODEL"] = SYNTHETIC_MODEL
            del public["SLUICE_EMBEDDING_INPUT_TOKENS"]  # made-up vectors have no window
        return public

    def process_environment(self) -> dict[str, str]:
        """The same with the caller's own variables: the whole environment for a child process."""
        return {**self._inherited, **self.environment()}

    def log(self, name: str) -> Path:
        return self.layout.log(name)

    def service(self, name: str) -> Service:
        return self._services[name]

    def start(self, name: str) -> None:
        """Start a part, and first what it needs; wait until it is ready. Harmless when it runs."""
        service = self._services[name]
        for needed in service.part.needs:
            self.start(needed)
        with self._locks[name]:
            if not service.running:
                service.start()
                self._leash.hold(service.pid)
                try:
                    service.wait_ready()
                except PartFailed as failure:
                    failure.add_note(last_lines(service.log))  # its folder goes with the session
                    raise

    def start_all(self) -> Self:
        with ThreadPoolExecutor(len(BACKENDS)) as pool:
            for started in [pool.submit(self.start, name) for name in BACKENDS]:
                started.result()
        return self

    def stop(self, name: str) -> None:
        """As an administrator does: its signal, then a grace."""
        with self._locks[name]:
            self._services[name].terminate()

    def kill(self, name: str) -> None:
        """As a crash does: SIGKILL to the part and its children."""
        with self._locks[name]:
            self._services[name].kill()

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def freeze(self, name: str) -> None:
        """It keeps its connections and answers nothing, as behind a network that lost its way."""
        self._services[name].freeze()

    def thaw(self, name: str) -> None:
        self._services[name].thaw()

    def close(self) -> None:
        """End every part and, unless the folder was given, remove the data."""
        for name in reversed(BACKENDS):
            self.kill(name)
        self._leash.release()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
