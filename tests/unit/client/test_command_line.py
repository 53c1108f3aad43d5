"""The command: its output, and the exit code that tells."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import pytest

from sluice.cli.main import run
from sluice.cli.options import complete_datasets
from sluice.cli.search import EXCERPT_CHARACTERS, passage, search
from sluice.models import Highlight, Hit
from support.small_sluice import KEY, SmallSluice

Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def command(
    server: SmallSluice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """Exit code, standard output and standard error of a command against the small server."""
    monkeypatch.setenv("SLUICE_API_URL", server.url)
    monkeypatch.setenv("SLUICE_API_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    async def call(*arguments: str | Path) -> tuple[int, str, str]:
        # In a thread: it runs a loop of its own, and the server is in this one.
        code = await asyncio.to_thread(run, [str(each) for each in arguments])
        return (code, *capfd.readouterr())

    return call


async def test_an_upload_prints_lines_and_tells_by_its_exit_code(
    command: Command, folder: Path
) -> None:
    first = await command("upload", folder, "--dataset", "papers")
    (folder / "bad.txt").write_text("it fails")
    second = await command("upload", folder, "-d", "papers", "--json")
    quiet = await command("upload", folder, "-d", "papers", "--quiet")

    assert first[0] == 0
    assert "searchable  sub/b.txt\n" in first[1]
    assert second[0] == 1
    lines = [json.loads(line) for line in second[1].splitlines()]
    assert {line["type"] for line in lines} == {"file", "summary"}
    assert {name: lines[-1][name] for name in ("uploaded", "unchanged", "failed")} == {
        "uploaded": 1,
        "unchanged": 2,
        "failed": 1,
    }
    assert quiet == (1, "", "")


async def test_lists_are_lines_for_a_pipe(command: Command) -> None:
    await command("datasets", "create", "papers")

    plain = await command("datasets")
    as_json = await command("datasets", "--json")

    assert plain[1].split("\t")[:2] == ["papers", "ready"]
    assert json.loads(as_json[1])["name"] == "papers"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("upload",), 2),
        (("upload", "/no/such/file", "-d", "papers"), 2),
        (("search", "word", "--dataset", "no such dataset"), 2),
        (("search", "word", "--filter", "no json"), 2),
        (("retry",), 2),
        (("retry", "--all", "--dataset", "papers"), 2),
        (("datasets", "--profile", "no such profile"), 3),
        (("--version",), 0),
        (("upload", "--help"), 0),
        (("completion", "bash"), 0),
    ],
)
async def test_the_exit_code_says_what_was_wrong(
    command: Command, arguments: tuple[str, ...], expected: int
) -> None:
    code, out, err = await command(*arguments)

    assert code == expected
    assert (out if expected == 0 else err) != ""


async def test_a_wrong_key_is_no_access_and_said_in_json_if_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_API_KEY", "wrong")

    code, out, err = await command("jobs", "--json")

    assert (code, out, json.loads(err)["code"]) == (3, "", "unauthenticated")


async def test_datasets_are_completed(
    command: Command, server: SmallSluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluice.cli.options.COMPLETION_SECONDS", 60.0)  # of a busy machine
    for name in ("papers", "pages", "tables"):
        await command("datasets", "create", name)
    context = click.Context(search)

    found = await asyncio.to_thread(complete_datasets, context, search.params[1], "pa")

    assert {item.value for item in found} == {"papers", "pages"}
    assert server.requests("GET", "/datasets") != []


def test_a_long_passage_is_shown_around_the_first_word_of_the_query() -> None:
    text = "filler " * 200 + "warranty" + " filler" * 200
    start = text.index("warranty")
    hit = Hit(
        text=text,
        score=1.0,
        dataset_id="",
        document_id="",
        file_name="a.txt",
        page=None,
        char_start=0,
        char_end=len(text),
        chunk_id="",
        highlights=(Highlight(start, start + 8),),
    )

    shown = passage(hit, full=False)

    [span] = shown.spans
    assert shown.plain[span.start : span.end] == "warranty"
    assert len(shown.plain) < EXCERPT_CHARACTERS + 20
