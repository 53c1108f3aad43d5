"""`sluice upload`."""

import sys

import click

from sluice.cli.exit_codes import DONE, EXPLAINED, SOME_FAILED
from sluice.cli.options import dataset_option, runs
from sluice.cli.output import Settings
from sluice.cli.reporting import reporter_for
from sluice.errors import NothingToUpload
from sluice.uploading.files import LocalFile, collect, listed
from sluice.uploading.uploader import Order

FROM_STDIN = "-"
PARALLEL_MAX = 32


@click.command(short_help="Upload files and folders, and follow them until they are searchable.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@dataset_option(required=True, help="Name or id; made if it is not there.")
@click.option(
    "--parallel",
    type=click.IntRange(1, PARALLEL_MAX),
    default=4,
    show_default=True,
    help="Transfers at once.",
)
@click.option("--force", is_flag=True, help="Also send what is unchanged.")
@click.option("--no-wait", is_flag=True, help="End when all is sent; do not wait for the indexing.")
@click.option("--no-create", is_flag=True, help="Complain if there is no such dataset.")
@click.option("--hidden", is_flag=True, help="Of folders also what begins with a dot.")
@runs
async def upload(
    settings: Settings,
    *,
    paths: tuple[str, ...],
    dataset: str,
    parallel: int,
    force: bool,
    no_wait: bool,
    no_create: bool,
    hidden: bool,
) -> int:
    """Upload files, folders and patterns, and follow them until they are searchable.

    A folder's files are named by their paths in it. What the dataset has already is skipped, and a
    large file that was broken off goes on where it ended: to go on, run the same command again. A
    PATH of - reads paths from the standard input, one a line; those are named as they stand there.

    \b
    Examples:
      sluice upload report.pdf --dataset papers
      sluice upload notes/ 'archive/**/*.pdf' --dataset papers --parallel 8
      find . -newer stamp -name '*.md' | sluice upload - --dataset papers
      sluice upload big.csv -d tables --no-wait --json | jq -r 'select(.state) | .task_id'
    """
    files = _files(paths, hidden=hidden)
    reporter = reporter_for(settings, files, wait=not no_wait)
    async with settings.client() as client:
        with reporter:
            report = await client.upload_files(
                files,
                dataset=dataset,
                create=not no_create,
                order=Order(parallel=parallel, force=force, wait=not no_wait),
                on_progress=reporter.changed,
            )
    reporter.summary(report)
    return DONE if report.ok else SOME_FAILED


upload.epilog = EXPLAINED


def _files(paths: tuple[str, ...], *, hidden: bool) -> list[LocalFile]:
    named = [path for path in paths if path != FROM_STDIN]
    files = collect(named, hidden=hidden)
    if FROM_STDIN in paths:
        files += listed(line.rstrip("\n") for line in sys.stdin)
    names = [file.name for file in files]
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise NothingToUpload(f"two files would be called {double!r}")
    if not files:
        raise NothingToUpload("the paths hold no file")
    return files
