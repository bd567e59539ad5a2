"""Which symbols a daily run may rest on: their bars are there, fresh and believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec
import numpy as np

from engine.api.rows import SymbolDataRow
from engine.config import Config
from engine.errors import ModelError, StoreError
from engine.events import NS, Candle
from engine.features.alpha158 import HISTORY
from engine.feeds.simulation.venue import VENUE as SIMULATED
from engine.market.candle_check import CandleCheck
from engine.models.registered import Entry
from engine.models.registry import Registry
from engine.models.training.label import Series
from engine.store.bars import BARS_DATABASE
from engine.store.bars_read import BarReader
from engine.strategies.model import Model
from engine.symbols import name_of, round_the_clock
from engine.text import clean
from engine.wiring.bar_history import kept_symbols
from engine.wiring.daily_context import Context, Outcome, StepFailed
from engine.wiring.stored_bars import stored_bars
from engine.wiring.training_options import TrainingOptions

STEP = "gate"
LOOK_S = 0.5
_TOLD = 4
_DAY_S = 86_400


class Basis(msgspec.Struct, frozen=True):
    """What the model is fed."""

    mode: Literal["stored", "live"]
    """live: the desk's own bars, which are too short to be stored."""
    interval_s: float


class Gate(msgspec.Struct, frozen=True):
    """The step's product."""

    basis: Basis
    symbols: tuple[str, ...]
    out: dict[str, str]
    """Symbols that are left out, and why."""


def active_model(context: Context) -> Entry | None:
    """The active model of the model strategy. Raises StepFailed."""
    try:
        return Registry(context.state_dir).active(Model.name)
    except ModelError as error:
        raise StepFailed(str(error), "`tickdesk models verify` tells what is wrong") from None


def basis_of(config: Config, model: Entry | None) -> Basis:
    """What ``model`` is fed: stored bars where these make up its own, else the desk's bars. Without a usable
    one, what the next training would rest on."""
    stored_s, own_s = config.history.interval_s, config.features.bar_s
    if model is not None and fits(config, model):
        live = model.bar_interval_s == own_s != stored_s
        return Basis("live" if live else "stored", model.bar_interval_s)
    symbols = kept_symbols(config)
    if symbols and all(symbol.startswith(f"{SIMULATED}:") for symbol in symbols):
        return Basis("live", own_s)
    return Basis("stored", config.models.retrain.bar_s or stored_s)


def fits(config: Config, model: Entry) -> bool:
    """Whether its bars can be had here: the desk's own, or stored ones."""
    interval_s, stored_s = model.bar_interval_s, config.history.interval_s
    if interval_s == config.features.bar_s:
        return True
    return interval_s < _DAY_S and interval_s % stored_s == 0


def gate(context: Context) -> Outcome:
    basis = basis_of(context.config, active_model(context))
    found = _live(context, basis) if basis.mode == "live" else _stored(context, basis)
    told = "; ".join(f"{symbol}: {why}" for symbol, why in list(found.out.items())[:_TOLD])
    more = f" and {len(found.out) - _TOLD} more" if len(found.out) > _TOLD else ""
    if len(found.symbols) < 2:
        raise StepFailed(
            f"{len(found.symbols)} symbols pass, and ranking takes 2: {told}{more}",
            "see `tickdesk history list` and `tickdesk quarantine`; once the data are right, "
            + context.again("data"),
        )
    what = "own bars" if basis.mode == "live" else "stored bars"
    text = f"{len(found.symbols)} symbols pass, {what} of {basis.interval_s:g} s"
    return Outcome(text + (f"; left out: {told}{more}" if found.out else ""), product=found)


# --- the desk's own bars -------------------------------------------------------------------------------


def _live(context: Context, basis: Basis) -> Gate:
    """Symbols of which the desk has fresh prices; waited for, as an engine may just have started."""
    deadline = context.deadline(context.config.daily.prices_s)
    while True:
        rows = context.desk.ask("GET", "/v1/data", tuple[SymbolDataRow, ...])
        out = {row.symbol: why for row in rows if (why := _live_fault(row))}
        symbols = tuple(row.symbol for row in rows if row.symbol not in out)
        if (symbols and not out) or context.clock() >= deadline:
            return Gate(basis, symbols, out)
        context.sleep(LOOK_S)


def _live_fault(row: SymbolDataRow) -> str:
    if row.stale_reason:
        return row.stale_reason
    if row.gapped:
        return "trades are missing in its window"
    return row.book_fault


# --- stored bars ---------------------------------------------------------------------------------------


def stored_series(context: Context, interval_s: float) -> tuple[dict[str, Series], tuple[str, ...]]:
    """The newest bars of the configured symbols, as training reads them, and what is to be known of them.
    Raises StepFailed."""
    config = context.config
    days = 1.5 * config.daily.bars * interval_s / _DAY_S + 4.0
    if not context.calendar.round_the_clock:
        days *= 3.0
    try:
        reader = BarReader(context.state_dir / BARS_DATABASE)
        try:
            options = TrainingOptions(bar_s=interval_s, days=days)
            bars = stored_bars(config, reader, kept_symbols(config), options, lambda share, text: None)
        finally:
            reader.close()
    except (StoreError, ModelError) as error:
        raise StepFailed(str(error), context.again("data")) from None
    return bars.series, bars.notes


def _stored(context: Context, basis: Basis) -> Gate:
    series, _ = stored_series(context, basis.interval_s)
    out = {symbol: "no bars" for symbol in kept_symbols(context.config) if symbol not in series}
    now_ns = context.clock()
    for symbol, one in series.items():
        why = fault_of(context, symbol, one, basis.interval_s, now_ns)
        if why:
            out[symbol] = why
    return Gate(basis, tuple(symbol for symbol in series if symbol not in out), out)


def fault_of(context: Context, symbol: str, series: Series, interval_s: float, now_ns: int) -> str:
    """Why the symbol's bars are not to be rested on, half a sentence; "" when they are."""
    config, count = context.config, context.config.daily.bars
    opens, values = series.open_ns[-count:], series.values[-count:]
    if len(opens) < HISTORY:
        return f"{len(opens)} bars, and features take {HISTORY}"
    never_closes = round_the_clock(name_of(symbol, config.symbols))
    reference_ns = now_ns if never_closes else context.calendar.open_until(now_ns)
    step_ns = round(interval_s * NS)
    end_ns = int(opens[-1]) + step_ns
    if reference_ns - end_ns > config.daily.max_age_bars * step_ns:
        return f"its newest bar ended {_time(end_ns)}"
    missing = round((int(opens[-1]) - int(opens[-HISTORY])) / step_ns) - (HISTORY - 1)
    if never_closes and missing > 0:
        return f"{missing} bars are missing among the last {HISTORY}"
    candles = [
        _candle(symbol, int(interval_s), open_ns, row)
        for open_ns, row in zip(opens.tolist(), values.tolist(), strict=True)
    ]
    aside = CandleCheck(config.quality.daily_return_pct).sift(candles, now_ns).aside
    late = [one for one in aside if one.candle.open_ns >= int(opens[-HISTORY])]
    if late:
        return f"{late[-1].reason} at {_time(late[-1].candle.open_ns)}"
    if np.isnan(values[-HISTORY:, :4]).any():
        return f"prices are not known in the last {HISTORY} bars"
    return ""


def _candle(symbol: str, interval_s: int, open_ns: int, row: list[float]) -> Candle:
    opened, high, low, close, volume, _ = row
    end_ns = open_ns + interval_s * NS
    return Candle(
        symbol=clean(symbol, 80),
        interval_s=interval_s,
        open_ns=open_ns,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        closed=True,
        event_ns=end_ns,
        recv_ns=end_ns,
    )


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M}Z"
