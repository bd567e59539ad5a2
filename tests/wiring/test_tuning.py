"""What is changed at run time: all of it or nothing, told with who asked, kept, and taken up again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.automation.definition import parse
from engine.automation.dispatcher import Job
from engine.config import load
from engine.errors import AutomationError, ConfigError
from engine.events import NS, Alert, Family, Signal
from engine.instruments import Instruments
from engine.wiring.automation_steps import REVERTS, Steps
from engine.wiring.desk import Desk
from engine.wiring.symbol_view import symbol_signals
from tests.strategies.rows import feature_row, hear
from tests.strategies.test_registry import UP
from tests.wiring.conftest import START_NS, Bench, simulated

OWN = """
from engine.strategies.base import Strategy

class Mine(Strategy):
    name = "mine"
    description = "{about}"

    class Params(Strategy.Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
        level: float = 1.0

    def on_bar(self, row):
        {body}
"""


class Kept:
    """A desk whose settings a test can read, and start another with."""

    def __init__(self, folder: Path | None = None, settings: dict[str, object] | None = None) -> None:
        self.settings: dict[str, object] = {}
        self.alerts: list[Alert] = []
        config = load(environ={})
        self.desk = Desk(
            replace(config, strategies_dir="" if folder is None else str(folder)),
            Instruments(),
            commit=lambda events, done: (self.alerts.extend(events), done())[1],  # type: ignore[func-returns-value]
            record=lambda record: None,
            keep=self.settings.__setitem__,
        )
        if settings is not None:
            self.desk.take_up(settings)

    def section(self, name: str) -> dict[str, object]:
        return self.desk.signals.strategies.settings()[name]


PATCH = StrategyPatch(
    enabled=False, weight=2.5, symbols=("sim:AAA",), budget_pct=12.0, params={"ttl_s": 33.0}
)


def test_a_patch_is_told_with_who_asked_and_outlives_the_engine() -> None:
    first = Kept()
    text = first.desk.tuning.set_strategy("trend", PATCH, "anna")
    (alert,) = first.alerts
    assert (alert.level, alert.source, alert.text) == ("info", "anna", text)
    assert "off" in text and "ttl_s" in text and "budget_pct 0 → 12" in text
    again = Kept(settings=first.settings)
    section = again.section("trend")
    assert section == first.section("trend")
    assert (section["ttl_s"], section["symbols"], section["budget_pct"]) == (33.0, ["sim:AAA"], 12.0)
    assert again.alerts == [], "what is taken up was told when it was asked for"


def test_what_was_not_changed_by_hand_follows_the_configuration() -> None:
    first = Kept()
    first.desk.tuning.set_strategy("trend", StrategyPatch(params={"ttl_s": 33.0}))
    assert first.settings["strategy:trend"] == {"params": {"ttl_s": 33.0}}


@pytest.mark.parametrize(
    "wrong",
    [
        StrategyPatch(weight=3.0, params={"ttl_s": -1.0}),
        StrategyPatch(weight=-1.0, budget_pct=5.0, params={"ttl_s": 9.0}),
        StrategyPatch(weight=math.nan, symbols=("sim:AAA",)),
        StrategyPatch(params={"nosuch": 1}, enabled=False),
        StrategyPatch(budget_pct=-1.0, symbols=("sim:AAA",), enabled=False),
    ],
    ids=str,
)
def test_a_patch_of_which_a_part_cannot_be_changes_nothing(wrong: StrategyPatch) -> None:
    kept = Kept()
    before = kept.section("trend")
    with pytest.raises(ConfigError) as caught:
        kept.desk.tuning.set_strategy("trend", wrong, "anna")
    assert str(caught.value).isprintable()
    assert kept.section("trend") == before
    assert kept.settings == {} and kept.alerts == []


def test_a_refused_patch_does_not_make_a_strategy_forget_that_it_spoke() -> None:
    kept = Kept()
    strategies = kept.desk.signals.strategies
    assert len(hear(strategies, feature_row(1, **UP))) == 1
    with pytest.raises(ConfigError, match="weight"):
        kept.desk.tuning.set_strategy("trend", StrategyPatch(params={"ttl_s": 5.0}, weight=-1.0), "anna")
    assert hear(strategies, feature_row(2, **UP)) == []


@pytest.mark.parametrize(
    "value",
    [None, 7, "x", [1], {"enabled": "maybe"}, {"weight": "much"}, {"params": 5}, {"params": {"ttl_s": []}}],
    ids=str,
)
@pytest.mark.parametrize("name", ["strategy:trend", "strategy:nosuch", "weights", "ledger:day"])
def test_a_malformed_setting_is_left_and_the_others_are_taken_up(name: str, value: object) -> None:
    kept = Kept(settings={name: value, "strategy:golden_cross": {"enabled": False}})
    assert kept.section("trend") == Kept().section("trend")
    assert not kept.desk.signals.strategies.enabled("golden_cross")
    assert kept.desk.tuning.weights == kept.desk.config.opportunities.weights


def test_weights_are_checked_told_used_and_kept() -> None:
    kept = Kept()
    tuning = kept.desk.tuning
    everything = dict.fromkeys(WeightsPatch.__struct_fields__, 0.0)
    for wrong in (
        WeightsPatch(speed=-1.0),
        WeightsPatch(speed=1000.1),
        WeightsPatch(speed=math.nan),
        WeightsPatch(speed=math.inf),
        WeightsPatch(**everything),
    ):
        with pytest.raises(ConfigError):
            tuning.set_weights(wrong, "anna")
    assert tuning.weights == kept.desk.config.opportunities.weights and kept.alerts == []
    assert "speed 15 → 30" in tuning.set_weights(WeightsPatch(speed=30.0), "anna")
    assert (kept.alerts[0].source, tuning.weights.speed) == ("anna", 30.0)
    assert Kept(settings=kept.settings).desk.tuning.weights == tuning.weights


def test_weights_change_the_next_blend() -> None:
    bench = Bench()
    simulated(bench, 60)
    symbol = next(iter(bench.desk.instruments)).symbol
    before = symbol_signals(bench.desk, symbol, bench.desk.now_ns)
    assert before is not None and before.score is not None and "speed" not in before.absent
    bench.desk.tuning.set_weights(WeightsPatch(speed=1000.0))
    after = symbol_signals(bench.desk, symbol, bench.desk.now_ns)
    assert after is not None

    def share(inputs: tuple[object, ...]) -> float:
        return sum(one.weight for one in inputs if one.family == "speed")  # type: ignore[attr-defined]

    assert share(after.inputs) > share(before.inputs) > 0.0
    assert symbol_signals(bench.desk, "sim:NOSUCH", START_NS) is None


def test_a_users_strategy_is_read_again_and_keeps_what_was_set(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(about="one", body="return None"))
    kept = Kept(tmp_path)
    kept.desk.tuning.set_strategy("mine", StrategyPatch(weight=3.0, params={"level": 2.0}), "anna")
    file.write_text(OWN.format(about="another", body="return None"))
    text, whole = kept.desk.reload_strategies("anna")
    assert whole and "mine" in text and text in kept.alerts[-1].text
    assert kept.desk.signals.strategies.detail("mine").description == "another"
    assert (kept.section("mine")["weight"], kept.section("mine")["level"]) == (3.0, 2.0)


def test_settings_of_a_strategy_whose_file_is_away_wait_for_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path, settings={"strategy:mine": {"weight": 4.0}})
    (tmp_path / "mine.py").write_text(OWN.format(about="one", body="return None"))
    kept.desk.reload_strategies("anna")
    assert kept.section("mine")["weight"] == 4.0


def test_a_parameter_that_fits_no_more_switches_nothing_on_and_waits(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(about="one", body="return None"))
    before = Kept(tmp_path)
    patch = StrategyPatch(
        enabled=False, weight=3.0, symbols=("sim:A",), budget_pct=6.0, params={"level": 2.5, "ttl_s": 7.0}
    )
    before.desk.tuning.set_strategy("mine", patch, "anna")
    whole = before.section("mine")

    file.write_text(
        OWN.format(about="one", body="return None").replace("level: float = 1.0", "level: int = 1")
    )
    kept = Kept(tmp_path, settings=before.settings)
    assert kept.section("mine") == whole | {"level": 1}
    file.write_text("def (")
    torn = Kept(tmp_path, settings=kept.settings)
    assert not torn.desk.signals.strategies.enabled("mine")

    for desk in (kept, torn, Kept(tmp_path, settings=kept.settings)):
        file.write_text(OWN.format(about="one", body="return None"))
        desk.desk.reload_strategies("anna")
        assert desk.section("mine") == whole
        file.write_text("def (")


def test_reading_again_switches_nothing_on_that_a_fault_switched_off(tmp_path: Path) -> None:
    for name in ("mine", "still"):
        body = "raise ValueError(row.symbol)" if name == "still" else "return None"
        text = OWN.format(about="one", body=body).replace('name = "mine"', f'name = "{name}"')
        (tmp_path / f"{name}.py").write_text(text)
    kept = Kept(tmp_path)
    strategies = kept.desk.signals.strategies
    kept.desk.tuning.set_strategy("still", StrategyPatch(enabled=True), "anna")
    assert hear(strategies, feature_row()) == []
    assert not strategies.enabled("still")
    (tmp_path / "mine.py").write_text(OWN.format(about="another", body="return None"))
    kept.desk.reload_strategies("anna")
    assert not strategies.enabled("still") and strategies.detail("still").error


def test_a_strategy_that_is_gone_counts_no_more(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(about="one", body="return None"))
    kept = Kept(tmp_path)
    desk = kept.desk
    desk.intake.add_symbol("sim:AAA", 100.0)
    desk.signals.on_context([Signal("sim:AAA", "mine", Family.TECHNICAL, 1.0, 1.0, NS, NS, "")])
    assert desk.signals.symbol_signals("sim:AAA", NS) is not None
    file.unlink()
    assert "mine removed" in desk.reload_strategies("anna").text
    assert desk.signals.symbol_signals("sim:AAA", NS) is None


def test_what_a_strategy_said_of_symbols_that_it_is_not_let_see_any_more_counts_no_more() -> None:
    """A model on bars of an hour speaks for an hour."""
    desk = Kept().desk
    symbols = ("sim:AAA", "sim:BBB")
    for symbol in symbols:
        desk.intake.add_symbol(symbol, 100.0)
        for source in ("model", "trend"):
            said = Signal(symbol, source, Family.TECHNICAL, 1.0, 1.0, NS, 3600 * NS, "")
            desk.signals.on_context([said])

    def heard() -> list[list[str]]:
        blends = [desk.signals.symbol_signals(symbol, NS) for symbol in symbols]
        return [[] if blend is None else sorted(one.source for one in blend.inputs) for blend in blends]

    desk.tuning.set_strategy("model", StrategyPatch(symbols=("sim:AAA",)))
    assert heard() == [["model", "trend"], ["trend"]]
    desk.tuning.set_strategy("trend", StrategyPatch(symbols=()))
    assert heard() == [["model", "trend"], ["trend"]]
    desk.tuning.set_strategy("trend", StrategyPatch(symbols=("sim:BBB",), weight=2.0))
    assert heard() == [["model"], ["trend"]]


def test_a_file_that_cannot_be_used_is_told_and_harms_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    (tmp_path / "torn.py").write_text("def (")
    assert not kept.desk.reload_strategies("anna").whole
    assert any(alert.level == "error" for alert in kept.alerts)
    assert kept.desk.signals.strategies.enabled("trend")


def job(**step: object) -> Job:
    """With one step about a strategy."""
    trigger = {"type": "periodic", "every_s": 60}
    parts = {"trigger": trigger, "steps": [{"type": "strategy", "name": "trend", **step}]}
    return Job("again-1", parse("again", parts), None, START_NS, 0)


def test_a_strategy_that_repeated_itself_waits_for_a_person() -> None:
    """No automation switches it on, nor back on, and a restart forgets nothing."""
    first = Kept()
    switched = Steps(first.desk, tape=True, keep=first.settings.__setitem__)
    away = job(enabled=False, for_s=1)
    switched.do(away, 0, away.definition.steps[0])
    back = job(enabled=True)
    first.desk.tuning.set_strategy("trend", StrategyPatch(enabled=True))
    first.desk._on_repeater("trend", "20 buy orders")
    first.desk.trading.gate.disable("trend", "20 buy orders")
    switched.revert(START_NS + 60 * NS)
    again = Kept(settings=dict(first.settings))
    for kept in (first, again):
        strategies = kept.desk.signals.strategies
        steps = Steps(kept.desk, tape=True, keep=kept.settings.__setitem__)
        with pytest.raises(AutomationError, match="a person has to"):
            steps.do(back, 0, back.definition.steps[0])
        assert not strategies.enabled("trend")
        assert kept.desk.trading.gate.disabled == {"trend": "20 buy orders"}
    again.desk.tuning.set_strategy("trend", StrategyPatch(enabled=True), who="me")
    assert again.desk.trading.gate.disabled == {}
    later = Kept(settings={**first.settings, **again.settings})
    assert later.desk.signals.strategies.enabled("trend") and later.desk.trading.gate.disabled == {}


@pytest.mark.parametrize("on", [True, False])
def test_what_a_person_switches_is_not_switched_back(on: bool) -> None:
    kept = Kept()
    strategies = kept.desk.signals.strategies
    kept.desk.tuning.set_strategy("trend", StrategyPatch(enabled=not on))
    steps = Steps(kept.desk, tape=True, keep=kept.settings.__setitem__)
    one = job(enabled=on, for_s=10)
    steps.do(one, 0, one.definition.steps[0])
    kept.desk.tuning.set_strategy("trend", StrategyPatch(weight=2.0), who="me")
    assert kept.settings[REVERTS], "a weight is no switch"
    kept.desk.tuning.set_strategy("trend", StrategyPatch(enabled=on), who="me")
    assert kept.settings[REVERTS] == {} and steps.due_ns() is None

    other = job(enabled=not on, for_s=10)
    steps.do(other, 0, other.definition.steps[0])
    assert strategies.enabled("trend") is not on
    steps.revert(START_NS + 60 * NS)
    assert strategies.enabled("trend") is on, "as the person had it"


def test_symbols_are_taken_in_every_spelling_that_orders_take() -> None:
    kept = Kept()
    kept.desk.tuning.set_strategy("trend", StrategyPatch(symbols=("BTC/USD", "sim:ETH/USD", "sim:BTC-USD")))
    assert kept.section("trend")["symbols"] == ["sim:BTC-USD", "sim:ETH-USD"]
    assert kept.settings["strategy:trend"] == {"symbols": ("sim:BTC-USD", "sim:ETH-USD")}
    with pytest.raises(ConfigError, match=r"strategies\.trend\.symbols: unknown symbol DOGE/USD"):
        kept.desk.tuning.set_strategy("trend", StrategyPatch(symbols=("DOGE/USD",)))
    assert kept.section("trend")["symbols"] == ["sim:BTC-USD", "sim:ETH-USD"]
