"""A test collection as BEIR lays it out: passages, questions, and which answers which.

A folder holds `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and
`qrels.tsv` (`query-id`, `corpus-id`, `score`, with a header).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Collection:
    """`relevant` holds the graded relevance of passages by question; only those above zero."""

    name: str
    titles: dict[str, str]
    passages: dict[str, str]
    queries: dict[str, str]
    relevant: dict[str, dict[str, int]]

    @classmethod
    def read(cls, folder: Path, *, every: int = 1) -> Self:
        """`every` keeps each n-th judged question, for the sake of time."""
        lines = list(_lines(folder / "corpus.jsonl"))
        passages = {line["_id"]: line["text"].strip() for line in lines}
        relevant: dict[str, dict[str, int]] = {}
        for judgement in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
            query, passage, score = judgement.split("\t")
            if int(score) > 0 and passage in passages:
                relevant.setdefault(query, {})[passage] = int(score)
        queries = {
            line["_id"]: line["text"]
            for line in _lines(folder / "queries.jsonl")
            if line["_id"] in relevant
        }
        kept = list(queries)[::every]
        return cls(
            name=folder.name,
            titles={line["_id"]: " ".join(line.get("title", "").split()) for line in lines},
            passages=passages,
            queries={query: queries[query] for query in kept},
            relevant={query: relevant[query] for query in kept},
        )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
