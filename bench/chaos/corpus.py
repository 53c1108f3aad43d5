"""What the users of a run do, drawn from its seed: which file, which operation, when.

The last operation on a file decides how it ends; the operations on one file are in order.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import md5
from random import Random

from .bodies import MAKERS, Paragraph

FILES_A_DATASET = 40
FEW_PARAGRAPHS = (2, 24)
MANY_PARAGRAPHS = (120, 200)
MANY_SHARE = 0.05
LOCKED_SHARE = 0.02
# Removals that no client asked for are held back beyond 20 in ten minutes, which is not the matter
# of this bench.
UNASKED_MAX = 12
# How a file fares, and how many of a hundred fare so.
FATES = {
    "put": 48,
    "put put": 16,
    "put same": 4,
    "put put put": 6,
    "put delete": 8,
    "put delete put": 6,
    "put put delete": 3,
    "put delete put delete": 2,
    "put delete put put": 2,
    "put remove": 3,
    "put remove put": 2,
}


class Verb(StrEnum):
    PUT = "put"
    SAME = "same"  # the same bytes again
    DELETE = "delete"  # by the API
    REMOVE = "remove"  # in the bucket, past the API


@dataclass(frozen=True)
class File:
    dataset: int
    name: str
    marker: str  # a word that stands in every sentence of every version

    @property
    def kind(self) -> str:
        return self.name.split(".", 1)[1]


@dataclass(frozen=True)
class Operation:
    file: File
    verb: Verb
    at: float  # share of the run's time; a later operation on the file also waits for this one
    paragraphs: tuple[Paragraph, ...] = ()

    @cached_property
    def body(self) -> bytes:
        return MAKERS[self.file.kind]([each.text(self.file.marker) for each in self.paragraphs])

    @property
    def etag(self) -> str | None:
        """Of the object after this operation; None if there is none."""
        return md5(self.body, usedforsecurity=False).hexdigest() if self.paragraphs else None


@dataclass(frozen=True)
class Corpus:
    datasets: int
    fates: dict[File, list[Operation]]

    @property
    def operations(self) -> int:
        return sum(map(len, self.fates.values()))

    @classmethod
    def draw(cls, seed: int, files: int) -> "Corpus":
        random = Random(f"corpus {seed}")
        datasets = max(2, -(-files // FILES_A_DATASET))
        kinds = [kind for kind in MAKERS if kind != "locked.pdf"]
        fates: dict[File, list[Operation]] = {}
        unasked = 0
        for number in range(files):
            kind = kinds[number % len(kinds)]
            if random.random() < LOCKED_SHARE:
                kind = "locked.pdf"
            file = File(
                dataset=random.randrange(datasets),
                name=f"file-{number:04}.{kind}",
                marker=f"m{seed % 1000}x{number}q",
            )
            [fate] = random.choices(list(FATES), weights=list(FATES.values()))
            if "remove" in fate:
                unasked += 1
                fate = fate if unasked <= UNASKED_MAX else "put put"
            fates[file] = _operations(random, file, fate.split())
        return cls(datasets, fates)


def _operations(random: Random, file: File, verbs: list[str]) -> list[Operation]:
    moments = sorted(random.random() for _ in verbs)
    bounds = MANY_PARAGRAPHS if random.random() < MANY_SHARE else FEW_PARAGRAPHS
    paragraphs = _new(random, random.randint(*bounds))
    operations: list[Operation] = []
    for word, at in zip(verbs, moments, strict=True):
        verb = Verb(word)
        match verb:
            case Verb.PUT:
                if operations and not operations[-1].paragraphs:
                    # Rows of a deleted file are gone, so its text would rightly be embedded again.
                    paragraphs = _new(random, random.randint(*bounds))
                elif operations:
                    paragraphs = _edited(random, paragraphs)
                operations.append(Operation(file, verb, at, paragraphs))
            case Verb.SAME:
                operations.append(Operation(file, verb, at, paragraphs))
            case Verb.DELETE | Verb.REMOVE:
                operations.append(Operation(file, verb, at))
    return operations


def _new(random: Random, count: int) -> tuple[Paragraph, ...]:
    return tuple(Paragraph(random.randrange(2**40)) for _ in range(count))


def _edited(random: Random, old: tuple[Paragraph, ...]) -> tuple[Paragraph, ...]:
    """Another text altogether, or the old one with a paragraph changed, added or left out."""
    draft = list(old)
    at = random.randrange(len(draft))
    match random.randrange(4):
        case 0:
            return _new(random, random.randint(*FEW_PARAGRAPHS))
        case 1:
            draft[at] = _new(random, 1)[0]
        case 2:
            draft.insert(at, _new(random, 1)[0])
        case _:
            draft[at : at + 1] = [] if len(draft) > 1 else _new(random, 1)
    return tuple(draft)
