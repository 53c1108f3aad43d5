"""The API as the process that is deployed: it starts, is walked by schemathesis, and ends well."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from stack.backends import Backends
from stack.part import Part
from stack.ports import LOOPBACK, free_ports
from stack.probes import answers_http
from stack.processes import Service

EXAMPLES = 12  # an operation: with the coverage phase some 1,500 requests in all
WALK_SECONDS = 240


class Process:
    """`python -m api` on a free port, and a key."""

    def __init__(self, backends: Backends, environment: dict[str, str], folder: Path) -> None:
        [self.port] = free_ports(1)
        self.key = environment["SLUICE_API_KEY"]
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.environment = {
            **backends.process_environment(),
            **environment,
            "SLUICE_API_PORT": str(self.port),
        }
        self.log = folder / "api.log"
        self.service = Service(
            Part(
                name="api",
                command=(sys.executable, "-m", "api"),
                environment=self.environment,
                ready=answers_http(self.port, "/health/ready"),
                ports=(self.port,),
            ),
            self.log,
        )

    def keys(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "api.keys", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture(scope="module")
def process(
    backends: Backends,
    shared_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Process]:
    """One for the whole file; the last test ends it."""
    found = Process(backends, shared_environment, tmp_path_factory.mktemp("api"))
    made = found.keys("ensure", "--tenant", "local", "--key-env", "SLUICE_API_KEY")
    assert made.returncode == 0, made.stderr
    found.service.start()
    try:
        found.service.wait_ready()
        yield found
    finally:
        found.service.kill()


def walk(process: Process, folder: Path, *arguments: str) -> None:
    """Schemathesis over the document; any 5xx is a failure."""
    with httpx.Client(
        base_url=process.url, headers={"Authorization": f"Bearer {process.key}"}
    ) as client:
        body = {"name": "walked", "files": [{"file_name": "a.txt"}]}
        dataset = client.post("/api/v1/datasets", json=body).json()["dataset"]["id"]
    config = folder / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.dataset_id" = "{dataset}"\n', encoding="utf-8")
    walked = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(config),
            "run", f"{process.url}/schema/openapi.json",
            "--header", f"Authorization: Bearer {process.key}",
            "--checks", "not_a_server_error",
            "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(EXAMPLES),
            "--seed", "1",
            "--generation-database", "none",
            "--no-color",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WALK_SECONDS,
        check=False,
    )  # fmt: skip
    assert walked.returncode == 0, walked.stdout[-8000:] + walked.stderr[-2000:]


def test_schemathesis_finds_no_server_error(process: Process, tmp_path: Path) -> None:
    walk(process, tmp_path, "--exclude-method", "DELETE")
    walk(process, tmp_path, "--include-method", "DELETE")

    assert "request.failed" not in process.log.read_text(encoding="utf-8")


def test_keys_are_made_listed_and_revoked_from_the_command_line(process: Process) -> None:
    made = process.keys("create", "--tenant", "acme", "--name", "laptop", "--role", "read_only")
    key = made.stdout.strip()
    listed = process.keys("list")
    [line] = [line for line in listed.stdout.splitlines() if "laptop" in line]
    works = httpx.get(f"{process.url}/api/v1/datasets", headers={"Authorization": f"Bearer {key}"})

    revoked = process.keys("revoke", line.split()[0])
    again = process.keys("revoke", str(uuid4()))

    assert works.status_code == 200
    assert "read_only" in line
    assert key not in listed.stdout
    assert revoked.returncode == 0
    assert (again.returncode, "no key" in again.stderr) == (1, True)


def test_a_missing_setting_is_named_and_nothing_else_is_printed(process: Process) -> None:
    environment = {
        name: value for name, value in process.environment.items() if name != "DATABASE_URL"
    }

    ended = subprocess.run(
        [sys.executable, "-m", "api"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode != 0
    assert "DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_on_sigterm_it_stops_cleanly_and_the_port_is_free(process: Process) -> None:
    process.service.terminate()

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/health/live")
    assert "Traceback" not in process.log.read_text(encoding="utf-8")
