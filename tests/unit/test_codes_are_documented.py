"""Codes are public: each is explained in docs/errors.md."""

from collections.abc import Iterator
from pathlib import Path

import api.problems
import pipeline.embed.errors
import pipeline.ingest
import pipeline.questions
import pipeline.store.object_errors
import pipeline.store.vector_errors
from pipeline.errors import PipelineError

ERRORS = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")

# Imported above so that their classes exist when they are looked for.
MODULES = (
    pipeline.embed.errors,
    pipeline.ingest,
    pipeline.questions,
    pipeline.store.object_errors,
    pipeline.store.vector_errors,
)


def all_below(kind: type[PipelineError]) -> Iterator[type[PipelineError]]:
    for child in kind.__subclasses__():
        yield child
        yield from all_below(child)


def test_every_code_of_the_pipeline_is_explained() -> None:
    codes = {kind.code for kind in all_below(PipelineError)}

    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in ERRORS} == set()


def test_every_caveat_of_a_search_is_explained() -> None:
    assert {caveat for caveat in pipeline.questions.Caveat if f"`{caveat}`" not in ERRORS} == set()


def test_every_code_of_the_api_is_explained() -> None:
    codes = {kind.code for kind in api.problems.KINDS.values()}

    assert {code for code in codes if f"`{code}`" not in ERRORS} == set()
