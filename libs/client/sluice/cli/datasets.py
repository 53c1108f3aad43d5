"""Datasets: listed, made, changed, deleted."""

import click

from sluice.async_client import AsyncClient
from sluice.cli.options import complete_datasets, output_options, runs
from sluice.cli.output import Settings
from sluice.models import Dataset

HEADINGS = ("NAME", "STATUS", "DOCUMENTS", "SEARCHABLE", "FAILED", "CHUNKS", "MADE", "ID")
named = click.argument("name", shell_complete=complete_datasets)


@click.group(invoke_without_command=True, short_help="List datasets; make, change, delete them.")
@output_options
@click.pass_context
def datasets(context: click.Context, *, as_json: bool, quiet: bool, profile: str | None) -> None:
    """List datasets, or do something to one. Names and ids are both taken.

    \b
    Examples:
      sluice datasets
      sluice datasets list --json
      sluice datasets create papers --strategy heading
      sluice datasets pause papers
      sluice datasets delete papers --yes
    """
    if context.invoked_subcommand is None:
        context.invoke(list_datasets, as_json=as_json, quiet=quiet, profile=profile)
    elif as_json or quiet or profile:
        raise click.UsageError(f"put options behind '{context.invoked_subcommand}'")


@datasets.command("list")
@runs
async def list_datasets(settings: Settings) -> None:
    """All datasets, newest first."""
    async with settings.client() as client:
        found = [dataset async for dataset in client.datasets.list()]
    _show(settings, found)


@datasets.command()
@named
@runs
async def show(settings: Settings, name: str) -> None:
    """One dataset."""
    async with settings.client() as client:
        _show(settings, [await client.datasets.find(name)])


@datasets.command()
@click.argument("name")
@click.option("--strategy", help="How documents are cut: recursive, heading, token, semantic.")
@click.option("--size", type=int, help="Of a passage, in characters, or tokens with 'token'.")
@click.option("--overlap", type=int, help="What a passage repeats of the one before.")
@click.option("--priority", type=int, default=0, show_default=True)
@runs
async def create(
    settings: Settings,
    *,
    name: str,
    strategy: str | None,
    size: int | None,
    overlap: int | None,
    priority: int,
) -> None:
    """Make a dataset."""
    given = {"strategy": strategy, "size": size, "overlap": overlap}
    chunking = {field: value for field, value in given.items() if value is not None}
    async with settings.client() as client:
        made = await client.datasets.create(name, chunking=chunking or None, priority=priority)
    _show(settings, [made])


@datasets.command()
@named
@runs
async def pause(settings: Settings, name: str) -> None:
    """Index nothing of a dataset for now."""
    async with settings.client() as client:
        _show(settings, [await _paused(client, name, paused=True)])


@datasets.command()
@named
@runs
async def resume(settings: Settings, name: str) -> None:
    """End a pause."""
    async with settings.client() as client:
        _show(settings, [await _paused(client, name, paused=False)])


@datasets.command()
@named
@click.argument("new_name")
@runs
async def rename(settings: Settings, name: str, new_name: str) -> None:
    """Give a dataset another name."""
    async with settings.client() as client:
        found = await client.datasets.find(name)
        _show(settings, [await client.datasets.update(found.id, name=new_name)])


@datasets.command()
@named
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@runs
async def delete(settings: Settings, name: str, yes: bool) -> None:
    """Delete a dataset with all its documents."""
    async with settings.client() as client:
        found = await client.datasets.find(name)
        if not yes:
            question = f"Delete {found.name!r} with {found.document_count} documents?"
            click.confirm(question, abort=True, err=True)
        await client.datasets.delete(found.id)
    if settings.as_json:
        settings.item({"deleted": found.id})
    settings.say(f"deleted {found.name!r}")


async def _paused(client: AsyncClient, name: str, *, paused: bool) -> Dataset:
    found = await client.datasets.find(name)
    return await client.datasets.update(found.id, paused=paused)


def _show(settings: Settings, found: list[Dataset]) -> None:
    if settings.as_json:
        for dataset in found:
            settings.item(dataset)
        return
    settings.table(HEADINGS, [_row(dataset) for dataset in found])


def _row(dataset: Dataset) -> tuple[object, ...]:
    status = "paused" if dataset.paused or dataset.tenant_paused else dataset.status
    return (
        dataset.name,
        status,
        dataset.document_count,
        dataset.searchable_count,
        dataset.failed_count,
        dataset.chunk_count,
        dataset.created_at,
        dataset.id,
    )
