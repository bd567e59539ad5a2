"""The desk's short bars made into long ones: the same as making them from the trades at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.store.bar import Bar, Provenance
from engine.store.bars_live import LiveBars
from engine.ticks import TICK, TRADE, pack_tick

START = 1_700_000_040 * NS
MINUTE = 60 * NS


class Live:
    """A feature engine whose closed bars go into LiveBars, as the desk gives them."""

    def __init__(self, *symbols: str, interval_s: int = 60) -> None:
        self.engine = FeatureEngine(FeaturesConfig())
        self.live = LiveBars(interval_s, 1.0)
        self.index = {symbol: self.engine.add_symbol(symbol) for symbol in symbols}
        self.bars: list[Bar] = []

    def trade(self, at_s: float, symbol: str, price: float, size: float) -> None:
        buffer = bytearray(TICK.itemsize)
        ns = START + round(at_s * NS)
        pack_tick(buffer, 0, ns, ns, 1, self.index[symbol], TRADE, 0, 1, 0, price, size, 0.0, 0.0)
        ticks = np.frombuffer(buffer, TICK)
        code, position, _ = self.engine.feed(ticks, 0, 1)
        while code != NONE:
            if code == BARS:
                self._take()
            code, position, _ = self.engine.feed(ticks, position, 1)

    def advance(self, to_s: float) -> None:
        while self.engine.advance(START + round(to_s * NS)) != NONE:
            self._take()

    def _take(self) -> None:
        table = self.engine.closed_table()
        self.bars += self.live.take(table, self.engine.last_vwaps(table.indices))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 400.0, allow_nan=False),
            st.sampled_from(["a:X", "b:Y"]),
            st.integers(1, 500),
            st.integers(1, 50),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_bars_are_those_of_the_trades(trades: list[tuple[float, str, int, int]]) -> None:
    live = Live("a:X", "b:Y")
    for at_s, symbol, price, size in sorted(trades):
        live.trade(at_s, symbol, float(price), float(size))
    live.advance(420.0)
    live.bars += live.live.due(START + 420 * NS)
    expected: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for at_s, symbol, price, size in sorted(trades):
        bucket = (START + round(at_s * NS)) // MINUTE * MINUTE
        expected.setdefault((symbol, bucket), []).append((float(price), float(size)))
    traded = {(bar.symbol, bar.open_ns): bar for bar in live.bars if bar.trades}
    assert traded.keys() == expected.keys()
    for key, found in expected.items():
        bar = traded[key]
        prices = [price for price, _ in found]
        volume = sum(size for _, size in found)
        assert (bar.open, bar.high, bar.low) == (prices[0], max(prices), min(prices))
        assert bar.close == prices[-1]
        assert (bar.volume, bar.trades) == (volume, len(found))
        assert bar.vwap == pytest.approx(sum(price * size for price, size in found) / volume)
    assert all(bar.provenance is Provenance.FILLED for bar in live.bars if not bar.trades)


def provenances(live: Live) -> list[str]:
    return [bar.provenance.name for bar in live.bars]


def run(live: Live, minutes: int, first: int = 0) -> None:
    for second in range(first * 60, minutes * 60):
        live.trade(second + 0.5, "a:X", 100.0, 1.0)
    live.advance(minutes * 60.0)


def test_a_bar_that_was_not_seen_from_its_beginning_is_partial() -> None:
    live = Live("a:X")
    run(live, 3)
    assert provenances(live) == ["PARTIAL", "LIVE", "LIVE"]
    assert [bar.open_ns for bar in live.bars] == [START, START + MINUTE, START + 2 * MINUTE]
    assert {bar.source for bar in live.bars} == {"desk"}


def test_missed_trades_make_their_bar_partial() -> None:
    live = Live("a:X", "b:Y")
    run(live, 2)
    live.trade(120.5, "a:X", 100.0, 1.0)
    live.live.on_gap("a:X", START + 121 * NS)
    live.live.on_gap("nobody:Z", START + 121 * NS)
    run(live, 5, 2)
    assert provenances(live) == ["PARTIAL", "LIVE", "PARTIAL", "LIVE", "LIVE"]


def test_while_a_feed_is_down_its_bars_are_partial() -> None:
    live = Live("a:X")
    run(live, 2)
    live.live.on_feed("b", START + 121 * NS, up=False)
    live.live.on_feed("a", START + 121 * NS, up=False)
    run(live, 4, 2)
    live.live.on_feed("a", START + 241 * NS, up=True)
    run(live, 7, 4)
    assert provenances(live) == ["PARTIAL", "LIVE", *["PARTIAL"] * 3, "LIVE", "LIVE"]


def test_a_symbol_that_comes_while_its_feed_is_down_is_partial() -> None:
    live = Live("a:X")
    live.live.on_feed("a", START, up=False)
    run(live, 3)
    assert provenances(live) == ["PARTIAL"] * 3


def test_the_clock_closes_what_no_trade_does() -> None:
    live = Live("a:X")
    live.trade(30.0, "a:X", 100.0, 2.0)
    live.advance(40.0)
    assert live.live.due(START + 59 * NS) == []
    (bar,) = live.live.due(START + MINUTE)
    assert (bar.open_ns, bar.close, bar.volume) == (START, 100.0, 2.0)
    assert live.live.due(START + 10 * MINUTE) == []


def test_bars_that_do_not_go_into_each_other() -> None:
    with pytest.raises(ValueError, match=r"0\.7 s"):
        LiveBars(60, 0.7)
    assert LiveBars(300, 0.5)


def test_where_nothing_trades_no_bar_is_made_up_for_a_market_that_may_be_closed() -> None:
    live = Live("a:SHARE", "b:COIN")
    live.live = LiveBars(60, 1.0, never_closes=lambda symbol: symbol == "b:COIN")
    live.trade(0.5, "a:SHARE", 100.0, 1.0)
    live.trade(0.6, "b:COIN", 100.0, 1.0)
    live.trade(190.5, "a:SHARE", 100.0, 1.0)
    live.trade(190.6, "b:COIN", 100.0, 1.0)
    live.advance(240.0)
    shares = [bar for bar in live.bars if bar.symbol == "a:SHARE"]
    assert shares and all(bar.trades for bar in shares)
    coins = [bar for bar in live.bars if bar.symbol == "b:COIN"]
    assert Provenance.FILLED in [bar.provenance for bar in coins]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 400.0, allow_nan=False), st.floats(1.0, 1e5), st.floats(1e-6, 1e3)),
        min_size=1,
        max_size=40,
    )
)
def test_bars_of_the_same_length_are_those_that_the_features_saw_to_the_bit(
    trades: list[tuple[float, float, float]],
) -> None:
    live = Live("a:X")
    live.engine = FeatureEngine(replace(FeaturesConfig(), bar_s=60.0))
    live.live = LiveBars(60, 60.0)
    live.index = {"a:X": live.engine.add_symbol("a:X")}
    for at_s, price, size in sorted(trades):
        live.trade(at_s, "a:X", price, size)
    live.advance(420.0)
    seen = live.engine.bars(live.index["a:X"], 100)
    stored = [[bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap] for bar in live.bars]
    assert stored == seen.tolist()
