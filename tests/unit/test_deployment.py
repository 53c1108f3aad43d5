"""What can be said of the containers without running any; `make test-containers` runs them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

from api.settings import ApiSettings
from pipeline.settings import Settings
from poller.settings import PollerSettings
from worker.settings import WorkerSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROCESSES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "poller": PollerSettings,
    "worker": WorkerSettings,
}
# Of Dramatiq's own variables, those that the README names.
OF_DRAMATIQ = {"dramatiq_queue_prefetch", "dramatiq_worker_timeout"}
IMAGES = (*PROCESSES, "local")
OURS = {name for name, service in SERVICES.items() if "SLUICE_" in service["image"]}
ONCE = {"migrate", "api-key"}  # they end, so nobody asks for their health
# Milvus and its parts run as their makers compose them.
CONFINED = OURS | {"postgres", "redis"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")  # `$${` is for the container's own shell


def read_by(kind: type[Settings]) -> set[str]:
    found: set[str] = set()
    for field in kind.model_fields.values():
        alias = field.validation_alias
        found.update(map(str, alias.choices if isinstance(alias, AliasChoices) else [alias]))
    return found


def dockerfile(name: str) -> list[str]:
    """Its instructions, one a line, without comments."""
    text = (DEPLOY / "docker" / f"{name}.Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def example() -> dict[str, str]:
    """Every variable of deploy/.env.example with its value, those behind a `#` included."""
    text = (DEPLOY / ".env.example").read_text("utf-8")
    return dict(re.findall(r"^(?:# )?([A-Za-z_0-9]+)=(.*)$", text, re.MULTILINE))


def test_the_services_are_there() -> None:
    stores = {"postgres", "redis", "milvus", "etcd", "minio"}
    stand_ins = {"cloudflare", "objects", "embeddings"}

    assert set(PROCESSES) | stores | stand_ins | ONCE == set(SERVICES)
    assert set(PROCESSES) | stand_ins | ONCE == OURS
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["local"]} == (
        stand_ins | {"api-key"}
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_and_starts_again(name: str) -> None:
    service = SERVICES[name]

    if name in ONCE:
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "start_period", "retries"} <= set(
            service["healthcheck"]
        )


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_gain_rights_or_be_reached_from_outside(name: str) -> None:
    service = SERVICES[name]

    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert not service.get("privileged")
    assert "cap_add" not in service


@pytest.mark.parametrize("name", sorted(CONFINED))
def test_a_service_of_ours_is_confined(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])  # noqa: S108
    assert service.get("user") not in {"root", "0"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_service_waits_for_the_schema_and_the_stores(name: str) -> None:
    service = SERVICES[name]

    assert service["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
        "milvus": {"condition": "service_healthy"},
    }
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert service["init"] is True
    assert service["stop_grace_period"]


def test_redis_keeps_what_it_is_told_and_asks_for_a_password() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "requirepass" in command


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_given_what_it_reads_and_nothing_else(name: str) -> None:
    given = set(SERVICES[name]["environment"])

    of_dramatiq = OF_DRAMATIQ if name == "worker" else set()
    assert given == read_by(PROCESSES[name]) | of_dramatiq


@pytest.mark.parametrize("name", PROCESSES)
def test_a_variable_that_is_passed_on_is_not_renamed(name: str) -> None:
    for variable, value in SERVICES[name]["environment"].items():
        if isinstance(value, str) and value.startswith("${"):
            assert VARIABLE.findall(value)[0] == variable


def test_the_example_has_every_setting_and_none_that_nobody_reads() -> None:
    used = set(VARIABLE.findall((DEPLOY / "compose.yaml").read_text("utf-8")))
    passed_on = {
        name
        for each in SERVICES.values()
        for name, value in each.get("environment", {}).items()
        if value is None
    }
    read = OF_DRAMATIQ.union(*map(read_by, PROCESSES.values()))
    explained = set(example())

    assert len(read) > 50
    assert read - explained == set()
    assert used | passed_on == (used | passed_on) & explained
    assert explained - read - used - passed_on == {"COMPOSE_PROFILES"}


def test_the_example_holds_no_secret_and_is_not_in_the_repository_when_filled_in() -> None:
    empty = {name for name, value in example().items() if value == ""}

    secrets = {
        "R2_SECRET_ACCESS_KEY",
        "CF_API_TOKEN",
        "OPENAI_API_KEY",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "MILVUS_PASSWORD",
        "MINIO_PASSWORD",
    }
    assert secrets <= empty
    assert "deploy/.env" in (DEPLOY.parent / ".gitignore").read_text("utf-8").split()


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_made_of_hashed_packages_in_a_stage_of_their_own(name: str) -> None:
    lines = dockerfile(name)
    stages = [line for line in lines if line.startswith("FROM ")]
    installs = [line for line in lines if "pip install" in line]

    assert lines[0].startswith("ARG BASE_IMAGE=")
    assert stages == ["FROM ${BASE_IMAGE} AS packages", "FROM ${BASE_IMAGE}"]
    packages = "standins" if name == "local" else name
    assert f"COPY requirements/{packages}.txt /requirements.txt" in lines
    assert len(installs) == 2  # uv, and by it the packages
    assert all("--require-hashes" in line for line in installs)
    assert "--no-build" in installs[1]
    assert installs[1].endswith("--requirement /requirements.txt")
    assert lines.index(installs[1]) < lines.index(stages[1])


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_nobody_of_importance_and_takes_signals_itself(name: str) -> None:
    lines = dockerfile(name)
    commands = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD ")]
    checks = [line for line in lines if line.startswith("HEALTHCHECK ")]

    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "STOPSIGNAL SIGTERM" in lines
    assert len(commands) == 1
    assert isinstance(json.loads(commands[0]), list)  # no shell stands before the process
    assert len(checks) == 1
    assert isinstance(json.loads(checks[0].split(" CMD ", 1)[1]), list)
    assert any(line.startswith("LABEL org.opencontainers.image.") for line in lines)


@pytest.mark.parametrize("name", PROCESSES)
def test_an_image_holds_one_service_and_its_check_is_that_of_the_compose_file(name: str) -> None:
    lines = dockerfile(name)
    copied = {line.split()[1] for line in lines if line.startswith("COPY services/")}
    (check,) = (line for line in lines if line.startswith("HEALTHCHECK "))

    assert copied == {f"services/{name}"}
    assert ["CMD", *json.loads(check.split(" CMD ", 1)[1])] == SERVICES[name]["healthcheck"]["test"]


def test_the_stop_of_the_api_has_more_time_than_its_requests() -> None:
    grace = ApiSettings.model_fields["shutdown_grace"].default.total_seconds()

    assert int(SERVICES["api"]["stop_grace_period"].removesuffix("s")) > grace
