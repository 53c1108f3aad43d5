"""Logs: one structured line an event, JSON unless a person is watching."""

import logging
import sys

import structlog

QUIET = (
    "aiobotocore",
    "botocore",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "openai",
    "pymilvus",
    "urllib3",
)


def configure_logs(*, level: str, json: bool | None, service: str) -> None:
    """Send the logs of structlog and of the standard library to stderr, in one format.

    `json=None` decides by the terminal: JSON when nobody is watching.
    """

    def name_service(
        logger: object, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        # Not a context variable: those do not reach the threads that Dramatiq starts.
        event["service"] = service
        return event

    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:  # their INFO lines carry URLs with keys and signatures
        logging.getLogger(name).setLevel(logging.WARNING)
