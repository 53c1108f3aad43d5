"""What `make up` was asked to run, read once from the command line and the environment."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .backends import backend_parts
from .credentials import Credentials
from .environment import (
    DEFAULT_MODEL,
    FOREIGN_PREFIXES,
    MODELS,
    inherited_environment,
    public_environment,
)
from .errors import StackError
from .layout import REPOSITORY, Layout
from .leftovers import MARKER
from .part import Part
from .ports import WORKERS_MAX, Ports
from .services import all_services

DEFAULT_WORKERS = 1  # the machine also runs everything else; production starts with three
EMBEDDINGS_MODES = ("model", "synthetic")


@dataclass(frozen=True)
class Options:
    layout: Layout
    ports: Ports
    workers: int
    backends_only: bool
    embeddings_mode: str
    model: str

    @classmethod
    def read(
        cls, environment: Mapping[str, str], *, workers: int, backends_only: bool
    ) -> "Options":
        """Raises StackError with the name of the variable that is wrong."""
        if not 1 <= workers <= WORKERS_MAX:
            raise StackError(f"WORKERS must be from 1 to {WORKERS_MAX}, not {workers}")
        mode = environment.get("SLUICE_EMBEDDINGS_MODE") or EMBEDDINGS_MODES[0]
        if mode not in EMBEDDINGS_MODES:
            raise StackError(
                f"SLUICE_EMBEDDINGS_MODE must be {' or '.join(EMBEDDINGS_MODES)}, not {mode!r}"
            )
        model = environment.get("SLUICE_LOCAL_MODEL") or DEFAULT_MODEL
        if model not in MODELS:
            raise StackError(f"SLUICE_LOCAL_MODEL must be {' or '.join(MODELS)}, not {model!r}")
        return cls(
            layout=layout_of(environment),
            ports=Ports.from_environment(environment),
            workers=workers,
            backends_only=backends_only,
            embeddings_mode=mode,
            model=model,
        )

    def public(self, credentials: Credentials) -> dict[str, str]:
        return public_environment(self.ports, credentials, self.layout, model=self.model)

    def parts(self, credentials: Credentials) -> list[Part]:
        """Every part, each after those that it needs."""
        public = self.public(credentials)
        outer = {name: value for name, value in os.environ.items() if name not in public}
        inherited = {**inherited_environment(outer), MARKER: str(self.layout.root)}
        backends = backend_parts(
            self.ports, credentials, self.layout, inherited,
            mode=self.embeddings_mode, model=self.model, durable=True,
        )  # fmt: skip
        if self.backends_only:
            return backends
        environment = {**inherited, **public}
        return [*backends, *all_services(environment, self.ports, workers=self.workers)]


def fingerprint(parts: Sequence[Part]) -> str:
    """Differs when the running stack would have to be started anew to be what is asked for."""
    asked = [
        (part.name, part.command, sorted(_settings(part.environment).items())) for part in parts
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what differs from shell to shell and means nothing to the parts."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("SLUICE_", *FOREIGN_PREFIXES))
    }


def layout_of(environment: Mapping[str, str]) -> Layout:
    return Layout(Path(environment.get("SLUICE_LOCAL_DIR") or REPOSITORY / ".local").absolute())
