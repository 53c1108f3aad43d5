"""The chaos bench would be worth nothing if it saw no difference; here it has to see each kind."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from bench.chaos.corpus import Corpus, File, Operation, Verb
from bench.chaos.differences import Differences, compare
from bench.chaos.plan import BETWEEN_SECONDS, KINDS, draw
from bench.chaos.report import Report
from bench.chaos.snapshot import Passage, Snapshot

FILE = File(0, "a.txt", "marker")
CORPUS = Corpus.draw(1, 40)
ONE = Passage(0, "hash", "text", (0, 10, None, None, None, None, ()))


def one_file() -> Corpus:
    [operation] = [each[0] for each in list(CORPUS.fates.values())[:1]]
    return Corpus(1, {FILE: [Operation(FILE, Verb.PUT, 0.0, operation.paragraphs)]})


def document(state: str = "completed") -> tuple[tuple[str, Any], ...]:
    return (("searchable", True), ("gone", False), ("state", state), ("chunk_count", 1))


def snapshot() -> Snapshot:
    return Snapshot(
        documents={FILE: document()},
        rows={FILE: {0: ONE}},
        vectors={(FILE, 0): [1.0, 0.0]},
        found={FILE: Counter([("text", 0, 10)])},
    )


def lose_row(taken: Snapshot) -> None:
    taken.rows[FILE].clear()


def add_row(taken: Snapshot) -> None:
    taken.rows[FILE][1] = replace(ONE, ordinal=1)
    taken.vectors[FILE, 1] = [1.0, 0.0]


def move_row(taken: Snapshot) -> None:
    taken.rows[FILE][0] = replace(ONE, place=(5, 15))


def turn_vector(taken: Snapshot) -> None:
    taken.vectors[FILE, 0] = [0.99, 0.14]


def spoil_vector(taken: Snapshot) -> None:
    taken.vectors[FILE, 0] = [math.nan, math.nan]


def hide_hit(taken: Snapshot) -> None:
    taken.found[FILE].clear()


def repeat_hit(taken: Snapshot) -> None:
    taken.found[FILE] = Counter({("text", 0, 10): 2})


def fail_document(taken: Snapshot) -> None:
    taken.documents[FILE] = document("failed")


def forget_document(taken: Snapshot) -> None:
    del taken.documents[FILE]


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lose_row, {"lost"}),
        (add_row, {"doubled"}),
        (move_row, {"changed"}),
        (turn_vector, {"changed"}),
        (spoil_vector, {"changed"}),
        (hide_hit, {"search"}),
        (repeat_hit, {"doubled", "search"}),
        (fail_document, {"documents"}),
        (forget_document, {"documents"}),
    ],
)
def test_every_kind_of_difference_is_seen(
    change: Callable[[Snapshot], None], kinds: set[str]
) -> None:
    chaos = snapshot()
    change(chaos)

    found = compare(one_file(), snapshot(), chaos)

    assert kinds_of(found) == kinds
    assert found.files == {FILE}


def test_equal_snapshots_do_not_differ() -> None:
    found = compare(one_file(), snapshot(), snapshot())

    assert not found
    assert found.files == set()


@pytest.mark.parametrize(("change", "kinds"), [(lose_row, {"lost"}), (hide_hit, {"search"})])
def test_two_runs_that_both_show_nothing_prove_nothing(
    change: Callable[[Snapshot], None], kinds: set[str]
) -> None:
    quiet, chaos = snapshot(), snapshot()
    change(quiet)
    change(chaos)

    assert kinds_of(compare(one_file(), quiet, chaos)) == kinds


def test_a_run_without_its_faults_proves_nothing() -> None:
    report = Report(seed=1, files=1, operations=1, planned=4)

    assert not report.ok
    assert replace(report, injected=["worker killed"] * 3).ok


def kinds_of(found: Differences) -> set[str]:
    return {name for name, value in vars(found).items() if name != "files" and value}


def test_a_seed_draws_the_same_work_and_the_same_faults_each_time() -> None:
    again = Corpus.draw(1, 40)

    assert again == CORPUS
    assert [each.etag for fate in again.fates.values() for each in fate] == [
        each.etag for fate in CORPUS.fates.values() for each in fate
    ]
    assert draw(1, 50, without=frozenset()) == draw(1, 50, without=frozenset())
    assert draw(1, 50, without=frozenset()) != draw(2, 50, without=frozenset())


def test_faults_come_at_least_every_three_seconds_and_of_every_kind_in_the_long_run() -> None:
    faults = draw(5, 1_000, without=frozenset())

    gaps = [after.at - before.at for before, after in pairwise(faults)]
    assert max(gaps) <= BETWEEN_SECONDS[1] < 3
    assert {fault.kind for fault in faults} == set(KINDS)


def test_no_two_faults_strike_one_target_at_once() -> None:
    faults = draw(5, 300, without=frozenset())

    by_target: dict[str, float] = {}
    for fault in faults:
        assert fault.at >= by_target.get(fault.target, 0.0), fault
        by_target[fault.target] = fault.at + fault.seconds
