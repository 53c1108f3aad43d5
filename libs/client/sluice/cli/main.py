"""`sluice`: the commands, and how the process ends."""

import sys
from collections.abc import Sequence

import click

from sluice.cli.completion import completion
from sluice.cli.costs import costs
from sluice.cli.datasets import datasets
from sluice.cli.exit_codes import EXPLAINED, INTERRUPTED, USAGE
from sluice.cli.jobs import cancel, jobs, retry
from sluice.cli.login import login
from sluice.cli.search import search
from sluice.cli.upload import upload
from sluice.cli.watch import watch
from sluice.version import VERSION


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXPLAINED,
)
@click.version_option(VERSION, "--version", prog_name="sluice")
def cli() -> None:
    """Files into searchable datasets, and questions to them.

    The server is named by SLUICE_API_URL and SLUICE_API_KEY, or by a profile (sluice login).

    \b
    Examples:
      sluice upload report.pdf notes/ --dataset papers
      sluice search "how long is the warranty" --dataset papers
      sluice jobs --status failed --json | jq -r .file_name
      sluice watch papers && echo all searchable
    """


for command in (upload, watch, search, jobs, retry, cancel, datasets, costs, login, completion):
    cli.add_command(command)


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code."""
    try:
        code = cli.main(args=list(arguments), prog_name="sluice", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        print("sluice: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
