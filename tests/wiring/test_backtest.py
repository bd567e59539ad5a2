"""Backtests: the desk over bars and tapes, and what it says of them."""

from __future__ import annotations

import gc
import os
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.config import load
from engine.errors import ConfigError, StoreError
from engine.events import NS
from engine.features.alpha158 import HISTORY, alpha158_block
from engine.models.artefact import read_manifest
from engine.models.builtin import PATH
from engine.models.training.label import Series
from engine.research.bar_ticks import ANY_SIZE
from engine.research.guards import warnings
from engine.research.plan import Plan
from engine.research.report.text import as_text
from engine.research.result import Backtest
from engine.research.summary import summarise
from engine.store.bars import BARS_DATABASE
from engine.store.bars_period import read_period
from engine.store.bars_read import BarReader
from engine.ticks import QUOTE
from engine.wiring import backtest
from engine.wiring.backtest import prepare, run
from engine.wiring.backtest_result import trained_until_ns
from engine.wiring.desk import Desk
from engine.wiring.longer_bars import longer_bars
from engine.wiring.replay import replay
from tests.bench.synthetic_tape import tape
from tests.wiring.made_backtests import DAY_S, STRATEGIES, config, prepared, series, walk
from tests.wiring.scripted_model import Scripted
from tests.wiring.stored_bars import START_NS, store_walks

EXAMPLES = int(os.environ.get("TICKDESK_BACKTEST_EXAMPLES", "8"))
RULES = ("features.ema_fast=2", "features.ema_slow=3", "opportunities.min_score=0.1")
TECHNICAL = tuple(f"opportunities.weights.{name}=0" for name in ("speed", "microstructure", "volatility"))
WIDE = ("exits.stop_loss_pct=50", "exits.take_profit_pct=500")
_TAPE = ("opportunities.min_score=0.1", "strategies.model.enabled=false")
FLAT = [100.0, 100.0, 100.0, 100.0, 1e6]


def rising(days: int, close: float) -> list[list[float]]:
    """Days that fall a little, then one that makes the fast average cross above the slow one."""
    falls = [
        [price, price, price, price, 1e6] for price in (100.0 + 0.1 * (days - day) for day in range(days))
    ]
    return [*falls, [100.0, close, 100.0, close, 1e6]]


def without_time(found: Backtest) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(found)
    del told["seconds"]
    return told


# --- one result, whoever looks ---


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 8)
@given(
    seed=st.integers(0, 2**32),
    symbols=st.integers(1, 4),
    interval_s=st.sampled_from([60, 3600, DAY_S]),
    weekends=st.booleans(),
    missing=st.sampled_from([0.0, 0.1]),
    on=st.sets(st.sampled_from(STRATEGIES), min_size=1),
    stop=st.sampled_from([0.5, 3.0, 50.0]),
    target=st.sampled_from([1.0, 5.0, 500.0]),
    trail=st.sampled_from([0.0, 1.5]),
    holding=st.sampled_from([0, 4]),
    reduce=st.sampled_from([0.2, 1.0, 3.0, 60.0]),
    size=st.sampled_from([5.0, 60.0]),
    fee=st.sampled_from([0.0, 10.0]),
    short=st.booleans(),
    hours=st.booleans(),
    funding=st.booleans(),
)
@example(
    # Stopped out inside a bar for more than the day may lose: the next close must say so, with nothing held.
    seed=0,
    symbols=1,
    interval_s=3600,
    weekends=False,
    missing=0.0,
    on={"ema_cross", "trend"},
    stop=0.5,
    target=1.0,
    trail=0.0,
    holding=0,
    reduce=0.2,
    size=60.0,
    fee=10.0,
    short=True,
    hours=False,
    funding=False,
)
def test_to_look_at_every_boundary_changes_nothing(
    seed: int,
    symbols: int,
    interval_s: int,
    weekends: bool,
    missing: float,
    on: set[str],
    stop: float,
    target: float,
    trail: float,
    holding: int,
    reduce: float,
    size: float,
    fee: float,
    short: bool,
    hours: bool,
    funding: bool,
) -> None:
    bars = [
        walk(seed + number, 120, interval_s, weekends=weekends, missing=missing) for number in range(symbols)
    ]
    chosen = config(
        sorted(on),
        *("features.ema_fast=3", "features.ema_slow=8", "features.sma_fast=4", "features.sma_slow=12"),
        *("features.bb_period=8", "opportunities.min_score=0.1", "opportunities.min_confidence=0.1"),
        *(
            f"exits.stop_loss_pct={stop}",
            f"exits.take_profit_pct={target}",
            f"exits.trailing_stop_pct={trail}",
        ),
        *(f"exits.max_holding_s={holding * interval_s}", f"risk.allow_short={str(short).lower()}"),
        *(f"risk.daily_loss_reduce_pct={reduce}", "risk.daily_loss_halt_pct=70"),
        *(f"account.order_size_pct={size}", f"paper.taker_fee_bps={fee}"),
        *(("opportunities.sessions=mon-thu 00:00-12:00",) if hours else ()),
        *(("paper.funding_rate_pct=0.01",) if funding else ()),
    )
    data = prepared(bars, interval_s)
    passed, looked = run(chosen, data), run(chosen, data, quiet=False)
    assert without_time(passed) == without_time(looked)
    assert passed.equity[-1] == pytest.approx(float(passed.final_equity), rel=1e-9)


def test_the_shipped_model_has_seen_the_simulation_alone() -> None:
    manifest = read_manifest(PATH)
    source = prepared([walk(1, 9)]).sources[0]
    assert trained_until_ns(None, [source]) is None
    assert trained_until_ns(manifest, [source]) is None
    simulated = msgspec.structs.replace(source, symbol="sim:BTC-USD")
    assert trained_until_ns(manifest, [source, simulated]) == manifest.trained_until_ns > 0
    real = msgspec.structs.replace(manifest, symbols=("binance:BTCUSDT", *manifest.symbols))
    assert trained_until_ns(real, [source]) == manifest.trained_until_ns


def test_a_tape_gives_the_digest_of_its_replay(tmp_path: Path) -> None:
    recorded = tape(tmp_path, 20_000, 100)
    empty = tmp_path / "empty.toml"
    empty.touch()
    chosen = load(empty, environ={}, overrides=[*_TAPE])
    found = run(chosen, prepare(chosen, Plan(tapes=(str(recorded),)), tmp_path / "state"))
    replayed = replay(chosen, [recorded], tmp_path / "state")
    assert found.funnel["fills"] > 0
    assert found.sha256 == replayed.sha256
    assert found.equity[-1] == pytest.approx(float(found.final_equity), abs=1.0)
    assert found.funnel == {name: getattr(replayed, name) for name in found.funnel}


def test_a_tape_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    """Its ticks were merged with themselves: twice the volume."""
    recorded = tape(tmp_path, 100, 10)
    again = tmp_path / "sub" / ".." / recorded.name
    (tmp_path / "sub").mkdir()
    with pytest.raises(ConfigError, match="is named twice"):
        prepare(config(), Plan(tapes=(str(recorded), str(again))), tmp_path)


# --- bars ---


def test_garbage_is_looked_for_as_before_once_a_run_is_over() -> None:
    before, during = gc.get_threshold(), []
    run(config(), prepared([walk(1, 50)]), progress=lambda share: during.append(gc.get_threshold()))
    assert gc.get_threshold() == before
    assert during[0] > before, "while it goes on, seldom"


def test_what_is_decided_at_a_close_fills_at_the_next_open() -> None:
    bars = series(range(8), [*rising(5, 103.0), [104.0, 106.0, 103.0, 105.0, 1e6], FLAT])
    found = run(config(("ema_cross",), *RULES, *TECHNICAL, *WIDE, "paper.taker_fee_bps=0"), prepared([bars]))
    deal = found.deals[0]
    assert (deal.side, deal.price, deal.decision_price, deal.purpose) == ("BUY", "104", 103.0, "entry")
    assert deal.ns == int(bars.begin_ns[6])
    assert found.data[0].symbol == deal.symbol == "file:S0"


def test_nothing_is_filled_over_a_weekend_and_no_order_is_given_up() -> None:
    days = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15]
    rows = [*rising(9, 103.0), [104.0, 106.0, 103.0, 105.0, 1e6], FLAT]
    bars = series(days, rows)
    found = run(config(("ema_cross",), *RULES, *TECHNICAL, *WIDE), prepared([bars]))
    assert found.funnel["bars"] == len(days)
    assert found.deals[0].ns == int(bars.begin_ns[10])  # Monday's open
    assert len(found.ns) == len(days)


@pytest.mark.parametrize(
    ("day", "price", "purpose"),
    [
        ([104.0, 104.5, 95.0, 100.0, 1e6], "101.92", "stop_loss"),
        ([104.0, 120.0, 103.5, 110.0, 1e6], "109.2", "take_profit"),
    ],
)
def test_a_level_between_two_prices_of_a_bar_is_met_on_the_way(
    day: list[float], price: str, purpose: str
) -> None:
    bars = series(range(8), [*rising(5, 103.0), day, day])
    chosen = config(("ema_cross",), *RULES, *TECHNICAL, "exits.stop_loss_pct=2", "exits.take_profit_pct=5")
    found = run(chosen, prepared([bars]))
    assert (found.deals[1].price, found.deals[1].purpose) == (price, purpose)


def test_a_gap_fills_a_stop_at_the_open() -> None:
    entered, gap = [104.0, 104.5, 103.5, 104.0, 1e6], [90.0, 91.0, 89.0, 90.0, 1e6]
    bars = series(range(8), [*rising(5, 103.0), entered, gap])
    chosen = config(("ema_cross",), *RULES, *TECHNICAL, "exits.stop_loss_pct=2", "exits.take_profit_pct=50")
    found = run(chosen, prepared([bars]))
    assert (found.deals[1].price, found.deals[1].purpose) == ("90", "stop_loss")


@pytest.mark.parametrize(
    ("limits", "code", "denied"),
    [
        (("max_drawdown_pct=100",), "HALTED", 0),
        (("max_drawdown_pct=2", "daily_loss_reduce_pct=90", "daily_loss_halt_pct=95"), "DRAWDOWN", 1),
    ],
)
def test_a_desk_that_stopped_itself_is_told(limits: tuple[str, ...], code: str, denied: int) -> None:
    falls = [[80.0 - day] * 4 + [1e6] for day in range(6)]
    rows = [*rising(9, 103.0), [104.0] * 4 + [1e6], [80.0] * 4 + [1e6], *falls, [80.0, 90.0, 80.0, 90.0, 1e6]]
    bars = series(range(len(rows) + 1), [*rows, [90.0] * 4 + [1e6]])
    chosen = ("account.order_size_pct=50", *(f"risk.{one}" for one in limits), "risk.allow_short=false")
    found = run(config(("ema_cross",), *RULES, *TECHNICAL, *WIDE, *chosen), prepared([bars]))
    (stop,) = found.stops
    assert (stop.code, stop.until_ns, stop.denied) == (code, found.last_ns, denied)
    assert bars.begin_ns[11] < stop.ns <= bars.begin_ns[-1]
    assert any("of the time" in one or "1 entry was denied" in one for one in warnings(found, []))


@pytest.mark.parametrize(("volume", "fills"), [(0.0, (7, "105")), (float("nan"), (6, "104"))])
def test_nothing_is_filled_in_a_bar_in_which_nothing_was_traded(
    volume: float, fills: tuple[int, str]
) -> None:
    later = [[104.0, 104.0, 104.0, 104.0, volume], [105.0, 105.0, 105.0, 105.0, 1e6]]
    bars = series(range(8), [*rising(5, 103.0), *later])
    found = run(config(("ema_cross",), *RULES, *TECHNICAL, *WIDE), prepared([bars]))
    day, price = fills
    assert [(one.ns, one.price) for one in found.deals] == [(int(bars.begin_ns[day]), price)]


def test_no_more_is_traded_of_a_bar_than_its_share_of_the_volume() -> None:
    thin = [104.0, 104.0, 104.0, 104.0, 40.0]
    bars = series(range(8), [*rising(5, 103.0), thin, thin])
    chosen = config(("ema_cross",), *RULES, *TECHNICAL, *WIDE, "account.order_size_pct=50")
    found = run(chosen, prepared([bars], participation_pct=10.0))
    first = [float(one.quantity) for one in found.deals if one.ns < int(bars.begin_ns[7])]
    assert first == [1.0] * 4


@pytest.mark.parametrize(("first", "scale"), [(1e9, 0.01), (1e-4, 600.0)], ids=["fallen", "grown"])
def test_prices_and_quantities_are_exact_however_far_from_the_first_price(first: float, scale: float) -> None:
    rows = [[first] * 4, *(row[:4] for row in rising(60, 103.0)), [104.0] * 4]
    rows = [rows[0], *([round(price * scale, 6) for price in row] for row in rows[1:])]
    bars = series(range(len(rows)), [[*row, 1e6] for row in rows])
    chosen = config(("ema_cross",), *RULES, *TECHNICAL, *WIDE)
    (deal,) = run(chosen, prepared([bars], participation_pct=100.0)).deals[-1:]
    assert float(deal.price) == rows[-1][0]
    notional = float(deal.quantity) * float(deal.price)
    assert notional == pytest.approx(1e5 * chosen.account.order_size_pct / 100 * 0.8, rel=0.3)


def test_sources_of_a_trade_add_up_and_its_money_to_the_account() -> None:
    found = run(config(STRATEGIES, *RULES, *WIDE), prepared([walk(3, 300), walk(4, 300)]))
    assert found.trades
    for one in found.trades:
        assert sum(share for _, share in one.sources) == pytest.approx(1.0)
        assert sum(float(net) for _, net in one.strategies) == pytest.approx(float(one.net))
    gained = float(found.realized) + float(found.unrealized) - float(found.fees)
    assert float(found.final_equity) - float(found.starting_cash) == pytest.approx(gained, abs=0.02)
    assert found.benchmark[0] > 0 and len(found.charts) == 2


# --- files ---


def bars_file(path: Path, *, torn: str = "") -> Path:
    made = walk(5, 60)
    lines = ["ts,open,high,low,close,volume"]
    for begin_ns, row in zip(made.begin_ns.tolist(), made.values.tolist(), strict=True):
        lines.append(f"{np.datetime64(begin_ns // NS, 's')},{','.join(map(repr, row))}")
    path.write_text("\n".join([*lines, torn]) + "\n")
    return path


def test_mean_exposure_has_what_is_held_within_bars() -> None:
    found = run(config(("ema_cross",), *RULES), prepared([walk(1, 300)]))
    held = sum(
        float(one.quantity) * float(one.entry_price) * (one.closed_ns - one.opened_ns) for one in found.trades
    )
    by_hand = held / float(found.starting_cash) / (found.last_ns - found.first_ns) * 100
    assert found.exposure_mean_pct == pytest.approx(by_hand, rel=0.05)
    assert np.mean(found.exposure) < by_hand / 2
    assert found.median_bar_pct is not None and found.median_bar_pct > 1.0
    assert (found.stop_loss_pct, found.take_profit_pct) == (0.5, 1.0)


def test_a_file_is_run_over_and_what_was_not_believed_is_told(tmp_path: Path) -> None:
    path = bars_file(tmp_path / "made.csv", torn="2099-01-01,1,2,3,4,5")
    chosen = config()
    data = prepare(chosen, Plan(files=(f"AAA={path}",)), tmp_path)
    assert [(one.symbol, one.reason, one.count) for one in data.rejects] == [("file:AAA", "RANGE", 1)]
    found = run(chosen, data)
    (source,) = found.data
    assert (source.symbol, source.told, source.rows) == ("file:AAA", "made.csv", len(found.ns))
    assert len(source.sha256) == 64 and found.rejects == data.rejects
    assert run(chosen, data).sha256 == found.sha256


def test_each_line_that_was_not_believed_is_listed(tmp_path: Path) -> None:
    path = bars_file(
        tmp_path / "made.csv", torn="2099-01-01,1,2,3,4,5\n2099-01-02,1,2,3,4,5\n2099-01-03,1,x,3,4,5"
    )
    found = run(config(), prepare(config(), Plan(files=(f"AAA={path}",)), tmp_path))
    assert [(one.reason, one.count, len(one.lines)) for one in found.rejects] == [
        ("RANGE", 2, 2),
        ("NUMBER", 1, 1),
    ]
    listed = [line for one in found.rejects for line in one.lines]
    text = as_text(found, summarise(found, samples=0))
    assert "Each line that was not believed" in text
    assert len(listed) == 3 and all(line in text for line in listed)


@pytest.mark.parametrize("volumes", [[0] * 6, [0, 0, 400, 0, 0, 400]])
def test_a_bar_without_a_volume_is_one_without_a_trade_once_one_was_told(
    volumes: list[int], tmp_path: Path
) -> None:
    """So it is in a part of the time, and whatever is told later."""
    path = tmp_path / "made.csv"
    lines = [f"2024-01-0{day},1,1,1,1,{volume}" for day, volume in enumerate(volumes, 1)]
    path.write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n")
    trades_any = [not any(volumes[: day + 1]) for day in range(6)]
    first_ns = 1_704_067_200 * NS
    for since in range(5):
        plan = Plan(files=(f"AAA={path}",), since_ns=first_ns + since * DAY_S * NS)
        data = prepare(config(), plan, tmp_path, part=True).bars
        assert data is not None
        sizes = data.ticks["c"][data.ticks["kind"] == QUOTE][::4].tolist()
        wanted = zip(trades_any, volumes, strict=True)
        assert sizes == [ANY_SIZE if any_size else volume / 40 for any_size, volume in wanted][since:]


def test_weeks_that_begin_on_mondays_are_said_to_be_told_early(tmp_path: Path) -> None:
    """The trades of a Monday stood there with the date of the Thursday before."""

    def warned(first: str) -> bool:
        weeks = np.datetime64(first) + 7 * np.arange(30)
        lines = [f"{week},{100 + at % 5},120,90,{100 + at % 3},1000" for at, week in enumerate(weeks)]
        path = tmp_path / f"{first}.csv"
        path.write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n")
        found = run(config(), prepare(config(), Plan(files=(f"AAA={path}",)), tmp_path))
        return any("begin up to 4 days after those of the desk" in text for text in warnings(found, []))

    assert warned("2024-01-01") and not warned("2024-01-04")


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan(), "name one"),
        (Plan(files=("a.csv",), symbols=("B",)), "name one of files and symbols"),
        (Plan(files=("a.csv",), since_ns=5, until_ns=5), "--until must be after --since"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: Plan, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        prepare(config(), plan, tmp_path)


def test_a_time_without_stored_bars_is_told_also_of_longer_ones(tmp_path: Path) -> None:
    store_walks(tmp_path, ("poll:AAA",), 600)
    plan = Plan(symbols=("poll:AAA",), interval_s=3600)
    data = prepare(config(), plan, tmp_path).bars
    assert data is not None and len(data.series[0].begin_ns) == 10
    later = msgspec.structs.replace(plan, since_ns=START_NS + DAY_S * NS)
    with pytest.raises(ConfigError, match="no bars of poll:AAA in that time"):
        prepare(config(), later, tmp_path)


def test_a_minute_without_a_trade_is_no_hole_in_a_longer_bar(tmp_path: Path) -> None:
    store_walks(tmp_path, ("binance:BTCUSDT",), 600)  # one in 50 of them
    found = prepare(config(), Plan(symbols=("binance:BTCUSDT",), interval_s=3600), tmp_path)
    assert found.bars is not None
    begins = found.bars.series[0].begin_ns
    assert len(begins) == found.sources[0].steps == 9
    short = prepare(config(), Plan(symbols=("binance:BTCUSDT",), interval_s=60), tmp_path)
    assert (short.sources[0].rows, short.sources[0].steps) == (588, 588)
    holes = tmp_path / "holes"
    holes.mkdir()
    store_walks(holes, ("binance:BTCUSDT",), 30)
    with pytest.raises(StoreError, match="make up none of 3600 s: of each some 60 s are missing"):
        prepare(config(), Plan(symbols=("binance:BTCUSDT",), interval_s=3600), holes)


@pytest.mark.parametrize("stored_s", [60, 300], ids=["of the stored length", "of another"])
def test_on_bars_a_model_is_fed_what_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored_s: int
) -> None:
    symbols = ("sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD")
    store_walks(tmp_path, symbols, 200)
    asked: list[np.ndarray] = []

    def says(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.copy())
        return np.arange(float(len(rows)))

    def scripted(desk: Desk, *_: object) -> None:
        desk.signals.scoring.set_active(Scripted("a" * 12, says, bar_interval_s=60.0))

    monkeypatch.setattr(backtest, "_models", scripted)
    chosen = config(["model"], "models.every_bars=1", f"history.interval_s={stored_s}")
    since_ns = START_NS + 100 * 60 * NS
    plan = Plan(symbols=symbols, interval_s=60, since_ns=since_ns, warm_bars=80)
    run(chosen, prepare(chosen, plan, tmp_path))
    with closing(BarReader(tmp_path / BARS_DATABASE)) as reader:
        bars = [read_period(reader, one, 60, 0, 1 << 62, adjust=False).traded() for one in symbols]
    assert all(np.isfinite(one.values[:, 5]).all() for one in bars), "they tell their vwap"
    first, until = int(np.searchsorted(bars[0].open_ns, since_ns)), len(bars[0])
    trained = [
        np.stack([alpha158_block(one.values[None, at - HISTORY + 1 : at + 1])[0] for one in bars])
        for at in range(first, until)
    ]
    np.testing.assert_array_equal(np.stack(asked[first - until :]), np.stack(trained))


@pytest.mark.parametrize("venue", ["sim", "poll"])
def test_on_bars_a_model_of_longer_ones_is_warmed_up_and_fed_what_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str
) -> None:
    """Where a live desk speaks at its next bar, by the store's, it was silent for 61 of them; and of bars
    that were imported for no venue it never spoke."""
    symbols = tuple(f"{venue}:{name}-USD" for name in ("BTC", "ETH", "SOL"))
    store_walks(tmp_path, symbols, 240)
    asked: list[np.ndarray] = []

    def says(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.copy())
        return np.arange(float(len(rows)))

    def scripted(desk: Desk, *_: object) -> None:
        desk.model_bars.need([120.0])
        desk.signals.scoring.set_active(Scripted("a" * 12, says, bar_interval_s=120.0))

    monkeypatch.setattr(backtest, "_models", scripted)
    since_ns = START_NS + 200 * 60 * NS
    plan = Plan(symbols=symbols, interval_s=60, since_ns=since_ns, warm_bars=190)
    run(config(["model"], "models.every_bars=1"), prepare(config(), plan, tmp_path))
    with closing(BarReader(tmp_path / BARS_DATABASE)) as reader:
        short = {one: read_period(reader, one, 60, 0, 1 << 62, adjust=False).traded() for one in symbols}
    longer = longer_bars(
        {name: Series(one.open_ns, one.values, one.open_ns < 0) for name, one in short.items()},
        *(60, 120, lambda symbol: False, lambda share: None),
    )
    whole = [longer[name] for name in symbols]
    first, until = int(np.searchsorted(whole[0].open_ns, since_ns)), len(whole[0].open_ns)
    trained = [
        np.stack([alpha158_block(one.values[None, at - HISTORY + 1 : at + 1])[0] for one in whole])
        for at in range(first, until)
    ]
    assert len(asked) >= until - first == 20
    np.testing.assert_array_equal(np.stack(asked[-20:]), np.stack(trained))
