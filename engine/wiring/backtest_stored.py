"""Bars of the stored history for a backtest: of the length that is asked for, or made up of shorter ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from engine.config import Config
from engine.config.load import traded
from engine.errors import ConfigError, StoreError, SymbolError
from engine.events import NS
from engine.models.training.label import Series as Labelled
from engine.research.bar_ticks import Integers
from engine.research.plan import Plan
from engine.research.result import Rejects
from engine.store.bar import Provenance
from engine.store.bars import BARS_DATABASE
from engine.store.bars_period import read_period
from engine.store.bars_read import BarReader, Bars
from engine.symbols import find, name_of, round_the_clock
from engine.text import clean
from engine.wiring.backtest_tapes import FOREVER_NS
from engine.wiring.longer_bars import longer_bars

_DAY_S = 86_400
_NIGHTS = 8
"""Times as long as so many bars take, nights and weekends let the last of them lie back."""


class ReadBars(msgspec.Struct):
    """Of one symbol, of a file or the store."""

    bars: Bars
    told: str
    rejects: list[Rejects]
    adjusted: bool = False
    quiet_ns: Integers = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    """Where bars begin in which, as is known, nothing was traded: they are none of ``bars``, and no gap."""


def from_store(config: Config, plan: Plan, state_dir: Path, note: Callable[[str], None]) -> list[ReadBars]:
    interval_s = plan.interval_s or config.history.interval_s
    reader = BarReader(state_dir / BARS_DATABASE)
    try:
        stored = _stored(config, plan, reader, interval_s)
        until_ns = plan.until_ns or FOREVER_NS
        found = []
        for symbol, stored_s in stored.items():
            note(f"reading {symbol}")
            since_ns = max(0, plan.since_ns - _NIGHTS * plan.warm_bars * interval_s * NS)
            bars = read_period(reader, symbol, stored_s, since_ns, until_ns, adjust=plan.adjust)
            told = f"stored bars of {stored_s} s, told by {', '.join(_tellers(bars.traded())) or 'nobody'}"
            if stored_s != interval_s:
                bars = _longer(config, bars, interval_s)
            quiet_ns = bars.open_ns[bars.provenance == Provenance.FILLED]
            believed = _believed(bars.traded())
            adjusted = plan.adjust and bool(reader.actions(symbol))
            found.append(ReadBars(believed[0], clean(told, 200), believed[1], adjusted, quiet_ns))
        return found
    finally:
        reader.close()


def _stored(config: Config, plan: Plan, reader: BarReader, interval_s: int) -> dict[str, int]:
    """Of which stored interval each symbol's bars are: the one asked for, else the longest that makes it
    up."""
    series = reader.series()
    known = list(dict.fromkeys(symbol for symbol, _ in series))
    stored: dict[str, int] = {}
    for text in plan.symbols:
        symbol = _one(config, text, known)
        fitting = [one_s for name, one_s in series if name == symbol and _makes_up(one_s, interval_s)]
        if not fitting:
            raise StoreError(
                f"no bars of {interval_s} s are stored of {clean(text, 60)}: `tickdesk history list` shows of"
                " what, `tickdesk history load` loads them"
            )
        stored[symbol] = max(fitting)
    return stored


def stored_of(config: Config, state_dir: Path) -> set[str]:
    """Symbols of which bars are stored that a backtest could run over. Raises StoreError."""
    reader = BarReader(state_dir / BARS_DATABASE)
    try:
        return {name for name, one_s in reader.series() if _makes_up(one_s, config.history.interval_s)}
    finally:
        reader.close()


def _makes_up(stored_s: int, interval_s: int) -> bool:
    return stored_s == interval_s or (interval_s <= _DAY_S and interval_s % stored_s == 0)


def _one(config: Config, text: str, known: list[str]) -> str:
    if text in known:
        return text
    desk = [symbol for symbol in traded(config) if symbol in known]
    for some in (desk, known):
        try:
            return find(text, some, config.symbols)
        except SymbolError as error:
            unknown = error
    raise ConfigError(f"{unknown}; `tickdesk history list` shows of what bars are stored")


def _tellers(bars: Bars) -> list[str]:
    return [clean(bars.sources[index], 40) for index in np.unique(bars.source).tolist()]


def _longer(config: Config, bars: Bars, interval_s: int) -> Bars:
    if not len(bars):
        return msgspec.structs.replace(bars, interval_s=interval_s)
    never_closes = partial(_never_closes, config)
    # A minute without a trade is no hole: an hour that has one is whole.
    short = {bars.symbol: Labelled(bars.open_ns, bars.values, bars.provenance == Provenance.FILLED)}
    made = longer_bars(short, bars.interval_s, interval_s, never_closes, lambda share: None)
    if bars.symbol not in made:
        why = f": of each some {bars.interval_s} s are missing" if never_closes(bars.symbol) else ""
        raise StoreError(f"the stored bars of {clean(bars.symbol, 60)} make up none of {interval_s} s{why}")
    one = made[bars.symbol]
    count = len(one.open_ns)
    return msgspec.structs.replace(
        bars,
        interval_s=interval_s,
        open_ns=one.open_ns,
        values=one.values,
        trades=np.full(count, -1),
        provenance=np.where(one.filled, Provenance.FILLED, Provenance.SERVICE).astype(np.int8),
        told_ns=np.zeros(count, np.int64),
        source=np.zeros(count, np.int64),
    )


def _never_closes(config: Config, symbol: str) -> bool:
    return round_the_clock(name_of(symbol, config.symbols))


def _believed(bars: Bars) -> tuple[Bars, list[Rejects]]:
    """Stored bars passed the gate when they came; what cannot be is looked for all the same."""
    values = bars.values
    low, high = values[:, 2], values[:, 1]
    good = np.isfinite(values[:, :4]).all(axis=1) & (values[:, :4] > 0.0).all(axis=1)
    with np.errstate(invalid="ignore"):
        slack = 1e-9 * np.abs(high)
        for column in (0, 3):
            good &= (values[:, column] >= low - slack) & (values[:, column] <= high + slack)
    if good.all():
        return bars, []
    bad = bars.part(slice(int(np.argmin(good)), int(np.argmin(good)) + 1)).bar(0)
    told = f"{bad.open_ns // NS} s since 1970: {bad.open:g} {bad.high:g} {bad.low:g} {bad.close:g}"
    kept = msgspec.structs.replace(
        bars,
        **{
            name: getattr(bars, name)[good]
            for name in ("open_ns", "values", "trades", "provenance", "told_ns", "source")
        },
    )
    return kept, [Rejects(bars.symbol, "IMPOSSIBLE", int(np.count_nonzero(~good)), told)]
