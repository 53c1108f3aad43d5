"""What every command has: a profile, an output, and an end."""

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sluice.async_client import AsyncClient
from sluice.cli.exit_codes import DONE, exit_code_of
from sluice.cli.output import Settings, complain_of
from sluice.configuration import PROFILE_VARIABLE, file_path, read_file
from sluice.errors import SluiceError
from sluice.retrying import Retries

COMPLETION_SECONDS = 2.0  # longer than that nobody waits for a key press
COMPLETED_MAX = 200

Command = TypeVar("Command", bound=Callable[..., Any])
Run = Callable[..., Coroutine[Any, Any, int | None]]


def runs(function: Run) -> Callable[..., None]:
    """A coroutine function that takes Settings, as a click command; it returns the exit code.

    A loop of its own, and an error of ours in words for people, or in JSON if that was asked for.
    """

    @output_options
    @functools.wraps(function)
    def command(*, as_json: bool, quiet: bool, profile: str | None, **given: Any) -> None:
        settings = Settings(profile, as_json, quiet)
        try:
            code = asyncio.run(function(settings, **given))
        except SluiceError as error:
            complain_of(error, settings)
            code = exit_code_of(error)
        click.get_current_context().exit(DONE if code is None else code)

    return command


def output_options(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing; the exit code tells."),
        click.option(
            "--profile",
            metavar="NAME",
            help="A profile of the configuration file, see 'sluice login'.",
            shell_complete=complete_profiles,
        ),
    ):
        command = option(command)
    return command


def complete_datasets(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Names of datasets that begin as what was typed; nothing if the server does not answer."""

    async def names() -> list[str]:
        async with AsyncClient(
            timeout_seconds=COMPLETION_SECONDS, retries=Retries(attempts=1)
        ) as client:
            found = []
            async for dataset in client.datasets.list():
                if dataset.name.startswith(typed):
                    found.append(dataset.name)
                if len(found) == COMPLETED_MAX:
                    break
            return found

    async def in_time() -> list[str]:
        async with asyncio.timeout(COMPLETION_SECONDS):
            return await names()

    try:
        return [CompletionItem(name) for name in dict.fromkeys(asyncio.run(in_time()))]
    except (SluiceError, TimeoutError, OSError):
        return []


def complete_profiles(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    try:
        profiles = read_file(file_path()).get("profiles", {})
    except SluiceError:
        return []
    return [CompletionItem(name) for name in profiles if name.startswith(typed)]


def named_profile(given: str | None) -> str:
    return given or os.environ.get(PROFILE_VARIABLE) or "default"


dataset_option = functools.partial(
    click.option,
    "--dataset",
    "-d",
    metavar="NAME",
    shell_complete=complete_datasets,
)
