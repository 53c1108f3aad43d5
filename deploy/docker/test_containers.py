"""The images and the compose file, proven with podman on one machine without a registry of images.

`make test-containers`; not a part of `make test`, since it builds images for minutes. Where it is
skipped it says why: podman, podman-compose or the image to begin with is missing.

    BASE_IMAGE       to begin with (that of the Dockerfiles)
    IMAGE_TAG        of images that were built before, which are then taken as they are
    BUILD_FLAGS      more flags of the build, such as mounts of the machine's package settings
    PODMAN_COMPOSE   the program (podman-compose)
    CONTAINERS_CONF  podman's own settings, where the machine needs others
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from deploy.docker.project import DEPLOY, Podman, Project

ROOT = DEPLOY.parent
NAMES = ("api", "poller", "worker", "local")
TAG = os.environ.get("IMAGE_TAG") or "test"
BUILD_SECONDS = 3600.0
READY_SECONDS = 420.0  # of a busy machine; everything is loaded for the first time
WORK_SECONDS = 600.0
LOOK_SECONDS = 0.3
SAMPLES = sorted((ROOT / "tests" / "data" / "demo").iterdir())
PDF = "oven-manual.pdf"
# Enough of them that a worker which is killed soon after the first has begun holds several.
COPIES = 4
OWN_USER = "10001"
STORES = ("postgres", "redis", "milvus", "objects")
STAND_INS = ("cloudflare", "embeddings")
SERVICES = ("api", "poller", "worker")
ONCE = ("migrate", "api-key")

# What only one service may bring, and what it must be able to import.
IMPORTS = {
    "api": ("litestar", "uvicorn", "openai", "alembic", "api.app"),
    "poller": ("dramatiq", "httpx", "poller.intake"),
    "worker": (
        "cv2", "onnxruntime", "liteparse", "rapidocr", "pypdfium2", "docling_rs", "dramatiq",
        "pipeline.parse.registry",
    ),
    "local": ("cloudflare_standin", "embeddings_server", "aiohttp"),
}  # fmt: skip
FOREIGN = {
    "api": ("docling_rs", "pypdfium2", "cv2", "dramatiq", "poller", "worker", "pytest", "pip"),
    "poller": ("litestar", "openai", "docling_rs", "cv2", "api", "worker", "pytest", "pip"),
    "worker": ("litestar", "uvicorn", "api", "poller", "pytest", "pip"),
}
TOOLS = ("cc", "gcc", "g++", "c++", "clang", "rustc", "cargo", "go", "make", "ld", "as")


@pytest.fixture(scope="session")
def podman() -> Podman:
    program = shutil.which("podman")
    if program is None:
        pytest.skip("podman is not installed")
    found = Podman(program)
    base = os.environ.get("BASE_IMAGE") or default_base()
    if not found.has_image(base):
        pytest.skip(f"the image {base} is not here: pull it, or name another in BASE_IMAGE")
    return found


@pytest.fixture(scope="session")
def images(podman: Podman) -> None:
    """All built from this tree, unless IMAGE_TAG names some that are there."""
    if not os.environ.get("IMAGE_TAG"):
        subprocess.run(
            ["sh", str(DEPLOY / "docker" / "build.sh"), *NAMES],
            env={**os.environ, "CONTAINERS": podman.program, "TAG": TAG},
            check=True,
            timeout=BUILD_SECONDS,
        )


@pytest.fixture(scope="session")
def project(
    podman: Podman, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Everything that the compose file starts, with one worker, ready to take files."""
    composer = shutil.which(os.environ.get("PODMAN_COMPOSE", "podman-compose"))
    if composer is None:
        pytest.skip("podman-compose is not installed: pip install podman-compose")
    made = Project(podman, [composer], tmp_path_factory.mktemp("project"), TAG)
    try:
        # Podman asks for no one's health without systemd, so we wait for each step ourselves.
        for services in (STORES, STAND_INS, ("migrate",), ("api-key",)):
            made.compose("up", "--detach", "--no-deps", *services)
            wait_until(lambda: has_begun(made, services), READY_SECONDS, made.logs_of(services))  # noqa: B023
        made.compose("up", "--detach", "--no-deps", "--scale", "worker=1", *SERVICES)
        wait_until(lambda: has_begun(made, SERVICES), READY_SECONDS, made.logs_of(SERVICES))
        wait_until(lambda: is_ready(made), READY_SECONDS, made.logs_of(SERVICES))
        yield made
    finally:
        made.remove()


def test_the_pollers_image_is_the_smallest(podman: Podman, images: None) -> None:
    sizes = {name: podman.image_bytes(image(name)) for name in NAMES}

    print({name: f"{size / 1e6:.0f} MB" for name, size in sizes.items()})
    assert min(sizes, key=lambda name: sizes[name]) == "poller"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_holds_no_compiler(podman: Podman, images: None, name: str) -> None:
    found = in_image(podman, name, "sh", "-c", f"command -v {' '.join(TOOLS)} || true")

    assert found.split() == []


@pytest.mark.parametrize("name", NAMES)
def test_an_image_imports_what_its_service_needs(podman: Podman, images: None, name: str) -> None:
    code = f"import {', '.join(IMPORTS[name])}; print('imported')"

    assert in_image(podman, name, "python", "-c", code).split() == ["imported"]


@pytest.mark.parametrize("name", FOREIGN)
def test_an_image_brings_no_other_services_packages(
    podman: Podman, images: None, name: str
) -> None:
    code = (
        "from importlib.util import find_spec; "
        f"print([each for each in {FOREIGN[name]!r} if find_spec(each)])"
    )

    assert in_image(podman, name, "python", "-c", code).strip() == "[]"


def test_files_go_from_upload_to_search_while_a_worker_dies_and_one_is_added(
    project: Project,
) -> None:
    with client(project) as api:
        names = [f"{number:02}-{path.name}" for number in range(COPIES) for path in SAMPLES]
        contents = dict(zip(names, [path.read_bytes() for path in SAMPLES] * COPIES, strict=True))
        made = answer(
            api.post(
                "/datasets", json={"name": "trial", "files": [{"file_name": n} for n in names]}
            )
        )
        dataset = made["dataset"]["id"]
        # Without answers no attempt ends, so the kill hits some.
        (embeddings,) = project.containers("embeddings")
        project.podman("pause", embeddings)
        for upload in made["upload_urls"]:
            put(project, upload, contents[upload["file_name"]])
        logs = project.logs_of(("worker", "poller"))
        wait_until(lambda: jobs(api, dataset, "processing") != [], WORK_SECONDS, logs)

        project.podman("kill", "--signal", "KILL", project.containers("worker")[0])
        project.podman("unpause", embeddings)
        project.compose(
            "up", "--detach", "--no-deps", "--no-recreate", "--scale", "worker=2", "worker"
        )
        wait_until(lambda: len(jobs(api, dataset, "completed")) == len(names), WORK_SECONDS, logs)
        hits = answer(
            api.post(f"/datasets/{dataset}/search", json={"query": "how long is the warranty"})
        )["hits"]
        outcomes = [
            attempt["outcome"]
            for job in jobs(api, dataset, "completed")
            for attempt in answer(api.get(f"/jobs/{job['task_id']}/attempts"))["items"]
        ]

    print({outcome: outcomes.count(outcome) for outcome in set(outcomes)})
    assert len(project.containers("worker")) >= 1
    assert "lapsed" in outcomes
    assert outcomes.count("completed") == len(names)
    assert any(hit["file_name"].endswith(PDF) and hit["page"] for hit in hits)


@pytest.mark.parametrize("service", ["api", "poller", "worker", "cloudflare", "embeddings"])
def test_a_services_health_check_passes(project: Project, service: str) -> None:
    containers = project.containers(service)

    assert containers
    wait_until(
        lambda: all(answers(project, each) for each in containers),
        READY_SECONDS,
        project.logs_of((service,)),
    )


@pytest.mark.parametrize("service", ["api", "poller", "worker"])
def test_a_container_gives_a_process_no_rights(project: Project, service: str) -> None:
    container = project.containers(service)[0]
    status = project.podman("exec", container, "cat", "/proc/self/status")
    wrote = project.podman(
        "exec", container, "sh", "-c",
        "{ touch /app/x || touch /opt/venv/x || touch /x; } 2>/dev/null || echo none",
        check=False,
    )  # fmt: skip

    assert re.search(rf"^Uid:\s+{OWN_USER}\s", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert wrote.split() == ["none"]


def test_parser_children_have_a_filter_of_their_own_within_the_containers(
    project: Project,
) -> None:
    """The template has the container's filters; each child has one more, and its own limits."""
    code = r"""
import re
from pathlib import Path
for process in Path("/proc").glob("[0-9]*"):
    if b"pipeline.parse.template" in (process / "cmdline").read_bytes():
        status, limits = ((process / name).read_text() for name in ("status", "limits"))
        filters = re.search(r"^Seccomp_filters:\s+(\d+)", status, re.M)[1]
        print(filters, re.search(r"^Max address space\s+(\S+)", limits, re.M)[1])
"""
    printed = project.podman("exec", project.containers("worker")[0], "python", "-c", code)
    processes = [line.split() for line in printed.splitlines()]
    template = min(int(filters) for filters, _ in processes)
    children = [each for each in processes if int(each[0]) > template]

    assert len(children) >= 2
    assert all(int(filters) == template + 1 for filters, _ in children)
    assert all(limit != "unlimited" for _, limit in children)


@pytest.mark.parametrize("service", ["worker", "poller", "api"])
def test_a_service_that_is_told_to_stop_leaves_in_good_order(
    project: Project, service: str
) -> None:
    container = project.containers(service)[0]

    project.podman("stop", "--time", "60", container)

    # Uvicorn ends by the signal that it was told to stop by; 137 would be a kill.
    assert project.state(container)["ExitCode"] in ({0, 143} if service == "api" else {0})


def default_base() -> str:
    text = (DEPLOY / "docker" / "api.Dockerfile").read_text("utf-8")
    (name,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", text, re.MULTILINE)
    return str(name)


def image(name: str) -> str:
    return f"localhost/sluice-{name}:{TAG}"


def in_image(podman: Podman, name: str, *command: str) -> str:
    """The output of a command in a container that may do as little as one of the compose file."""
    return podman(
        "run", "--rm", "--read-only", "--tmpfs", "/tmp:size=64m,mode=1777", "--network", "none",
        "--cap-drop", "all", "--security-opt", "no-new-privileges", image(name), *command,
    )  # fmt: skip


def client(project: Project) -> httpx.Client:
    return httpx.Client(
        base_url=f"{project.api_url}/api/v1",
        headers={"Authorization": f"Bearer {project.settings['SLUICE_API_KEY']}"},
        timeout=60.0,
        trust_env=False,
    )


def answer(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def put(project: Project, upload: dict[str, Any], content: bytes) -> None:
    """To the name in the URL, which is this machine's loopback for those who ask no resolver."""
    url = httpx.URL(upload["upload_url"])
    assert (url.host, url.port) == ("r2.localhost", project.r2_port)
    response = httpx.request(
        upload["method"],
        url.copy_with(host="127.0.0.1"),
        headers={**upload["headers"], "Host": f"{url.host}:{url.port}"},
        content=content,
        timeout=60.0,
        trust_env=False,
    )
    assert response.is_success, response.text


def jobs(api: httpx.Client, dataset: str, status: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = {"dataset_id": dataset, "status": status, "limit": "100"}
        page = answer(api.get("/jobs", params=asked | ({"cursor": cursor} if cursor else {})))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def is_ready(project: Project) -> bool:
    try:
        response = httpx.get(f"{project.api_url}/health/ready", timeout=10.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return response.is_success


def has_begun(project: Project, services: tuple[str, ...]) -> bool:
    """Whether each of them serves, or has ended well if it is one that ends."""
    for service in services:
        ended = [project.state(each) for each in project.containers(service, all_of_them=True)]
        if not ended or any(state["ExitCode"] for state in ended):
            return False
        running = project.containers(service)
        if len(running) < len(ended) and service not in ONCE:
            return False
        if not all(answers(project, each) for each in running):
            return False
        if running and service in ONCE:
            return False
    return True


def answers(project: Project, container: str) -> bool:
    """By the container's own health check, which nothing runs where there is no systemd."""
    command = [project.podman.program, "healthcheck", "run", container]
    done = subprocess.run(
        command, env=project.podman.environment, capture_output=True, check=False, timeout=60.0
    )
    return done.returncode == 0


def wait_until(true: Callable[[], bool], seconds: float, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {seconds:.0f} s:\n{told()}")
        time.sleep(LOOK_SECONDS)
