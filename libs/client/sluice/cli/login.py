"""A profile for whoever does not want to set variables."""

import sys

import click

from sluice.async_client import AsyncClient
from sluice.cli.options import named_profile, runs
from sluice.cli.output import Settings
from sluice.configuration import Configuration, file_path, save_profile


@click.command(short_help="Keep a server's address and key in a profile.")
@click.option("--url", metavar="URL", prompt="Address", help="Of the server, such as https://host.")
@runs
async def login(settings: Settings, url: str) -> None:
    """Keep a server's address and key in a profile, after they were seen to work.

    The key is asked for, or read from the standard input; it is never an argument, where others
    could see it. The file is ~/.config/sluice/config.toml, and only its owner may read it.

    \b
    Examples:
      sluice login --url https://sluice.example.org
      pass sluice | sluice login --url https://sluice.example.org --profile work
    """
    if sys.stdin.isatty():
        key = str(click.prompt("API key", hide_input=True))
    else:
        key = sys.stdin.readline().strip()
    if not key:
        raise click.UsageError("an API key is needed, from the standard input or the prompt")
    configuration = Configuration.of(url, key)
    async with AsyncClient(configuration.url, configuration.key) as client:
        tenant = await client.tenant()
    name, path = named_profile(settings.profile), file_path()
    save_profile(path, name, configuration)
    if settings.as_json:
        settings.item({"profile": name, "file": str(path), "tenant": tenant.name})
    settings.say(f"profile {name!r} in {path} is for tenant {tenant.name!r}")
