"""The desk as one object: switches, alerts, failures of a strategy, and the same end every time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.api.protocol import StrategyPatch
from engine.config import load
from engine.errors import ConfigError
from engine.events import NS, Alert, Opportunity, Signal
from engine.feeds.base import InstrumentSpec
from engine.store.rows import EquityPoint
from engine.strategies.trend import Trend
from engine.workers.listings import listed_as
from tests.wiring.conftest import START_NS, Bench, calm, quote, simulated, trade

A = "sim:AAA-USD"


def test_the_same_input_gives_the_same_bytes() -> None:
    ends = []
    for _ in range(2):
        bench = Bench()
        simulated(bench, 60)
        ends.append(
            ([msgspec.json.encode(event) for event in bench.journal], [repr(r) for r in bench.records])
        )
    assert ends[0] == ends[1] and ends[0][0]


def test_everything_leads_to_an_order_and_says_why() -> None:
    bench = Bench()
    simulated(bench, 90)
    (first, *_) = [record for record in bench.records if isinstance(record, Opportunity)]
    assert first.reason and first.sources and first.blend.inputs
    assert sum(one.weight for one in first.blend.inputs) == pytest.approx(1.0)
    assert sum(one.contribution for one in first.blend.inputs) == pytest.approx(first.blend.score)
    points = [record for record in bench.records if isinstance(record, EquityPoint)]
    assert len(points) >= 90 / bench.config.exits.sweep_s - 2


def rising(bench: Bench, start: int = 60) -> None:
    for events in calm(A, 100.0, start):
        bench.desk.on_events(events)
    for n in range(8):
        price = 100.0 + n * 0.6
        at = start + n * 0.1
        bench.desk.on_events([quote(A, price - 0.01, price + 0.01, at), trade(A, 5000 + n, price, 9.0, at)])
    bench.desk.advance(START_NS + (start + 2) * NS)


def sources(bench: Bench) -> set[str]:
    return {record.source for record in bench.records if isinstance(record, Signal)}


def test_a_strategy_switched_off_is_silent_and_back_on_speaks() -> None:
    loud = Bench()
    rising(loud)
    assert "rapid_rise" in sources(loud)
    silent = Bench()
    silent.desk.tuning.set_strategy("rapid_rise", StrategyPatch(enabled=False))
    rising(silent)
    assert "rapid_rise" not in sources(silent)
    again = Bench()
    again.desk.tuning.set_strategy("rapid_rise", StrategyPatch(enabled=False))
    again.desk.tuning.set_strategy("rapid_rise", StrategyPatch(enabled=True))
    rising(again)
    assert "rapid_rise" in sources(again)


def test_a_switch_reaches_symbols_that_come_later_and_those_that_are_there() -> None:
    bench = Bench()
    for events in calm(A, 100.0, 60):
        bench.desk.on_events(events)
    bench.desk.tuning.set_strategy("rapid_rise", StrategyPatch(enabled=False))
    rising(bench)
    assert "rapid_rise" not in sources(bench)


def test_settings_that_cannot_be_are_refused() -> None:
    bench = Bench()
    for name, enabled, weight in (
        ("nosuch", True, None),
        ("trend", None, -1.0),
        ("trend", None, float("nan")),
    ):
        with pytest.raises(ConfigError) as caught:
            bench.desk.tuning.set_strategy(name, StrategyPatch(enabled=enabled, weight=weight))
        assert str(caught.value).isprintable()


def test_a_strategy_that_fails_is_switched_off_and_the_desk_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, *arguments: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Trend, "candidates", lambda self, table: None)
    monkeypatch.setattr(Trend, "on_bar", fail)
    bench = Bench()
    for events in calm(A, 100.0, 90):
        bench.desk.on_events(events)
    state = next(s for s in bench.desk.signals.strategies.states() if s.name == "trend")
    assert not state.enabled and "ZeroDivisionError" in state.error
    (alert,) = [event for event in bench.journal if isinstance(event, Alert)]
    assert (alert.level, alert.source) == ("error", "trend")
    assert bench.desk.bars >= 88


def test_nothing_is_decided_on_history() -> None:
    bench = Bench()
    with bench.desk.warming_up():
        rising(bench)
        assert bench.desk.bars > 50
    assert bench.journal == [] and bench.desk.signals.opportunities == 0
    assert sources(bench) == set()
    assert bench.desk.funnel()["bars"] == bench.desk.funnel()["trades"] == 0


def test_the_clock_alone_closes_bars() -> None:
    bench = Bench(load(overrides=["features.max_fill_bars=5"], environ={}))
    bench.desk.on_events([trade(A, 1, 100.0, 1.0, 0)])
    for second in range(1, 20):
        bench.desk.advance(START_NS + second * NS)
    assert 1 <= bench.desk.bars <= 7, "flat bars, and no more of them than configured"
    before = bench.desk.now_ns
    bench.desk.advance(START_NS)
    assert bench.desk.now_ns == before, "a clock that steps back moves nothing"


def test_what_a_share_is_quoted_in_its_venue_tells() -> None:
    bench = Bench()
    spec = InstrumentSpec("alpaca:AAPL", Decimal("0.01"), Decimal(1), Decimal(1), "USD")
    bench.desk.on_events([trade("alpaca:AAPL", 1, 180.0, 1.0, 0.0)])
    (before,) = bench.desk.instruments
    bench.desk.adopt([spec])
    (after,) = bench.desk.instruments
    assert (before.quote_currency, after.quote_currency) == ("", "USD")
    assert listed_as(after, 180.0).currency == "USD"
