"""Trailing stops and time exits of a whole desk: on every tick, by the clock, over restarts, when halted."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.config import ExitsConfig, FeaturesConfig, load
from engine.errors import ConfigError
from engine.events import NS, Alert, Fill, LimitChange, OrderEvent, Purpose, RiskState, Side
from engine.execution.blotter import Blotter
from engine.features.engine import EXIT, NONE, FeatureEngine
from engine.instruments import Instruments
from engine.portfolio.ledger import Ledger
from engine.wiring.exit_watch import ExitWatch
from engine.wiring.kept import TRAILING
from engine.wiring.order_work import OrderWork
from engine.wiring.own_exits import OwnExits
from tests.features.ticks import block
from tests.features.ticks import quote as at
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.one_market import QUIET, A, Market, opened

WIDE = ("exits.stop_loss_pct=20", "exits.take_profit_pct=20", "strategies.breakout.enabled=false")
TRAIL = (*WIDE, "exits.trailing_stop_pct=1")
HELD_3_S = (*WIDE, "exits.max_holding_s=3")


def reason(market: Market) -> str:
    """Of the newest order."""
    return [
        event.request.reason
        for event in market.bench.journal
        if isinstance(event, OrderEvent) and event.request is not None
    ][-1]


@pytest.mark.parametrize(("side", "up", "back"), [(Side.BUY, 103.0, 101.9), (Side.SELL, 97.0, 98.1)])
def test_a_trailing_stop_closes_what_fell_back_from_its_best(side: Side, up: float, back: float) -> None:
    market = opened(side, overrides=TRAIL)
    watch = market.desk.trading.watch
    first = watch.levels(A)
    market.tick(up)
    best = watch.levels(A)
    assert first is not None and best is not None and first.trailing is not None
    assert best.trailing is not None and (best.trailing - first.trailing) * side.sign > 2
    market.tick((up + back) / 2)
    assert watch.levels(A) == best, "it goes one way only"
    for _ in range(4):
        market.tick(back)
    assert market.held == 0 and market.purposes() == [Purpose.ENTRY, Purpose.TRAILING_STOP]
    assert str(best.trailing) in reason(market) and f"best {up - side.sign * 0.01:g}" in reason(market)


def test_a_peak_between_two_sweeps_counts() -> None:
    market = opened(overrides=(*TRAIL, "exits.sweep_s=3600"))
    market.tick(103.0, 0.001)
    market.tick(102.5, 0.001)
    for _ in range(4):
        market.tick(101.9, 0.05)
    assert market.purposes()[-1] is Purpose.TRAILING_STOP


@pytest.mark.parametrize("state", list(RiskState))
def test_a_trailing_stop_protects_in_every_state(state: RiskState) -> None:
    market = opened(overrides=TRAIL)
    market.desk.trading.set_state(state, "me", "")
    for _ in range(4):
        market.tick(98.5)
    assert market.purposes() == [Purpose.ENTRY, Purpose.TRAILING_STOP] and market.held == 0


@pytest.mark.parametrize(("state", "left"), [(RiskState.REDUCING, True), (RiskState.HALTED, False)])
def test_a_time_exit_is_an_exit_that_a_halt_holds_back(state: RiskState, left: bool) -> None:
    market = opened(overrides=HELD_3_S)
    market.desk.trading.set_state(state, "me", "")
    for _ in range(30):
        market.tick()
    assert (market.held == 0) is left


def test_a_position_is_left_when_its_time_is_over() -> None:
    market = opened(overrides=HELD_3_S)
    levels = market.desk.trading.watch.levels(A)
    assert levels is not None and levels.trailing is None
    opened_ns = market.desk.trading.ledger.position(A).opened_ns
    assert levels.leave_ns == opened_ns + 3 * NS
    while market.desk.now_ns < levels.leave_ns - NS:
        market.tick()
    assert market.purposes() == [Purpose.ENTRY]
    for _ in range(15):
        market.tick()
    assert market.purposes() == [Purpose.ENTRY, Purpose.TIME_EXIT] and market.held == 0
    assert reason(market).startswith("held 3.") and reason(market).endswith("limit 3 s")


def test_time_goes_on_without_ticks() -> None:
    market = opened(overrides=(*HELD_3_S, "risk.stale_data_s=60"))
    for second in range(1, 6):
        market.desk.advance(START_NS + int((market.at_s + second) * NS))
    assert market.purposes()[-1] is Purpose.TIME_EXIT


def test_a_symbols_own_levels() -> None:
    market = opened(overrides=(*TRAIL, f"exits.symbols.{A}.trailing_stop_pct=5"))
    market.tick(98.0)
    market.tick(98.0)
    assert market.purposes() == [Purpose.ENTRY]
    market.tick(94.9)
    assert market.purposes()[-1] is Purpose.TRAILING_STOP


def test_a_halted_desk_does_not_ask_at_every_tick_about_a_target() -> None:
    market = opened(overrides=("exits.stop_loss_pct=2", "strategies.breakout.enabled=false"))
    features = market.desk.features
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    asked: list[int] = []
    handler = market.desk.trading.on_exit

    def ask(index: int) -> None:
        asked.append(index)
        handler(index)

    market.desk.trading.on_exit = ask
    for _ in range(10):
        market.tick(101.5)
    assert len(asked) == 1 and market.purposes() == [Purpose.ENTRY] and features.exit_armed(0)
    # Once it is active again, the sweep takes the profit.
    market.desk.trading.set_state(RiskState.ACTIVE, "me", "")
    for _ in range(30):
        market.tick(101.5)
    assert market.purposes() == [Purpose.ENTRY, Purpose.TAKE_PROFIT]


def test_the_sweep_arms_what_nobody_watches() -> None:
    market = opened(overrides=(*WIDE, "exits.sweep_s=1"))
    features = market.desk.features
    market.desk.trading.watch.mute(A)
    assert not features.exit_armed(0)
    for _ in range(10):
        market.tick()
    assert features.exit_armed(0)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_levels_rest_while_the_kernel_watches_them_and_the_market_is_between(side: Side) -> None:
    market = opened(side, overrides=(*WIDE, "exits.sweep_s=3600"))
    watch = market.desk.trading.watch
    assert watch.rests(A, target=True) and not watch.rests(A, target=False)
    watch.mute(A)
    assert not watch.rests(A, target=True), "nobody watches them"
    watch.arm(A)
    assert watch.rests(A, target=True)
    market.desk.trading.limits.set("exits", "stop_loss_pct", 19.0, "me")
    assert watch.rests(A, target=True), "the new ones are watched"
    market.desk.trading.limits.set("exits", "trailing_stop_pct", 5.0, "me")
    assert not watch.rests(A, target=True), "one of them moves"


@settings(max_examples=200, deadline=None)
@given(
    side=st.sampled_from([Side.BUY, Side.SELL]),
    tick=st.sampled_from(["0.00000001", "0.01", "0.5", "25"]),
    entry=st.one_of(st.integers(1000, 2000), st.integers(1000, 10**7)),
    percent=st.sampled_from([0.001, 0.05, 0.33, 1.0, 7.3, 60.0]),
    moves=st.lists(st.integers(-30, 30), min_size=1, max_size=40),
)
@example(side=Side.BUY, tick="0.01", entry=1010, percent=0.33, moves=[-1] * 5)
@example(side=Side.SELL, tick="0.01", entry=1010, percent=0.33, moves=[1] * 5)
def test_the_kernel_leaves_at_the_very_tick_that_exact_numbers_say(
    side: Side, tick: str, entry: int, percent: float, moves: list[int]
) -> None:
    step, sign, share = Decimal(tick), side.sign, Decimal(repr(percent)) / 100
    instruments, features = Instruments(), FeatureEngine(FeaturesConfig(bar_s=3600.0))
    instruments.add(A, tick_size=step, lot_size=Decimal(1))
    features.add_symbol(A)
    ledger = Ledger(Decimal(10**9), "USD")
    ledger.apply(Fill("t", "o", A, side, Decimal(1), entry * step, Decimal(0), "taker", 0.0, START_NS))
    config = ExitsConfig(stop_loss_pct=100.0, take_profit_pct=1000.0, trailing_stop_pct=percent)
    watch = ExitWatch(config, instruments, features, ledger, OwnExits(OrderWork(Blotter())))
    watch.arm(A)
    reach = max(1, entry // 2000)  # so that some come to lie right beside the level
    prices = [price * step for price in accumulate((move * reach for move in moves), initial=entry)]
    prices = [max(price, step) for price in prices]
    ticks = block(*(at(n, float(price), float(price)) for n, price in enumerate(prices)))

    left, position = None, 0
    while left is None:
        code, position, _ = features.feed(ticks, position, len(ticks))
        if code == NONE:
            break
        if code == EXIT:
            crossed = watch.crossed(A)
            if crossed is None:
                watch.arm(A)
            elif crossed.purpose is Purpose.TRAILING_STOP:
                left = position - 1

    best, expected = entry * step, None
    for n, price in enumerate(prices):
        best = max(best, price) if sign > 0 else min(best, price)
        level = best - sign * max(best * share, step)
        level = (level / step).to_integral_value(ROUND_HALF_EVEN) * step
        if (level - price) * sign >= 0:
            expected = n
            break
    stops = [n for n, price in enumerate(prices) if sign < 0 and price >= 2 * entry * step]
    assert left == expected or (stops and left is None)


# --- restarts ---


def again(market: Market, kept: object) -> Bench:
    """Another desk on the journal, with what was kept."""
    quiet = [f"strategies.{name}.enabled=false" for name in QUIET]
    bench = Bench(load(overrides=[*quiet, *TRAIL], environ={}))
    bench.desk.restore(market.bench.journal, market.desk.now_ns)
    bench.desk.take_up({} if kept is None else {TRAILING: kept})
    return bench


def test_a_restart_takes_the_best_price_up_again() -> None:
    market = opened(overrides=TRAIL)
    market.tick(103.0)
    trading = market.desk.trading
    kept = {symbol: list(mark) for symbol, mark in trading.watch.trailing().items()}
    bench = again(market, kept)
    assert bench.desk.trading.watch.levels(A) == trading.watch.levels(A)
    # A mark of another position of the symbol, or none, leaves the entry's own distance.
    entry = trading.ledger.position(A).average_price
    for other in ({A: [1, 103.0]}, None, {A: "nonsense"}, {A: [kept[A][0], float(entry) - 3]}):
        levels = again(market, other).desk.trading.watch.levels(A)
        assert levels is not None and levels.trailing is not None
        assert abs(levels.trailing - entry * Decimal("0.99")) <= Decimal("0.01")


def test_a_position_that_an_earlier_clock_dated_ahead_is_left_in_time() -> None:
    market = opened(overrides=HELD_3_S)
    day_ns = 86_400 * NS
    journal = [replace(event, ns=event.ns + day_ns) for event in market.bench.journal]
    later = Market(overrides=HELD_3_S)
    now_ns = START_NS + int(later.at_s * NS)
    later.desk.restore(journal, now_ns)
    told = [event for event in later.bench.journal if isinstance(event, Alert)]
    assert [(one.level, one.source) for one in told] == [("warning", "restart")]
    assert told[0].text.endswith(" h behind what was written last: check it")
    while later.desk.now_ns < now_ns + 2.5 * NS:
        later.tick()
    assert later.purposes() == [] and later.held == market.held
    for _ in range(15):
        later.tick()
    assert later.purposes() == [Purpose.TIME_EXIT] and later.held == 0
    assert reason(later).startswith("held 3.")


@pytest.mark.parametrize("known", [True, False])
def test_a_trailing_stop_whose_best_price_was_not_kept_says_so(known: bool) -> None:
    market = opened(overrides=TRAIL)
    market.tick(103.0)
    marks = market.desk.trading.watch.trailing()
    bench = again(market, {symbol: list(mark) for symbol, mark in marks.items()} if known else None)
    told = [one.text for one in bench.kinds(Alert) if isinstance(one, Alert)]
    assert any("trailing stops start anew" in text and A in text for text in told) is not known, told


def test_the_mark_is_kept_at_each_sweep() -> None:
    market = opened(overrides=TRAIL)
    found: dict[str, object] = {}
    market.desk._kept._keep = found.__setitem__
    market.tick(103.0)
    for _ in range(30):
        market.tick(102.9)
    opened_ns = market.desk.trading.ledger.position(A).opened_ns
    assert found[TRAILING] == {A: (opened_ns, 102.99)}


def test_history_moves_no_mark() -> None:
    market = opened(overrides=TRAIL)
    watch = market.desk.trading.watch
    before = watch.levels(A)
    with market.desk.warming_up():
        market.tick(107.0)
        market.tick(100.0)
    assert watch.levels(A) == before
    market.tick(100.5)
    after = watch.levels(A)
    assert market.purposes() == [Purpose.ENTRY] and before is not None and after is not None
    assert after.trailing != before.trailing, "and the market is followed again"


# --- changed by hand ---


def test_a_changed_distance_holds_at_once_and_is_told() -> None:
    market = opened(overrides=WIDE)
    watch = market.desk.trading.watch
    market.tick(103.0)
    change = market.desk.trading.limits.set("exits", "trailing_stop_pct", 0.5, "me")
    assert change == LimitChange("exits", "trailing_stop_pct", "0", "0.5", "me", market.desk.now_ns)
    levels = watch.levels(A)
    assert levels is not None and levels.trailing == Decimal("102.47505"), (
        "from the best price since the entry"
    )
    market.tick(102.4)
    assert market.purposes()[-1] is Purpose.TRAILING_STOP

    exact = market.desk.trading.limits.set("exits", "max_holding_s", 1_234_567.5, "me")
    assert exact is not None and exact.value == "1234567.5", "as it is in force"
    fresh = Market(overrides=WIDE).desk.trading.limits
    assert fresh.restore(change) == ""
    back = fresh.set("exits", "trailing_stop_pct", None, "me")
    assert back is not None and (back.previous, back.value) == ("0.5", "")
    assert fresh.set("exits", "trailing_stop_pct", None, "me") is None, "it is so already"
    assert "sweep_s" in fresh.restore(LimitChange("exits", "sweep_s", "", "1", "me", 1))
    assert "stop_loss_pct" in fresh.restore(LimitChange("exits", "stop_loss_pct", "", "many", "me", 1))
    closer = fresh.set("exits", "stop_loss_pct", 1.0, "me")
    assert closer is not None and closer.previous == "20"


@pytest.mark.parametrize(
    ("name", "before", "value", "looser"),
    [
        ("stop_loss_pct", 20.0, 30.0, True),
        ("stop_loss_pct", 20.0, 10.0, False),
        ("trailing_stop_pct", 2.0, 0.0, True),
        ("trailing_stop_pct", 0.0, 2.0, False),
        ("max_holding_s", 60.0, 120.0, True),
        ("max_holding_s", 60.0, 30.0, False),
        ("max_holding_s", 60.0, None, True),
    ],
)
def test_what_holds_a_position_longer_waits_for_the_disk(
    name: str, before: float, value: float | None, looser: bool
) -> None:
    market = opened(overrides=WIDE)
    limits, exits = market.desk.trading.limits, market.desk.trading.watch.limits
    limits.set("exits", name, before, "me")
    market.bench.hold = True
    limits.set("exits", name, value, "me")
    assert (exits.value("exits", name) == before) is looser
    market.bench.release()
    assert exits.value("exits", name) == (value or 0.0)


def test_a_tightening_overtakes_a_loosening_that_is_being_written() -> None:
    market = opened(overrides=WIDE)
    limits, exits = market.desk.trading.limits, market.desk.trading.watch.limits
    market.bench.hold = True
    limits.set("exits", "stop_loss_pct", 30.0, "me")
    limits.set("exits", "stop_loss_pct", 5.0, "me")
    assert exits.value("exits", "stop_loss_pct") == 5.0
    market.bench.release()
    assert exits.value("exits", "stop_loss_pct") == 5.0
    fresh = Market(overrides=WIDE).desk.trading
    for change in market.bench.kinds(LimitChange):
        assert isinstance(change, LimitChange)
        fresh.limits.restore(change)
    assert fresh.watch.limits.value("exits", "stop_loss_pct") == 5.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_loss_pct", 0.0),
        ("stop_loss_pct", float("nan")),
        ("stop_loss_pct", 5e-324),
        ("trailing_stop_pct", 5e-324),
        ("max_holding_s", 5e-324),
        ("take_profit_pct", -1.0),
        ("trailing_stop_pct", 100.0),
        ("max_holding_s", float("inf")),
        ("sweep_s", 1.0),
        ("nonsense", 1.0),
        ("nonsense", None),
    ],
)
def test_a_value_out_of_range_changes_nothing(name: str, value: float | None) -> None:
    market = opened(overrides=TRAIL)
    watch = market.desk.trading.watch
    before = watch.levels(A)
    with pytest.raises(ConfigError, match=name):
        market.desk.trading.limits.set("exits", name, value, "me")
    assert watch.levels(A) == before


def test_changing_a_distance_arms_nothing_while_an_exit_is_at_work() -> None:
    market = opened(overrides=TRAIL)
    features = market.desk.features
    market.tick(98.5)
    assert not features.exit_armed(0) and market.held
    market.desk.trading.limits.set("exits", "trailing_stop_pct", 0.1, "me")
    assert not features.exit_armed(0)
    market.tick(98.5)
    market.tick(98.5)
    assert market.held == 0 and market.purposes() == [Purpose.ENTRY, Purpose.TRAILING_STOP]


def test_a_desk_that_only_watches_leaves_nothing_by_itself_and_all_when_asked() -> None:
    market = opened(overrides=HELD_3_S)
    kept = (*HELD_3_S, "engine.hands_off=true", "exits.stop_loss_pct=0.5")
    watching = Market(overrides=kept)
    watching.desk.restore(market.bench.journal, START_NS)
    for price in (100.0, *[97.0] * 40):
        watching.tick(price)
    watching.act()
    assert (
        watching.held == market.held and watching.purposes() == [] and not watching.desk.trading.work.count()
    )
    assert watching.drops() == ["HANDS_OFF"]
    watching.desk.trading.flatten()
    for _ in range(4):
        watching.tick(97.0)
    assert watching.purposes() == [Purpose.FLATTEN] and watching.held == 0
