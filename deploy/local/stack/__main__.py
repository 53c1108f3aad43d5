"""The command line: `python -m stack up|down|status|logs|env|clean|demo`."""

import argparse
import os
import shlex
import sys
from dataclasses import fields

from . import commands, demo
from .environment import DEFAULT_MODEL, MODELS
from .errors import StackError
from .logs import print_logs
from .options import DEFAULT_WORKERS, EMBEDDINGS_MODES, Options, layout_of
from .ports import DEFAULT_BASE, Ports, variable
from .status import print_status


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="stack",
        description="Run the local stack.",
        epilog=_variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("up", "supervise"):
        starting = verbs.add_parser(verb)
        starting.add_argument("--workers", type=int, default=DEFAULT_WORKERS)
        starting.add_argument("--backends-only", action="store_true")
    logs = verbs.add_parser("logs")
    logs.add_argument("part", nargs="?", default="")
    logs.add_argument("--no-follow", action="store_true")
    demonstration = verbs.add_parser("demo")
    demonstration.add_argument("query", nargs="*", help="what to search for")
    demonstration.add_argument(
        "--files", default="", help="files of yours to upload, separated as in a shell"
    )
    for verb in ("down", "status", "clean", "env"):
        verbs.add_parser(verb)
    parsed = parser.parse_args(arguments)
    try:
        return _run(parsed)
    except StackError as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _variables() -> str:
    described = {
        "SLUICE_LOCAL_DIR": "where data, logs and secrets are kept (.local)",
        "SLUICE_LOCAL_PORT_BASE": f"the first port; the parts' count up from it ({DEFAULT_BASE})",
        **{
            variable(port.name): f"another port for {port.name.replace('_', ' ')}"
            for port in fields(Ports)
        },
        "SLUICE_EMBEDDINGS_MODE": f"{' or '.join(EMBEDDINGS_MODES)} ({EMBEDDINGS_MODES[0]})",
        "SLUICE_LOCAL_MODEL": f"{' or '.join(MODELS)} ({DEFAULT_MODEL})",
    }
    width = max(map(len, described))
    return "variables:\n" + "\n".join(
        f"  {name:<{width}}  {text}" for name, text in described.items()
    )


def _run(parsed: argparse.Namespace) -> int:
    layout = layout_of(os.environ)
    match parsed.verb:
        case "up" | "supervise":
            options = Options.read(
                os.environ, workers=parsed.workers, backends_only=parsed.backends_only
            )
            if parsed.verb == "supervise":
                return commands.supervise(options)
            commands.up(options)
        case "down":
            commands.down(layout)
        case "clean":
            commands.clean(layout)
        case "status":
            return print_status(layout)
        case "logs":
            print_logs(layout, parsed.part, follow=not parsed.no_follow)
        case "demo":
            return demo.main(parsed.query, shlex.split(parsed.files))
        case "env":
            if not layout.env.exists():
                raise StackError("there is no env file yet: run 'make up' first")
            print(layout.env.read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
