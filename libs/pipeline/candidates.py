"""Rows that a search found, with all that was said of them on the way to one order."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.fusion import RankedList, fuse_ranks, fuse_scores
from pipeline.live_lists import LiveList
from pipeline.store.rows import FoundRow


@dataclass(frozen=True, slots=True)
class Candidate:
    """`score` is what it is ranked by; the others are its parts: the cosine and the BM25 score with
    the ranks in their lists, from 1, and what the reranker said."""

    space: str
    row: FoundRow
    score: float
    dense: float | None = None
    dense_rank: int | None = None
    keyword: float | None = None
    keyword_rank: int | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Lists:
    """What one space gave. `dense_share`: what meaning counts, of 1; None in a mode of one list."""

    space: str
    dense: LiveList | None
    keyword: LiveList | None
    dense_share: float | None

    @property
    def given(self) -> list[LiveList]:
        return [each for each in (self.dense, self.keyword) if each is not None]

    @property
    def is_empty(self) -> bool:
        return not any(each.rows for each in self.given)

    @property
    def complete(self) -> bool:
        return all(each.complete for each in self.given)

    def is_whole(self, wanted: int) -> bool:
        """Whether the lists have nothing left to be read."""
        return all(len(each.rows) < wanted for each in self.given)


def rank(lists: Lists) -> list[Candidate]:
    """The candidates of one space, best first."""
    dense = lists.dense.rows if lists.dense else []
    keyword = lists.keyword.rows if lists.keyword else []
    rows = {row.id: row for row in [*dense, *keyword]}
    of_dense, of_keyword = _ranks(dense), _ranks(keyword)
    if lists.dense_share is None:
        scored = [(row.id, row.score) for row in [*dense, *keyword]]
    else:
        scored = fuse_scores(
            [(row.id, row.score) for row in dense],
            [(row.id, row.score) for row in keyword],
            dense_share=lists.dense_share,
        )
    return [
        Candidate(
            space=lists.space,
            row=rows[row_id],
            score=score,
            dense=of_dense[row_id][1] if row_id in of_dense else None,
            dense_rank=of_dense[row_id][0] if row_id in of_dense else None,
            keyword=of_keyword[row_id][1] if row_id in of_keyword else None,
            keyword_rank=of_keyword[row_id][0] if row_id in of_keyword else None,
        )
        for row_id, score in scored
    ]


def rank_over_spaces(ranked: Sequence[list[Candidate]]) -> list[Candidate]:
    """One order over spaces, whose scores do not compare: by ranks."""
    if len(ranked) == 1:
        return ranked[0]
    candidates = {(each.space, each.row.id): each for some in ranked for each in some}
    fused = fuse_ranks(
        [RankedList([(each.space, each.row.id) for each in some]) for some in ranked]
    )
    return [_scored(candidates[key], score) for key, score in fused]


def _ranks(rows: Sequence[FoundRow]) -> dict[str, tuple[int, float]]:
    return {row.id: (number, row.score) for number, row in enumerate(rows, start=1)}


def _scored(candidate: Candidate, score: float) -> Candidate:
    return Candidate(
        space=candidate.space,
        row=candidate.row,
        score=score,
        dense=candidate.dense,
        dense_rank=candidate.dense_rank,
        keyword=candidate.keyword,
        keyword_rank=candidate.keyword_rank,
    )
