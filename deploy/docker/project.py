"""A compose project of a test: deploy/compose.yaml and wheels.yaml under names of their own.

It works on copies in a folder of its own, so that neither a deploy/.env nor the caller's variables,
which may name real accounts, reach it; and it removes what it made and nothing else.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DEPLOY = Path(__file__).parents[1]
COMPOSE_FILES = (DEPLOY / "compose.yaml", DEPLOY / "docker" / "wheels.yaml")
PASSED_ON = ("PATH", "HOME", "CONTAINERS_CONF", "XDG_RUNTIME_DIR", "TMPDIR")
COMMAND_SECONDS = 300.0


class Podman:
    """The program itself, in an environment that holds nothing but what it needs."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """What the command prints; raises CalledProcessError with what it complains of."""
        return run([self.program, *arguments], self.environment, check=check)

    def has_image(self, name: str) -> bool:
        try:
            self("image", "exists", name)
        except CommandFailed:
            return False
        return True

    def image_bytes(self, name: str) -> int:
        return int(self("image", "inspect", "--format", "{{.Size}}", name))


class CommandFailed(Exception):
    """The last words of a command."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    check: bool = True,
    folder: Path = DEPLOY,
) -> str:
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if check and done.returncode != 0:
        words = f"{done.stdout}\n{done.stderr}".strip()[-3000:]
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}:\n{words}")
    return done.stdout if check else done.stdout + done.stderr


class Project:
    def __init__(self, podman: Podman, composer: Sequence[str], folder: Path, tag: str) -> None:
        self.name = f"sluice-test-{secrets.token_hex(3)}"
        self.podman = podman
        self._composer = composer
        self._folder = folder
        for file in COMPOSE_FILES:
            shutil.copy(file, folder)
        printed = run(["sh", str(DEPLOY / "docker" / "new_env.sh")], podman.environment)
        lines = (line.split("=", 1) for line in printed.splitlines() if not line.startswith("#"))
        self.settings = dict(lines)
        self.settings |= {
            f"SLUICE_{name.upper()}_IMAGE": f"localhost/sluice-{name}:{tag}"
            for name in ("api", "poller", "worker", "local")
        }
        api_port, r2_port = _free_port(), _free_port()
        self.settings |= {
            "API_PUBLISHED_PORT": str(api_port),
            "STANDIN_R2_PORT": str(r2_port),
            "SLUICE_R2_ENDPOINT_URL": f"http://r2.localhost:{r2_port}",
            # Made-up vectors: what is proven here is that everything reaches everything.
            "SLUICE_EMBEDDINGS_MODE": "synthetic",
            "SLUICE_EMBEDDING_MODEL": "synthetic",
        }
        self.api_url = f"http://127.0.0.1:{api_port}"
        self.r2_port = r2_port

    def compose(self, *arguments: str, check: bool = True) -> str:
        files = [
            word for file in COMPOSE_FILES for word in ("--file", str(self._folder / file.name))
        ]
        command = [*self._composer, "--project-name", self.name, "--profile", "local", *files]
        environment = {**self.podman.environment, **self.settings}
        return run([*command, *arguments], environment, check=check, folder=self._folder)

    def containers(self, service: str, *, all_of_them: bool = False) -> list[str]:
        """The ids of a service's containers that run, or of all, the oldest first."""
        printed = self.podman(
            "ps", "--no-trunc", "--format", "{{.CreatedAt}} {{.ID}}",
            *(["--all"] if all_of_them else []),
            "--filter", f"label=com.docker.compose.project={self.name}",
            "--filter", f"label=com.docker.compose.service={service}",
        )  # fmt: skip
        return [line.split()[-1] for line in sorted(printed.splitlines())]

    def logs_of(self, services: Sequence[str]) -> Callable[[], str]:
        """Their last lines, once they are asked for."""
        return lambda: "\n".join(
            f"{service}: {self.podman('logs', '--tail', '40', each, check=False)}"
            for service in services
            for each in self.containers(service, all_of_them=True)
        )

    def state(self, container: str) -> dict[str, object]:
        (found,) = json.loads(self.podman("container", "inspect", container))
        state: dict[str, object] = found["State"]
        return state

    def remove(self) -> None:
        """Its containers, volumes and network, whatever state they are in."""
        label = f"label=com.docker.compose.project={self.name}"
        # First by their label: `down` knows of no more replicas than the file says.
        for each in self.podman("ps", "--all", "--quiet", "--filter", label).split():
            self.podman("rm", "--force", "--time", "5", each, check=False)
        self.compose("down", "--volumes", "--timeout", "5", check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
