"""Alerts of a whole desk: prices, spikes within a bar, opportunities, P&L, feeds; kept and taken up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import SOURCE
from engine.errors import AlertError
from engine.events import NS, Alert, BookStatus, Candle, FeedState, Fill, Side
from engine.feeds.base import FeedStats, InstrumentSpec
from engine.wiring.alerts import SETTING, Alerts
from engine.wiring.sources import adopt
from tests.wiring.conftest import START_NS, Bench, calm, quote, simulated, trade


@dataclass
class Feed:
    venue: str
    stats: FeedStats


class Kept:
    def __init__(self) -> None:
        self.bench = Bench()
        self.settings: dict[str, Any] = {}
        self.feeds: list[Any] = []
        self.alerts = self.made()

    def made(self) -> Alerts:
        return Alerts(self.bench.desk, lambda: self.feeds, keep=self.settings.__setitem__)

    def told(self) -> list[str]:
        return [one.text for one in self.bench.kinds(Alert) if one.source == SOURCE]  # type: ignore[attr-defined]


def test_prices_spikes_and_opportunities_of_a_desk_at_work() -> None:
    kept = Kept()
    desk, alerts = kept.bench.desk, kept.alerts
    simulated(kept.bench, 30)
    with pytest.raises(AlertError, match="NOPE"):
        alerts.add(AlertRule("last", 1.0, symbol="NOPE"))
    symbol = desk.instruments[0].symbol
    last = desk.features.quote(0)[4]
    alerts.add(AlertRule("last", last * 1.05, symbol=symbol.partition(":")[2]))
    alerts.add(AlertRule("change", 4.0, symbol=symbol, window_s=30.0))
    alerts.add(AlertRule("opportunity", 0.0))
    alerts.look()
    assert kept.told() == []
    at_s = (desk.now_ns - START_NS) / NS
    # A spike that came and went between two looks.
    for n, price in enumerate((last, last * 1.06, last)):
        desk.on_events([trade(symbol, 10_000_000 + n, price, 1.0, at_s + 1.2 + 0.1 * n)])
    alerts.look()
    told = kept.told()
    assert any(f"{symbol} last above" in text and "it was" in text for text in told), told
    assert any("change in 30 s above 4 %" in text for text in told)
    alerts.switch("a1", True)
    alerts.look()
    desk.advance(desk.now_ns + 2 * NS)
    alerts.look()
    assert kept.told() == told, "the bar that it was in has closed: that is no news"
    states = {state["id"]: state for state in kept.settings[SETTING]}
    assert states["a1"]["fired"] == 1 and states["a1"]["on"]
    again = kept.made()
    again.take_up({SETTING: [*kept.settings[SETTING], {"id": "bad"}, 7]})
    assert [state.id for state in again.book.kept()] == ["a1", "a2", "a3"]
    again.remove("a2")
    assert [state["id"] for state in kept.settings[SETTING]] == ["a1", "a3"]


def test_opportunities_are_told_once_each() -> None:
    kept = Kept()
    kept.alerts.add(AlertRule("opportunity", 0.0, repeat=True, pause_s=5.0))
    simulated(kept.bench, 150)
    found = kept.bench.desk.signals.opportunities
    assert found > 0
    kept.alerts.look()
    assert len(kept.told()) == 1 and kept.told()[0].startswith("opportunity ")
    kept.bench.desk.advance(kept.bench.desk.now_ns + 6 * NS)
    before = kept.bench.desk.signals.opportunities
    kept.alerts.look()
    assert len(kept.told()) == 1 + (before > found)


def test_what_is_not_to_be_believed_fires_nothing() -> None:
    """A bid of a book that is wrong, and a position that is worth its last fill until a price comes."""
    kept = Kept()
    desk, last = kept.bench.desk, "sim:A"
    for events in calm(last, 100.0, 5):
        desk.on_events(events)
    desk.on_events([BookStatus(last, False, "checksum differs", True, desk.now_ns)])
    desk.on_events([quote(last, 50.0, 101.0, 6)])
    buy = Fill("t1", "v1", last, Side.BUY, Decimal(2), Decimal(120), Decimal(0), "taker", 120.0, desk.now_ns)
    more = Fill("t2", "v2", last, Side.BUY, Decimal(2), Decimal(80), Decimal(0), "taker", 80.0, desk.now_ns)
    for fill in (buy, more):
        desk.trading.ledger.apply(fill)
    rules = [AlertRule("unrealized", 0.0, symbol=last), AlertRule("day_pnl", -0.5, "below")]
    rules += [AlertRule("drawdown", 1e-6), AlertRule("bid", 99.0, "below", symbol=last)]
    for rule in rules:
        kept.alerts.add(rule)
    kept.alerts.look()
    assert kept.told() == [] and all(one.now is None for one in kept.alerts.book.watched())
    desk.trading.ledger.mark(last, Decimal(70))
    kept.alerts.look()
    assert [text.split(":")[0] for text in kept.told()] == ["day P&L below -0.5", "drawdown above 1e-06 %"]


def test_a_symbol_that_only_bars_tell_of_has_alerts_too() -> None:
    kept = Kept()
    desk, symbol = kept.bench.desk, "poll:SPY"

    def bar(minute: int, high: float, close: float) -> None:
        begin = START_NS // (60 * NS) * 60 * NS + minute * 60 * NS
        ns = begin + 61 * NS
        bar = Candle(symbol, 60, begin, close, high, close, close, 1.0, True, ns, ns)
        desk.on_events([bar])
        desk.advance(ns)
        kept.alerts.look()

    adopt(desk, [InstrumentSpec(symbol, Decimal("0.01"), Decimal(1), Decimal(0), "USD")])
    kept.alerts.add(AlertRule("last", 101.0, symbol=symbol))
    bar(0, 105.0, 100.0)
    bar(1, 100.5, 100.0)
    assert kept.told() == []
    bar(2, 102.0, 100.0)
    assert kept.told() == ["poll:SPY last above 101: it was 102, now 100"]


def test_a_feed_that_goes_away_and_figures_of_the_account() -> None:
    kept = Kept()
    desk = kept.bench.desk
    for events in calm("sim:A", 100.0, 5):
        desk.on_events(events)
    stats = FeedStats(state=FeedState.UP, last_data_ns=desk.now_ns)
    kept.feeds = [Feed("sim", stats)]
    kept.alerts.add(AlertRule("feed", 5.0))
    with pytest.raises(AlertError, match="no feed is called smi: there is sim"):
        kept.alerts.add(AlertRule("feed", 5.0, source="smi"))
    kept.alerts.add(AlertRule("day_pnl", -1.0, "below"))
    kept.alerts.add(AlertRule("drawdown", 1.0))
    kept.alerts.add(AlertRule("unrealized", 1.0, symbol="sim:A"))
    kept.alerts.look()
    desk.advance(desk.now_ns + 6 * NS)
    kept.alerts.look()
    assert kept.told() == ["feed any silent for 5 s: sim is up, 6 s"]
    seen = {one.rule.what: one.now for one in kept.alerts.book.watched()}
    assert seen["drawdown"] == 0.0 and seen["unrealized"] is None
