"""What is remembered of a market's side: enough for every fill, and no more."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS
from engine.execution.paper.display import Side

D = Decimal


class Remembering(Side, gc=False):
    """Forgets nothing but what it is told."""

    def _forget(self, before_ns: int) -> None:
        """Never."""


def test_levels_that_a_falling_price_left_behind_are_forgotten() -> None:
    asks = Side(-1)
    for second in range(5_000):
        price = D(100_000 - second)
        asks.refresh(price, D(1))
        asks.take(price, D(1), second * NS)
    assert len(asks.taken) < 32
    assert asks.levels(5_000 * NS) == [], "and the best is still taken"


STEPS = st.tuples(st.sampled_from("qtpd"), st.integers(90, 110), st.integers(0, 3), st.integers(0, NS // 2))


@settings(max_examples=60, deadline=None)
@given(sign=st.sampled_from([1, -1]), steps=st.lists(STEPS, max_size=150))
def test_what_is_forgotten_changes_no_level(sign: int, steps: list[tuple[str, int, int, int]]) -> None:
    kept, forgetting = Remembering(sign), Side(sign)
    now = 10 * NS
    for kind, price, size, passed in steps:
        now += passed
        for side in (kept, forgetting):
            if kind == "q":
                side.refresh(D(price), D(size + 1))
            elif kind == "p":
                side.printed(D(price), D(size), now)
            elif kind == "d" and side.price is not None:
                behind = [(side.price - sign * (1 + step), D(5)) for step in range(20)]
                side.deepen(behind, now - passed)
            elif kind == "t":
                for at, left in side.levels(now)[: size + 1]:
                    side.take(at, left, now)
        assert kept.levels(now) == forgetting.levels(now)
