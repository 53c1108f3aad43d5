"""Every variable that a process reads is in the README's table, and no other."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import dramatiq.worker
from pydantic import AliasChoices

from api.settings import ApiSettings
from pipeline.settings import Settings
from poller.settings import PollerSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
PROCESSES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "poller": PollerSettings,
    "worker": WorkerSettings,
}
# Of the many that Dramatiq reads, those whose defaults do not suit the worker.
OF_DRAMATIQ = {"dramatiq_queue_prefetch", "dramatiq_worker_timeout"}


def read_by(kind: type[Settings], *, required: bool = False) -> set[str]:
    """The variables that a process reads, or only those that it cannot start without."""
    found: set[str] = set()
    for field in kind.model_fields.values():
        if field.is_required() or not required:
            alias = field.validation_alias
            assert alias is not None
            found.update(map(str, alias.choices if isinstance(alias, AliasChoices) else [alias]))
    return found


def table() -> Iterator[tuple[set[str], set[str]]]:
    """The variables of each row, and the processes that it names."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("## Configuration\n", 1)[1].split("\n## ", 1)[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            variables, processes, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            named = set(PROCESSES) if processes == "all" else set(processes.split(", "))
            yield set(re.findall(r"`(\w+)`", variables)), named


def documented() -> set[str]:
    return {variable for variables, _ in table() for variable in variables}


def test_the_settings_of_every_service_are_looked_at() -> None:
    services = {path.parent.name for path in (ROOT / "services").glob("*/settings.py")}

    assert services == set(PROCESSES)


def test_every_variable_that_is_read_is_in_the_table() -> None:
    read = OF_DRAMATIQ.union(*map(read_by, PROCESSES.values()))

    assert len(read) > 50
    assert read - documented() == set()


def test_no_variable_is_in_the_table_that_nobody_reads() -> None:
    read = OF_DRAMATIQ.union(*map(read_by, PROCESSES.values()))
    source = inspect.getsource(dramatiq.worker)

    assert documented() - read == set()
    assert {name for name in OF_DRAMATIQ if f'getenv("{name}"' not in source} == set()


def test_a_process_is_named_only_where_it_reads_and_always_where_it_must() -> None:
    rows = list(table())

    for name, kind in PROCESSES.items():
        told = {variable for variables, named in rows if name in named for variable in variables}
        assert told - read_by(kind) - OF_DRAMATIQ == set()
        assert read_by(kind, required=True) - told == set()
    assert {name for _, named in rows for name in named} == set(PROCESSES)
