"""What embedding cost."""

from datetime import UTC, datetime, timedelta

import click

from sluice.cli.options import dataset_option, runs
from sluice.cli.output import Settings
from sluice.models import Spending, Usage

GROUPS = ("day", "dataset", "document", "job", "model")


@click.command(short_help="Add up what embedding cost.")
@dataset_option(help="Of this dataset alone.")
@click.option(
    "--by", "groups", type=click.Choice(GROUPS), multiple=True, help="Add up by this; repeatable."
)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True)
@runs
async def costs(
    settings: Settings, dataset: str | None, groups: tuple[str, ...], days: int
) -> None:
    """Tokens and dollars of the last days (UTC), and what was saved by texts that had vectors.

    \b
    Examples:
      sluice costs --by day
      sluice costs --dataset papers --by model --days 7
      sluice costs --json | jq -r .total.cost
    """
    today = datetime.now(UTC).date()
    async with settings.client() as client:
        found = None if dataset is None else await client.datasets.find(dataset)
        usage = await client.usage(
            group_by=groups,
            first_day=today - timedelta(days=days - 1),
            last_day=today,
            dataset_id=None if found is None else found.id,
        )
    if settings.as_json:
        settings.item(usage)
        return
    headings = (*groups, "tokens", "dollars", "tokens saved", "dollars saved")
    rows = [_row(groups, each) for each in usage.groups] if groups else []
    settings.table(headings, [*rows, _total(groups, usage)])
    if usage.total.tokens_unpriced:
        settings.say(f"{usage.total.tokens_unpriced} tokens are of models without a price")


def _row(groups: tuple[str, ...], spent: Spending) -> tuple[object, ...]:
    names = {"dataset": "dataset_id", "document": "document_id", "job": "task_id"}
    by = tuple(getattr(spent, names.get(group, group)) for group in groups)
    return (*by, spent.tokens, spent.cost, spent.tokens_saved, spent.cost_saved)


def _total(groups: tuple[str, ...], usage: Usage) -> tuple[object, ...]:
    spent = usage.total
    label = ("total", *("" for _ in groups[1:])) if groups else ()
    return (*label, spent.tokens, spent.cost, spent.tokens_saved, spent.cost_saved)
