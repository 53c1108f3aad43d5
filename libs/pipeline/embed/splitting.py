"""Sharing out what a call has cost."""

from collections.abc import Sequence


def split_tokens(tokens: int, weights: Sequence[int]) -> list[int]:
    """Whole parts in proportion to the weights that add up to `tokens`.

    The remainders go to the parts that lost most by rounding down. Without any weight the parts
    are even.
    """
    if not weights:
        return []
    total = sum(weights)
    if total == 0:
        return split_tokens(tokens, [1] * len(weights))
    parts = [tokens * weight // total for weight in weights]
    by_loss = sorted(range(len(weights)), key=lambda i: tokens * weights[i] % total, reverse=True)
    for index in by_loss[: tokens - sum(parts)]:
        parts[index] += 1
    return parts
