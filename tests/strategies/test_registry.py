from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import FeaturesConfig
from engine.errors import ConfigError
from engine.events import Family, FeatureRow, Signal
from engine.features.engine import NONE, RISE, FeatureEngine
from engine.strategies.base import Strategy
from engine.strategies.ema_cross import EmaCross
from engine.strategies.registry import STRATEGIES, StrategySet
from tests.features.ticks import block, trade
from tests.strategies.rows import any_row, feature_row, hear, rising, table_of
from tests.strategies.test_mean_reversion import LOW
from tests.strategies.test_trend import UP

SCORES = {"a:X": 0.03, "b:Y": -0.03}
RIDES = """
from engine.strategies.base import Strategy


class Rides(Strategy):
    name = "rides"
    description = "goes with a rise"

    def on_rise(self, row):
        return self.signal(row.symbol, row.ns, 0.5, 0.5, "it rises")
"""


def flat(symbol: str, count: int) -> Any:
    return np.full((count, 6), 100.0)


class Faulty(Strategy):
    """Does what ``behave`` says."""

    name: ClassVar[str] = "faulty"
    description: ClassVar[str] = "goes wrong"
    behave: ClassVar[Any] = None

    def on_bar(self, row: FeatureRow) -> Signal | None:
        result = type(self).behave(self, row)
        return result  # type: ignore[no-any-return]

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> list[Signal]:
        return [type(self).behave(self, feature_row())]


def with_faulty(monkeypatch: pytest.MonkeyPatch, behave: Any) -> StrategySet:
    monkeypatch.setitem(STRATEGIES, "faulty", Faulty)
    monkeypatch.setattr(Faulty, "behave", staticmethod(behave))
    return StrategySet({})


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        ({"rapid_ryse": {}}, "strategies.rapid_ryse: unknown strategy; known are rapid_rise, golden_cross"),
        (
            {"trend": {"min_gap": 1}},
            "strategies.trend.min_gap: there is no such key; did you mean min_gap_atr?; its keys are",
        ),
        (
            {"rapid_rise": {"min_change_pct": 0}},
            "strategies.rapid_rise.min_change_pct: expected a number > 0",
        ),
        (
            {"rapid_rise": {"min_change_pct": "two"}},
            "strategies.rapid_rise.min_change_pct: expected a number",
        ),
        (
            {"rapid_rise": {"min_notional": float("inf")}},
            "strategies.rapid_rise.min_notional: expected a finite number",
        ),
        ({"model": {"weight": 0}}, "strategies.model.weight: expected a number > 0"),
        ({"model": {"enabled": "perhaps"}}, "strategies.model.enabled: expected true or false"),
        ({"mean_reversion": {"oversold": 55}}, "strategies.mean_reversion.oversold: expected a number < 50"),
        ({"trend": 5}, "strategies.trend: must be a section of keys; write [strategies.trend]"),
    ],
)
def test_a_wrong_setting_is_one_line_naming_the_key(settings_: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        StrategySet(settings_)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_settings_reach_the_strategy() -> None:
    strategies = StrategySet(
        {"rapid_rise": {"min_change_pct": "1.5", "min_volume": 2}, "trend": {"enabled": False}}
    )
    assert strategies.rise_watch == (1.5, 2.0, 100.0, 3)
    assert [s.source for s in hear(strategies, rising(1.6, **UP))] == ["rapid_rise"]


def test_a_strategy_sees_only_its_symbols() -> None:
    strategies = StrategySet({"trend": {"symbols": "a:X"}, "model": {"symbols": ["a:X"]}})
    assert hear(strategies, feature_row(symbol="b:Y", **UP)) == []
    assert len(hear(strategies, feature_row(symbol="a:X", **UP))) == 1
    assert strategies.on_scores(1, SCORES) == [], "one symbol is no cross-section"


def test_switching_off_silences_and_on_starts_afresh() -> None:
    strategies = StrategySet({})
    assert len(hear(strategies, feature_row(1, **UP))) == 1
    strategies.set_enabled("trend", False)
    assert hear(strategies, feature_row(40, **UP)) == []
    strategies.set_enabled("trend", True)
    assert len(hear(strategies, feature_row(41, **UP))) == 1
    assert hear(strategies, feature_row(42, **UP)) == []
    strategies.set_enabled("trend", True)
    assert hear(strategies, feature_row(43, **UP)) == [], "switching on what is on forgets nothing"


def test_rapid_rise_off_watches_nothing() -> None:
    strategies = StrategySet({})
    assert strategies.rise_watch == (2.0, 0.0, 100.0, 3)
    assert len(strategies.on_rise(rising(3.0))) == 1
    strategies.set_enabled("rapid_rise", False)
    assert strategies.rise_watch is None
    assert strategies.on_rise(rising(3.0, bar=20)) == []


def test_rises_are_watched_for_a_users_strategy_while_rapid_rise_is_off(tmp_path: Path) -> None:
    folder = tmp_path / "strategies"
    folder.mkdir(mode=0o700)
    (folder / "rides.py").write_text(RIDES)
    strategies = StrategySet({"rapid_rise": {"enabled": False, "min_change_pct": 1.5}}, folder)
    assert strategies.rise_watch == (1.5, 0.0, 100.0, 3)
    assert [signal.source for signal in strategies.on_rise(rising(3.0))] == ["rides"]
    strategies.set_enabled("rides", False)
    assert strategies.rise_watch is None


def test_weights_are_live_and_checked() -> None:
    strategies = StrategySet({"trend": {"weight": 2.5}})
    weights = strategies.weights
    assert weights["trend"] == 2.5
    strategies.set_weight("trend", 4)
    assert weights["trend"] == 4.0
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"strategies\.trend\.weight"):
            strategies.set_weight("trend", bad)
    for unknown in (lambda: strategies.set_weight("x", 1.0), lambda: strategies.set_enabled("x", True)):
        with pytest.raises(ConfigError, match="unknown strategy x"):
            unknown()


def test_states_count_what_was_said() -> None:
    strategies = StrategySet({})
    hear(strategies, feature_row(7, **LOW))
    strategies.on_scores(99, SCORES)
    states = {s.name: s for s in strategies.states()}
    assert list(states) == list(STRATEGIES)
    assert (states["mean_reversion"].signals, states["mean_reversion"].last_ns) == (1, 8_000_000_000)
    assert (states["model"].signals, states["model"].last_ns) == (2, 99)
    assert (states["trend"].signals, states["trend"].last_ns) == (0, 0)


def _boom(strategy: Strategy, row: FeatureRow) -> Signal:
    raise ValueError("first line\nsecond line")


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (_boom, "ValueError: first line second line"),
        (lambda s, r: s.signal(r.symbol, r.ns, float("nan"), 0.5, ""), "StrategyFault: score nan is outside"),
        (lambda s, r: s.signal(r.symbol, r.ns, 1.5, 0.5, ""), "StrategyFault: score 1.5 is outside"),
        (lambda s, r: s.signal(r.symbol, r.ns, 0.5, -0.1, ""), "StrategyFault: confidence -0.1 is outside"),
        (
            lambda s, r: Signal(r.symbol, "trend", Family.TECHNICAL, 0.5, 0.5, r.ns, 1, ""),
            "StrategyFault: source",
        ),
        (
            lambda s, r: Signal(r.symbol, "faulty", Family.TECHNICAL, 0.5, 0.5, r.ns, 0, ""),
            "StrategyFault: ttl_ns 0",
        ),
        (lambda s, r: "buy", "StrategyFault: returned a str, not a Signal or None"),
    ],
)
@pytest.mark.parametrize("through", ["bar", "scores"])
def test_a_fault_disables_only_the_faulty(
    monkeypatch: pytest.MonkeyPatch, behave: Any, says: str, through: str
) -> None:
    strategies = with_faulty(monkeypatch, behave)
    if through == "bar":
        assert [s.source for s in hear(strategies, feature_row(1, **UP))] == ["trend"]
    else:
        assert {s.source for s in strategies.on_scores(1, SCORES)} == {"model"}
    state = strategies.states()[-1]
    assert not state.enabled and state.signals == 0
    assert state.error.startswith(says)
    ((name, trace),) = strategies.take_errors()
    assert name == "faulty" and "Traceback (most recent call last)" in trace
    assert strategies.take_errors() == []
    assert [s.name for s in strategies.states()[:-1] if not s.enabled] == [EmaCross.name]
    strategies.set_enabled("faulty", True)
    assert strategies.states()[-1].error == ""


@settings(max_examples=150, deadline=None)
@given(st.lists(any_row(), max_size=20), st.sets(st.sampled_from(list(STRATEGIES))))
def test_whatever_the_rows_signals_are_bounded_and_nobody_faults(
    rows: list[FeatureRow], off: set[str]
) -> None:
    options = {"rapid_rise": {"falls": True, "enabled": "rapid_rise" not in off}}
    options |= {name: {"enabled": False} for name in off if name != "rapid_rise"}
    first, second = StrategySet(options, bars=flat), StrategySet(options, bars=flat)
    for row in rows:
        signals = hear(first, row) + first.on_rise(row)
        assert signals == hear(second, row) + second.on_rise(row), "same rows, same signals"
        for signal in signals:
            assert -1.0 <= signal.score <= 1.0 and 0.0 <= signal.confidence <= 1.0
            assert signal.source not in off
            assert signal.reason and "\n" not in signal.reason
            assert "nan" not in signal.reason
    assert first.take_errors() == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 100), max_size=10))
def test_unknown_features_and_filled_bars_never_signal(bars: list[int]) -> None:
    strategies = StrategySet({"rapid_rise": {"falls": True}})
    for bar in bars:
        assert hear(strategies, feature_row(bar)) == []
        assert strategies.on_rise(feature_row(bar)) == []
        assert hear(strategies, rising(5.0, bar=bar, filled=1.0, **(UP | LOW))) == []


def test_parameters_are_frozen_and_named() -> None:
    for kind in STRATEGIES.values():
        assert set(msgspec.structs.asdict(kind.Params())) >= {"ttl_s"}
        assert kind.description and "\n" not in kind.description


def test_parameters_change_while_it_runs_and_it_starts_afresh() -> None:
    strategies = StrategySet({"trend": {"min_gap_atr": 1.5}})
    assert len(hear(strategies, feature_row(1, **UP))) == 1
    strategies.set_params("trend", {"cooldown_s": 5})
    assert len(hear(strategies, feature_row(2, **UP))) == 1, "what it remembered was of the old parameters"
    strategies.set_params("trend", {"cooldown_s": 5.0})
    assert hear(strategies, feature_row(3, **UP)) == [], "no change, no fresh start"
    strategies.set_params("trend", {"min_gap_atr": 2.5})
    assert hear(strategies, feature_row(40, **UP)) == []
    section = strategies.settings()["trend"]
    assert (section["min_gap_atr"], section["cooldown_s"], section["min_momentum_atr"]) == (2.5, 5.0, 2.0)
    assert StrategySet(strategies.settings()).settings() == strategies.settings()


def test_rises_are_watched_as_the_parameters_say() -> None:
    strategies = StrategySet({})
    strategies.set_params("rapid_rise", {"min_change_pct": 1.0, "min_volume": 3, "min_trades": 2})
    assert strategies.rise_watch == (1.0, 3.0, 100.0, 2)


def test_a_rise_that_begins_with_too_little_is_told_at_the_tick_that_brings_enough() -> None:
    strategies = StrategySet({})
    engine = FeatureEngine(FeaturesConfig(bar_s=60.0))
    watch = strategies.rise_watch
    assert watch is not None
    engine.watch_rise(engine.add_symbol("test:A"), *watch)
    ticks = block(trade(0, 100.0), trade(1, 103.0), trade(1.1, 103.0), trade(1.2, 103.0))
    found, position = [], 0
    while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
        code, position, index = outcome
        assert code == RISE
        found += [(position, signal.source) for signal in strategies.on_rise(engine.row(index))]
    assert found == [(3, "rapid_rise")], "of two trades it is not believed yet"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda s: s.set_params("trend", {"min_gap_atr": 0}),
            "strategies.trend.min_gap_atr: expected a number > 0",
        ),
        (
            lambda s: s.set_params("trend", {"min_gap_atr": float("nan")}),
            "strategies.trend.min_gap_atr: expected",
        ),
        (
            lambda s: s.set_params("trend", {"min_gap_atr": []}),
            "strategies.trend.min_gap_atr: expected a number",
        ),
        (
            lambda s: s.set_params("trend", {"gap": 1}),
            "strategies.trend.gap: there is no such key; its keys are ttl_s, min_gap_atr, min_momentum_atr,"
            " cooldown_s; enabled, weight, symbols, budget_pct are set beside them",
        ),
        (
            lambda s: s.set_params("trend", {"weight": 1}),
            "strategies.trend.weight: there is no such key; its keys are ttl_s, min_gap_atr",
        ),
        (lambda s: s.set_params("trend", 5), "strategies.trend: its parameters must be given by name"),
        (lambda s: s.set_params("x", {}), "unknown strategy x"),
        (lambda s: s.set_weight("trend", "much"), "strategies.trend.weight: expected a number"),
        (lambda s: s.set_weight("trend", None), "strategies.trend.weight: expected a number"),
        (lambda s: s.set_enabled("trend", "perhaps"), "strategies.trend.enabled: expected true or false"),
        (lambda s: s.set_budget("trend", -1), "strategies.trend.budget_pct: expected a number >= 0.0"),
        (lambda s: s.set_budget("trend", float("nan")), "strategies.trend.budget_pct: expected"),
        (lambda s: s.set_symbols("trend", (5,)), "strategies.trend.symbols[0]: expected text"),
        (lambda s: s.set_symbols("trend", ("BTC",)), "strategies.trend.symbols: 'BTC' is no symbol"),
        (lambda s: s.set_symbols("trend", 5), "strategies.trend.symbols: expected a list"),
    ],
)
def test_a_wrong_change_is_one_line_and_changes_nothing(change: Any, says: str) -> None:
    strategies = StrategySet({"trend": {"weight": 2, "symbols": ["a:X"]}})
    before = strategies.settings()
    with pytest.raises(ConfigError) as caught:
        change(strategies)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
    assert strategies.settings() == before


def test_budgets_and_symbols_change_while_it_runs() -> None:
    strategies = StrategySet({"trend": {"budget_pct": 10}})
    assert (strategies.budget("trend"), strategies.budget("model")) == (10.0, 0.0)
    strategies.set_budget("trend", 25)
    assert {s.name: s.budget_pct for s in strategies.states()}["trend"] == 25.0
    strategies.set_symbols("trend", ("a:X", "a:Z"))
    assert hear(strategies, feature_row(1, symbol="b:Y", **UP)) == []
    assert len(hear(strategies, feature_row(1, symbol="a:X", **UP))) == 1
    assert len(hear(strategies, feature_row(1, symbol="a:Z", **UP))) == 1
    strategies.set_symbols("trend", ())
    assert len(hear(strategies, feature_row(2, symbol="b:Y", **UP))) == 1


def test_symbols_hold_whatever_rows_come_together() -> None:
    names = [f"a:S{number}" for number in range(200)]
    strategies = StrategySet({"trend": {"symbols": ["a:S3", "a:S150"]}})
    for bar, chosen in enumerate(([5, 3], [150, 7, 3], list(range(200)), [9]), 1):
        rows = [feature_row(40 * bar, symbol=names[index], **UP) for index in chosen]
        heard = [signal.symbol for signal in strategies.on_bars(table_of(rows, names))]
        assert heard == [names[index] for index in chosen if index in (3, 150)]


def test_the_detail_tells_each_parameter() -> None:
    strategies = StrategySet({"rapid_rise": {"min_change_pct": 3}})
    detail = strategies.detail("rapid_rise")
    rows = {row.name: row for row in detail.params}
    assert list(rows) == list(STRATEGIES["rapid_rise"].Params.__struct_fields__)
    first = rows["min_change_pct"]
    assert (first.kind, first.value, first.default, first.range) == ("number", 3.0, 2.0, "> 0")
    assert first.about == "Last trade against the oldest one in the window, percent."
    assert (rows["falls"].kind, rows["falls"].value, rows["falls"].range) == ("flag", False, "")
    assert (rows["min_trades"].kind, rows["min_trades"].range) == ("integer", ">= 2")
    assert strategies.detail("mean_reversion").params[1].range == "> 0 and < 50"
    assert (detail.origin, detail.enabled, detail.symbols, detail.error) == ("", True, (), "")
    with pytest.raises(ConfigError, match="unknown strategy x"):
        strategies.detail("x")
