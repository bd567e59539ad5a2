"""Divisions that lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.portfolio.exact import EXACT, exactly, split

D = Decimal


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1", "1", "1"),
        ("7", "5", "7"),
        ("6", "1 2 3", "1 2 3"),
        ("1", "1 1 1", "0.333333333333333333 0.333333333333333334 0.333333333333333333"),
        ("-1", "3 1", "-0.75 -0.25"),
        ("5", "1 0 1", "2.5 0 2.5"),
        ("5", "0 1 0", "0 5 0"),
        ("0", "1 2", "0 0"),
        ("1e-18", "1 1", "0 1e-18"),
        ("1e-20", "1 1", "0 1e-20"),
        ("0.3", "2.5 2.50", "0.15 0.15"),
        ("-0.7", "1 1", "-0.35 -0.35"),
        ("3e-18", "1.5e-18 1.5e-18", "1.5e-18 1.5e-18"),
        ("1e-18", "1.5e-18 1.5e-18", "5e-19 5e-19"),
    ],
)
def test_split(amount: str, weights: str, parts: str) -> None:
    with localcontext(EXACT):
        assert split(D(amount), [D(w) for w in weights.split()]) == [D(p) for p in parts.split()]


numbers = st.builds(lambda n, e: D(n).scaleb(e), st.integers(0, 10**15), st.integers(-24, 3))


alike = st.builds(lambda weight, n: [weight] * n, numbers.filter(bool), st.integers(1, 4))


@given(numbers, st.booleans(), alike | st.lists(numbers, min_size=1, max_size=6).filter(any))
def test_parts_add_up_and_take_no_more_than_there_is(
    amount: Decimal, paid: bool, weights: Sequence[Decimal]
) -> None:
    with localcontext(EXACT):
        parts = split(-amount if paid else amount, weights)
        assert sum(parts) == (-amount if paid else amount)
        assert all((part <= 0 if paid else part >= 0) for part in parts)
        assert all(weight or not part for part, weight in zip(parts, weights, strict=True)) or len(parts) == 1
        if not paid and amount <= sum(weights):
            assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


def test_an_exact_function_leaves_the_context_as_it_was() -> None:
    @exactly
    def times(one: Decimal, other: Decimal) -> Decimal:
        if not other:
            raise ValueError("nothing to multiply by")
        return one * other

    with localcontext(prec=3):
        mine = getcontext()
        assert times(D("1.2345"), D("1.0001")) == D("1.23462345")
        with pytest.raises(ValueError, match="nothing"):
            times(D(1), D(0))
        assert getcontext() is mine and D("1.2345") * D("1.0001") == D("1.23")
