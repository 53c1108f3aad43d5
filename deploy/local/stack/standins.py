"""Our own two servers that stand in for accounts: Cloudflare (queue and R2) and OpenAI."""

import sys
from collections.abc import Mapping

from .layout import PRIVATE_FOLDER, Layout
from .part import Part
from .ports import LOOPBACK, Ports
from .probes import all_of, answers_http


def cloudflare(
    ports: Ports, layout: Layout, public: Mapping[str, str], inherited: Mapping[str, str]
) -> Part:
    return Part(
        name="cloudflare",
        command=(sys.executable, "-m", "cloudflare_standin"),
        environment={
            **inherited,
            **public,
            "SLUICE_STANDIN_HOST": LOOPBACK,
            "SLUICE_STANDIN_QUEUES_PORT": str(ports.queues),
            "SLUICE_STANDIN_R2_PORT": str(ports.r2),
            "SLUICE_STANDIN_DATA_DIR": str(layout.data / "cloudflare"),
            "SLUICE_STANDIN_S3_UPSTREAM": f"http://{LOOPBACK}:{ports.objects}",
            # A browser's console may be opened by either name.
            "SLUICE_STANDIN_ALLOWED_ORIGINS": (
                f"http://{LOOPBACK}:{ports.api},http://localhost:{ports.api}"
            ),
        },
        ready=all_of(answers_http(ports.queues, "/healthz"), answers_http(ports.r2, "/healthz")),
        ports=(ports.queues, ports.r2),
        needs=("objects",),
        prepare=lambda: (layout.data / "cloudflare").mkdir(mode=PRIVATE_FOLDER, exist_ok=True),
    )


def embeddings(
    ports: Ports,
    layout: Layout,
    public: Mapping[str, str],
    inherited: Mapping[str, str],
    *,
    mode: str,
    model: str,
) -> Part:
    return Part(
        name="embeddings",
        command=(sys.executable, "-m", "embeddings_server"),
        environment={
            **inherited,
            **public,
            "SLUICE_EMBEDDINGS_HOST": LOOPBACK,
            "SLUICE_EMBEDDINGS_PORT": str(ports.embeddings),
            "SLUICE_EMBEDDINGS_MODE": mode,
            "SLUICE_EMBEDDINGS_MODEL": model,
            "SLUICE_EMBEDDINGS_DATA_DIR": str(layout.data / "embeddings"),
        },
        ready=answers_http(ports.embeddings, "/healthz"),
        ports=(ports.embeddings,),
        prepare=lambda: (layout.data / "embeddings").mkdir(mode=PRIVATE_FOLDER, exist_ok=True),
    )
