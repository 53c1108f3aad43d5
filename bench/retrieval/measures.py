"""The usual measures of a ranking, averaged over questions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Rankings = Mapping[str, Sequence[str]]  # the passages found for each question, best first
Judgements = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Quality:
    ndcg_10: float
    recall_10: float
    recall_100: float


def quality(rankings: Rankings, relevant: Judgements) -> Quality:
    """Of all judged questions; one that found nothing counts as zero."""
    found = [(rankings.get(query, ()), judged) for query, judged in relevant.items()]
    return Quality(
        ndcg_10=_mean([ndcg(ranking, judged, 10) for ranking, judged in found]),
        recall_10=_mean([recall(ranking, judged, 10) for ranking, judged in found]),
        recall_100=_mean([recall(ranking, judged, 100) for ranking, judged in found]),
    )


def ndcg(ranking: Sequence[str], judged: Mapping[str, int], depth: int) -> float:
    """Normalised discounted cumulative gain; the gain of a grade g is 2^g - 1."""
    gains = [2 ** judged.get(passage, 0) - 1 for passage in ranking[:depth]]
    best = sorted((2**grade - 1 for grade in judged.values()), reverse=True)[:depth]
    return _discounted(gains) / _discounted(best)


def recall(ranking: Sequence[str], judged: Mapping[str, int], depth: int) -> float:
    return len(judged.keys() & set(ranking[:depth])) / len(judged)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
