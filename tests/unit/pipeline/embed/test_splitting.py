"""A call's usage is shared out without a token lost."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.embed.splitting import split_tokens


@given(
    st.integers(min_value=0, max_value=300_000),
    st.lists(st.integers(min_value=0, max_value=8192), min_size=1, max_size=100),
)
def test_the_parts_add_up_and_differ_from_their_proportion_by_less_than_one(
    tokens: int, weights: list[int]
) -> None:
    parts = split_tokens(tokens, weights)

    assert sum(parts) == tokens
    total = sum(weights)
    if total:
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - tokens * weight / total) < 1


def test_without_weights_the_parts_are_even() -> None:
    assert split_tokens(5, [0, 0]) == [3, 2]
    assert split_tokens(5, []) == []
