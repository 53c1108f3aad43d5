"""`sluice watch`: a dataset until it is settled, or everything that happens."""

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sluice.async_client import AsyncClient
from sluice.cli.exit_codes import DONE, SOME_FAILED
from sluice.cli.options import complete_datasets, runs
from sluice.cli.output import Settings, cell, duration
from sluice.decoding import encode
from sluice.models import Dataset, Event, Tick


@click.command(short_help="Follow a dataset until everything is indexed.")
@click.argument("dataset", metavar="[DATASET]", required=False, shell_complete=complete_datasets)
@click.option("--events", is_flag=True, help="Print what happens instead, without end.")
@click.option("--cursor", type=int, help="With --events: begin behind this one.")
@runs
async def watch(settings: Settings, dataset: str | None, events: bool, cursor: int | None) -> int:
    """Follow a dataset until everything that arrived is indexed or failed.

    With --events print every event of the dataset, or of all, until interrupted; the number is the
    cursor to go on from.

    \b
    Examples:
      sluice watch papers && sluice search "what is it about" --dataset papers
      sluice watch --events --json | jq -c 'select(.kind == "job.failed")'
    """
    if dataset is None and not events:
        raise click.UsageError("name a dataset, or say --events")
    async with settings.client() as client:
        if events:
            found = None if dataset is None else (await client.datasets.find(dataset)).id
            await _print_events(settings, client, found, cursor)
            return DONE
        assert dataset is not None  # noqa: S101  # for the type checker
        settled = await _until_settled(settings, client, dataset)
    if settings.as_json:
        settings.item({"type": "settled", "dataset": settled})
    settings.say(_sentence(settled))
    return DONE if settled.status in ("ready", "uploading") else SOME_FAILED


async def _print_events(
    settings: Settings, client: AsyncClient, dataset_id: str | None, cursor: int | None
) -> None:
    async for event in client.events(dataset_id=dataset_id, cursor=cursor):
        if settings.as_json:
            kind = "event" if isinstance(event, Event) else "progress"
            settings.item({"type": kind, **encode(event)})
        elif isinstance(event, Event) and not settings.quiet:
            fields = (event.cursor, event.at, event.kind, event.document_id, event.job_id)
            print("\t".join(cell(field) for field in fields), flush=True)


async def _until_settled(settings: Settings, client: AsyncClient, dataset: str) -> Dataset:
    if settings.interactive:
        with _Bar() as bar:
            return await client.wait(dataset, on_change=bar.changed, on_tick=bar.tick)

    def tell(now: Dataset) -> None:
        if settings.as_json:
            settings.item({"type": "dataset", **encode(now)})
        else:
            settings.say(f"{now.progress.percent:>3} %  {_sentence(now)}")

    return await client.wait(dataset, on_change=tell)


class _Bar:
    """One for the dataset, and one for the job that was heard of last."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", style="dim"),
            console=Console(),
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("", total=100, note="")
        self._job: TaskID | None = None

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def changed(self, dataset: Dataset) -> None:
        left = duration(dataset.progress.seconds_left)
        self._progress.update(
            self._task,
            description=dataset.name,
            completed=dataset.progress.percent,
            note=f"{dataset.searchable_count} of {dataset.document_count} searchable, "
            f"{dataset.failed_count} failed{f', {left} left' if left else ''}",
        )

    def tick(self, tick: Tick) -> None:
        if self._job is None:
            self._job = self._progress.add_task("", total=100, note="")
        self._progress.update(
            self._job, description=f"  {tick.stage}", completed=tick.percent, note=tick.document_id
        )


def _sentence(dataset: Dataset) -> str:
    failed = f", {dataset.failed_count} failed" if dataset.failed_count else ""
    return (
        f"{dataset.name}: {dataset.status}, {dataset.searchable_count} of "
        f"{dataset.document_count} documents searchable{failed}"
    )
