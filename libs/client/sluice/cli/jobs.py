"""Jobs: looked at, done again, called off."""

from collections.abc import Mapping
from typing import Any

import click

from sluice.async_client import AsyncClient
from sluice.cli.exit_codes import DONE, SOME_FAILED
from sluice.cli.options import dataset_option, runs
from sluice.cli.output import Settings, complain_of
from sluice.errors import ApiError
from sluice.models import Attempt, Job

STATES = ("queued", "processing", "completed", "failed", "cancelled")
HEADINGS = ("JOB", "STATUS", "%", "STAGE", "FILE", "TRIES", "TOKENS", "ERROR", "MADE")
ids = click.argument("job_ids", metavar="[JOB]...", nargs=-1)


@click.command(short_help="List jobs, or show one.")
@click.argument("job_id", metavar="[JOB]", required=False)
@dataset_option(help="Of this dataset.")
@click.option("--status", type=click.Choice(STATES), help="In this state.")
@click.option("--error-code", metavar="CODE", help="With this latest error.")
@click.option("--failures", is_flag=True, help="Failures by kind, the most frequent first.")
@click.option("--limit", "-n", type=click.IntRange(1), default=50, show_default=True)
@runs
async def jobs(
    settings: Settings,
    *,
    job_id: str | None,
    dataset: str | None,
    status: str | None,
    error_code: str | None,
    failures: bool,
    limit: int,
) -> None:
    """List jobs, newest first, or show one with its attempts.

    \b
    Examples:
      sluice jobs --status failed
      sluice jobs --dataset papers --json | jq -r 'select(.tokens > 10000) | .file_name'
      sluice jobs --failures
      sluice jobs 0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11
    """
    async with settings.client() as client:
        if job_id is not None:
            job = await client.jobs.get(job_id)
            _show_one(settings, job, [each async for each in client.jobs.attempts(job_id)])
            return
        dataset_id = None if dataset is None else (await client.datasets.find(dataset)).id
        if failures:
            await _show_failures(settings, client, dataset_id)
            return
        listed = client.jobs.list(dataset_id=dataset_id, status=status, error_code=error_code)
        found = []
        async for job in listed:
            if settings.as_json:
                settings.item(job)
            found.append(job)
            if len(found) == limit:
                break
    if not settings.as_json:
        settings.table(HEADINGS, [_row(job) for job in found])


@click.command(short_help="Do failed or cancelled jobs again.")
@ids
@dataset_option(help="All failed ones of this dataset.")
@click.option("--error-code", metavar="CODE", help="All that failed with this error.")
@click.option("--fingerprint", help="All that failed alike, see 'sluice jobs --failures'.")
@click.option("--all", "everything", is_flag=True, help="All failed ones.")
@click.option("--per-minute", type=click.IntRange(1, 100_000), help="At this pace.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@runs
async def retry(
    settings: Settings,
    *,
    job_ids: tuple[str, ...],
    dataset: str | None,
    error_code: str | None,
    fingerprint: str | None,
    everything: bool,
    per_minute: int | None,
    dry_run: bool,
) -> int:
    """Do failed or cancelled jobs again, with all their tries.

    \b
    Examples:
      sluice retry 0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11
      sluice retry --dataset papers
      sluice retry --error-code parser_timeout --per-minute 60 --dry-run
      sluice jobs --status cancelled --json | jq -r .task_id | xargs sluice retry
    """
    async with settings.client() as client:
        wanted = await _wanted(client, dataset, error_code=error_code, fingerprint=fingerprint)
        if _names_jobs(job_ids, wanted, everything):
            return await _each(settings, client.jobs.retry, job_ids)
        done = await client.jobs.retry_all(
            wanted=wanted, everything=everything, per_minute=per_minute, dry_run=dry_run
        )
    if settings.as_json:
        settings.item(done)
    verb = "would be retried" if dry_run else "are queued again"
    settings.say(f"{done.retried} of {done.matched} jobs {verb}, {done.skipped} left as they are")
    return SOME_FAILED if done.remaining else DONE


@click.command(short_help="Call off unfinished jobs.")
@ids
@dataset_option(help="All unfinished ones of this dataset.")
@click.option("--all", "everything", is_flag=True, help="All unfinished ones.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@runs
async def cancel(
    settings: Settings,
    *,
    job_ids: tuple[str, ...],
    dataset: str | None,
    everything: bool,
    dry_run: bool,
) -> int:
    """Call off unfinished jobs; what was searchable stays.

    \b
    Examples:
      sluice cancel 0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11
      sluice cancel --dataset papers
    """
    async with settings.client() as client:
        wanted = await _wanted(client, dataset)
        if _names_jobs(job_ids, wanted, everything):
            return await _each(settings, client.jobs.cancel, job_ids)
        done = await client.jobs.cancel_all(wanted=wanted, everything=everything, dry_run=dry_run)
    if settings.as_json:
        settings.item(done)
    settings.say(f"{done.cancelled} jobs {'would be' if dry_run else 'are'} cancelled")
    return SOME_FAILED if done.remaining else DONE


async def _wanted(client: AsyncClient, dataset: str | None, **given: str | None) -> dict[str, str]:
    narrowed = {name: value for name, value in given.items() if value is not None}
    if dataset is not None:
        narrowed["dataset_id"] = (await client.datasets.find(dataset)).id
    return narrowed


def _names_jobs(job_ids: tuple[str, ...], wanted: Mapping[str, str], everything: bool) -> bool:
    """Whether single jobs are meant."""
    if sum((bool(job_ids), bool(wanted), everything)) != 1:
        raise click.UsageError("name jobs, or narrow by an option, or say --all: one of the three")
    return bool(job_ids)


async def _each(settings: Settings, order: Any, job_ids: tuple[str, ...]) -> int:
    """Every job gets its order, whatever became of the others."""
    code = DONE
    for job_id in job_ids:
        try:
            job: Job = await order(job_id)
        except ApiError as error:
            if error.status in (401, 403):
                raise
            complain_of(error, settings)
            code = SOME_FAILED
            continue
        if settings.as_json:
            settings.item(job)
        settings.say(f"{job.task_id} {job.status} {job.file_name}")
    return code


async def _show_failures(settings: Settings, client: AsyncClient, dataset_id: str | None) -> None:
    failures = await client.jobs.failures(dataset_id=dataset_id)
    if settings.as_json:
        for group in failures.items:
            settings.item(group)
        return
    headings = ("FINGERPRINT", "JOBS", "ERROR", "STAGE", "LATEST", "MESSAGE")
    rows = [
        (
            each.fingerprint,
            each.job_count,
            each.error_code,
            each.stage,
            each.latest_at,
            each.message,
        )
        for each in failures.items
    ]
    settings.table(headings, rows)


def _show_one(settings: Settings, job: Job, attempts: list[Attempt]) -> None:
    if settings.as_json:
        settings.item({"job": job, "attempts": attempts})
        return
    settings.table(HEADINGS, [_row(job)])
    if job.error:
        settings.say(f"\n{job.error_code}: {job.error}")
    if attempts and settings.interactive:
        settings.say("")
        headings = ("ATTEMPT", "OUTCOME", "STAGE", "WORKER", "ERROR", "STARTED", "FINISHED")
        settings.table(
            headings,
            [
                (a.number, a.outcome, a.stage, a.worker, a.error_code, a.started_at, a.finished_at)
                for a in attempts
            ],
        )


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.task_id,
        "stalled" if job.stalled else job.status,
        job.progress,
        job.waiting_for or job.stage,
        job.file_name,
        job.attempts,
        job.tokens,
        job.error_code,
        job.created_at,
    )
