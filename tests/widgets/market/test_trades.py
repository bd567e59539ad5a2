"""Time & sales: newest first, our fills among them, large prints marked, what is missing counted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.market_protocol import FillRow, TradeRow
from engine.events import NS
from tests.console.sample_desk import NOW_NS
from tests.widgets.market import odd_markets as odd
from widgets.market.trades import Tape, large_size, trade_lines


def print_(seconds: float, size: float = 1.0, side: int = 1, price: float = 10.0) -> TradeRow:
    return TradeRow(NOW_NS + round(seconds * NS), price, size, side)


def shown(tape: Tape, height: int = 20, scrolled: int = 0) -> list[str]:
    lines = trade_lines(tape, 40, height, scrolled)
    odd.fits(lines, 40, height)
    return odd.words(lines).split("\n")


def test_newest_first_with_our_fills_at_their_time() -> None:
    fills = (FillRow(NOW_NS + NS, "sell", "0.5", "9.99", "a"),)
    lines = shown(Tape((print_(0), print_(1, side=-1), print_(2, side=0)), fills))
    assert [line[9:10] for line in lines[1:5]] == ["·", "▼", "▼", "▲"]
    assert "◂ours" in lines[2]
    assert "0.5" in lines[2]


def test_a_fill_older_than_what_is_known_is_left_out() -> None:
    fills = (FillRow(NOW_NS - 9 * NS, "buy", "1", "9", "a"),)
    assert not any("◂" in line for line in shown(Tape((print_(0),), fills)))
    assert any("◂ours" in line for line in shown(Tape((), fills)))


def test_large_prints_are_marked() -> None:
    trades = [print_(n) for n in range(12)] + [print_(13, size=5.0), print_(14, size=4.9)]
    lines = trade_lines(Tape(trades, ()), 40, 4)
    assert "!" not in odd.words(lines[1:2])
    assert "buy !" in odd.words(lines[2:3])
    assert "bold" in {style for _, style in lines[2]}
    assert large_size(trades[:9]) == float("inf")


def test_what_was_left_out_is_counted() -> None:
    assert "1,234 left out" in shown(Tape((print_(0),), (), missed=1234))[1]


def test_what_is_not_of_now_is_dim_and_says_so() -> None:
    tape = Tape((print_(0),), (FillRow(NOW_NS, "buy", "1", "9", "a"),), stale="no trade for 4 s")
    lines = trade_lines(tape, 40, 8)
    assert odd.words(lines).split("\n")[1].startswith("~ STALE: no trade for 4 s")
    assert {style for line in lines[2:4] for _, style in line} == {"stale"}
    assert "stale" not in {style for line in trade_lines(tape._replace(stale=""), 40, 8) for _, style in line}


def test_scrolled_away_from_the_newest() -> None:
    lines = shown(Tape(tuple(print_(n, price=float(n)) for n in range(30)), ()), 10, 5)
    assert "5 newer above" in lines[0]
    assert "24.00" in lines[1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(odd.trades, max_size=30),
    st.lists(odd.fills, max_size=5),
    st.integers(0, 10**12),
    st.integers(0, 10),
    odd.widths,
    odd.heights,
    st.integers(0, 50),
)
def test_it_draws_whatever_the_figures_are(
    trades: list[TradeRow],
    fills: list[FillRow],
    missed: int,
    decimals: int,
    width: int,
    height: int,
    scrolled: int,
) -> None:
    odd.fits(trade_lines(Tape(trades, fills, missed, decimals), width, height, scrolled), width, height)
