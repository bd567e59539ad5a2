"""The ladder: levels, totals, our orders, and what is said when the book is not to be relied on."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.market_protocol import MarketFrame
from tests.console.sample_desk import NOW_NS
from tests.widgets.market import odd_markets as odd
from widgets.market.ladder import book_of, ladder_lines
from widgets.market.surroundings import NOWHERE, Mark, Surroundings

FRAME = MarketFrame(
    full=True,
    symbol="x:Y",
    ns=NOW_NS,
    interval_s=60,
    bids=((99.0, 1.0), (98.5, 3.0)),
    asks=((100.0, 2.0), (100.5, 6.0)),
    depth=True,
    book_age_ms=200.0,
    tick_size="0.50",
)


def shown(
    frame: MarketFrame = FRAME, around: Surroundings = NOWHERE, width: int = 50, height: int = 9
) -> list[str]:
    lines = ladder_lines(frame, around, frame.ns + 300_000_000, width, height)
    odd.fits(lines, width, height)
    return odd.words(lines).split("\n")


def test_asks_above_bids_below_the_spread_in_the_middle() -> None:
    lines = shown()
    assert [line[:2] for line in lines if line[:2] in ("A ", "B ")] == ["A ", "A ", "B ", "B "]
    assert "100.5" in lines[3] or "100.5" in lines[2]
    spread = next(line for line in lines if "spread" in line)
    assert "spread 1.0" in spread
    assert "2 ticks" in spread
    assert lines[0].startswith("imbalance ▼-0.33 asks · age 0.5s")


def test_sizes_are_cumulated_away_from_the_spread() -> None:
    book = book_of(FRAME, ())
    assert [level.total for level in book.asks] == [2.0, 8.0]
    assert [level.total for level in book.bids] == [1.0, 4.0]
    assert any("8.000 ━" in line for line in shown())


def test_our_orders_stand_at_their_prices() -> None:
    orders = (
        Mark(98.5, "b", "buy 4"),
        Mark(99.5, "b", "buy 1"),
        Mark(99.5, "s", "sell 2"),
        Mark(90.0, "s", "»sell 9"),
        Mark(98.5, "b", "buy 5"),
    )
    lines = shown(around=Surroundings("x:Y", orders=orders), height=16)
    words = ("◂buy 4 +1", "◂buy 1", "◂sell 2", "◂»sell 9")
    at = {each: next(index for index, line in enumerate(lines) if each in line) for each in words}
    spread = next(index for index, line in enumerate(lines) if "spread" in line)
    assert at["◂sell 2"] < spread < at["◂buy 1"] < at["◂buy 4 +1"] < at["◂»sell 9"]
    assert "98.5" in lines[at["◂buy 4 +1"]]
    assert "3.000" in lines[at["◂buy 4 +1"]]
    assert "spread 1.0" in lines[spread]  # the book's, whatever we have in it


def test_orders_out_of_sight_are_counted() -> None:
    orders = tuple(Mark(price, "s", "sell 1") for price in (90.0, 80.0, 150.0))
    assert shown(around=Surroundings("x:Y", orders=orders), height=4)[0].rstrip().endswith("ours ↑1 ↓2")
    assert "ours" not in shown(around=Surroundings("x:Y", orders=orders), height=30)[0]


def test_a_wrong_book_is_dim_and_says_why() -> None:
    wrong = msgspec.structs.replace(FRAME, book_fault="sequence gap")
    lines = ladder_lines(wrong, NOWHERE, FRAME.ns, 50, 9)
    assert "! BOOK WRONG: sequence gap" in odd.words(lines)
    assert {style for line in lines[2:] for _, style in line} <= {"stale", "text"}


def test_a_stale_market_says_why() -> None:
    assert "~ STALE: no trade for 4.2 s" in "\n".join(shown(around=Surroundings("x:Y", "no trade for 4.2 s")))


def test_a_quote_alone_is_told_as_such() -> None:
    alone = msgspec.structs.replace(FRAME, depth=False, bids=FRAME.bids[:1], asks=FRAME.asks[:1])
    assert "the quote alone" in "\n".join(shown(alone))


def test_a_crossed_book_and_an_empty_one() -> None:
    crossed = msgspec.structs.replace(FRAME, bids=((101.0, 1.0),))
    assert any("CROSSED" in line for line in shown(crossed))
    empty = msgspec.structs.replace(FRAME, bids=(), asks=())
    assert any("no bids and asks" in line for line in shown(empty))


def test_prices_below_zero() -> None:
    below = msgspec.structs.replace(FRAME, bids=((-37.63, 5.0),), asks=((-36.98, 2.0),), tick_size="0.01")
    text = "\n".join(shown(below))
    assert "-37.63" in text
    assert "spread 0.65" in text


@settings(max_examples=150, deadline=None)
@given(odd.frames, odd.surroundings, odd.moments, odd.widths, odd.heights, st.integers(-600, 600))
def test_it_draws_whatever_the_figures_are(
    frame: MarketFrame, around: Surroundings, now_ns: int, width: int, height: int, scrolled: int
) -> None:
    odd.fits(ladder_lines(frame, around, now_ns, width, height, scrolled), width, height)
