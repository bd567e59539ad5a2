"""Markets of any figures and any text, for what must never raise and always fits."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.api.market_protocol import CandleRow, FillRow, MarketFrame, TradeRow
from widgets.cells import width_of
from widgets.lines import Line
from widgets.market.surroundings import Mark, Surroundings

ODD = (0.0, -0.0, 1e-12, 1e300, -1e300, 1.7e308, -1.7e308, float("nan"), float("inf"), float("-inf"), 5e-324)
numbers = st.one_of(st.floats(), st.sampled_from(ODD), st.floats(60_000, 60_010), st.floats(-40, 2))
moments = st.integers(-(2**63), 2**63 - 1)
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ("", "\x1b]52;c;aGk=\x07", "[@click=app.halt]x[/]", "漢字漢字", "é\u0301\u202e", "NaN", "1e999")
    ),
)
trades = st.builds(TradeRow, moments, numbers, numbers, st.integers(-3, 3))
fills = st.builds(FillRow, moments, st.sampled_from(("buy", "sell", "?")), texts, texts, texts)
candles = st.builds(
    CandleRow,
    moments,
    numbers,
    numbers,
    numbers,
    numbers,
    st.none() | numbers,
    st.booleans(),
    st.lists(st.none() | numbers, max_size=5).map(tuple),
)
NAMES = ("EMA 12", "VWAP", "BB upper", "BB lower", "RSI 14")
marks = st.builds(Mark, st.floats(allow_nan=False, allow_infinity=False), st.sampled_from("ESTtbs"), texts)
levels = st.lists(st.tuples(numbers, numbers), max_size=30).map(tuple)
frames = st.builds(
    MarketFrame,
    full=st.booleans(),
    symbol=texts,
    ns=moments,
    interval_s=st.integers(-5, 10**9),
    bids=levels,
    asks=levels,
    depth=st.booleans(),
    book_age_ms=st.none() | numbers,
    book_fault=texts,
    tick_size=st.one_of(texts, st.sampled_from(("0.01", "1E-30", "1e9", "-1", "0"))),
)
surroundings = st.builds(
    Surroundings, texts, texts, st.lists(marks, max_size=4).map(tuple), st.lists(marks, max_size=4).map(tuple)
)
widths, heights = st.integers(1, 130), st.integers(1, 40)


def fits(lines: list[Line], width: int, height: int) -> None:
    assert len(lines) == height
    for line in lines:
        assert width_of(line) == width, line


def words(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)
