"""Two snapshots of one corpus side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .corpus import Corpus, File
from .snapshot import HITS_MAX, Snapshot

COSINE_MIN = 0.999


@dataclass
class Differences:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # rows with another text, place or vector
    search: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    files: set[File] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any((self.lost, self.doubled, self.changed, self.search, self.documents))


def compare(corpus: Corpus, quiet: Snapshot, chaos: Snapshot) -> Differences:
    found = Differences(doubled=[*quiet.doubled, *chaos.doubled])
    for file, operations in corpus.fates.items():
        before = len(found.lost), len(found.doubled), len(found.changed), len(found.search)
        known = len(found.documents)
        _whole(found, file, quiet)
        _documents(found, file, quiet, chaos, is_there=operations[-1].etag is not None)
        _rows(found, file, quiet, chaos)
        _search(found, file, quiet, chaos)
        after = len(found.lost), len(found.doubled), len(found.changed), len(found.search)
        if after != before or len(found.documents) != known:
            found.files.add(file)
    return found


def _whole(found: Differences, file: File, quiet: Snapshot) -> None:
    """What is compared with has to be there: two runs that both show nothing are alike, too."""
    document = dict(quiet.documents.get(file, ()))
    if not document.get("searchable"):
        return
    rows, expected = quiet.rows.get(file, {}), document.get("chunk_count")
    if len(rows) != expected:
        found.lost.append(f"{file.name}: {len(rows)} of {expected} rows in the quiet run")
    if rows and not quiet.found[file]:
        found.search.append(f"{file.name}: the quiet run finds nothing of it")


def _documents(
    found: Differences, file: File, quiet: Snapshot, chaos: Snapshot, *, is_there: bool
) -> None:
    one, other = quiet.documents.get(file), chaos.documents.get(file)
    if not is_there:
        # A file that came and went between two looks may have left no trace: that is as good.
        one, other = one and one[:2], other and other[:2]
        if one is None or other is None:
            return
    if one != other:
        found.documents.append(f"{file.name}: quiet {_short(one)}, chaos {_short(other)}")


def _short(view: object) -> str:
    return ", ".join(f"{n}={v}" for n, v in view) if isinstance(view, tuple) else "nothing"


def _rows(found: Differences, file: File, quiet: Snapshot, chaos: Snapshot) -> None:
    one, other = quiet.rows.get(file, {}), chaos.rows.get(file, {})
    missing, extra = one.keys() - other.keys(), other.keys() - one.keys()
    if missing:
        found.lost.append(f"{file.name}: {len(missing)} of {len(one)} rows")
    if extra:
        found.doubled.append(f"{file.name}: {len(extra)} rows beyond {len(one)}")
    for ordinal in one.keys() & other.keys():
        if one[ordinal] != other[ordinal]:
            found.changed.append(f"{file.name}: row {ordinal}: {one[ordinal]} / {other[ordinal]}")
        # Turned around, for a vector that is no number is like none.
        elif not _cosine(quiet.vectors[file, ordinal], chaos.vectors[file, ordinal]) >= COSINE_MIN:
            found.changed.append(f"{file.name}: row {ordinal}: another vector")


def _search(found: Differences, file: File, quiet: Snapshot, chaos: Snapshot) -> None:
    one, other = quiet.found[file], chaos.found[file]
    repeated = [hit for hit, count in other.items() if count > 1]
    if repeated:
        found.doubled.append(f"{file.name}: search shows {len(repeated)} passages twice")
    if max(one.total(), other.total()) >= HITS_MAX:
        # More than one answer holds: which of equally good passages are shown is anybody's guess.
        if one.total() != other.total():
            found.search.append(f"{file.name}: {one.total()} hits, then {other.total()}")
    elif one != other:
        found.search.append(
            f"{file.name}: {one.total()} hits, then {other.total()}, "
            f"{(one & other).total()} of them alike"
        )


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))
