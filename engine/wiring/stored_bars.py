"""The stored bars that a training run rests on: comparable among each other, and with what runs live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from engine.config import Config
from engine.errors import ConfigError, ModelError, StoreError
from engine.events import NS
from engine.models.training.label import Series
from engine.models.training.panel import Progress
from engine.research import bar_ticks
from engine.research.leaps import leap
from engine.store.adjust import factors
from engine.store.bar import Provenance
from engine.store.bars_period import read_period
from engine.store.bars_read import VWAP, BarReader, Bars
from engine.symbols import name_of, round_the_clock
from engine.text import clean
from engine.wiring.longer_bars import longer_bars
from engine.wiring.training_options import TrainingOptions

_DAY_S = 86_400
_TOLD = 5
"""Names in a message."""
_VWAPS = 0.99
"""Share of the bars that tell their vwap: of fewer it is left out."""


class TrainingBars(msgspec.Struct, frozen=True):
    series: dict[str, Series]
    interval_s: float
    source: str
    """Where they came from, one line."""
    notes: tuple[str, ...] = ()
    """What the person should know of them."""


def stored_bars(
    config: Config, reader: BarReader, symbols: Sequence[str], options: TrainingOptions, progress: Progress
) -> TrainingBars:
    """Bars of ``symbols`` as ``options`` say. Raises ConfigError, ModelError or StoreError."""
    if options.seconds is not None:
        raise ConfigError("--seconds is of the simulated venue: choose stored bars by --days or --since")
    interval_s = config.history.interval_s if options.bar_s is None else options.bar_s
    stored = _intervals(reader, symbols, interval_s)
    missing = [symbol for symbol in symbols if symbol not in stored]
    notes: tuple[str, ...] = ()
    if missing:
        told = f"no bars of {interval_s:g} s are stored of {_names(missing)}"
        if options.symbols or len(stored) < 2:
            raise StoreError(
                f"{told}: `tickdesk history list` shows of what, `tickdesk history load` loads them"
            )
        notes = (f"{told}: left out",)
    bars, adjusted = _read(reader, stored, int(interval_s), options, progress)
    if adjusted and not options.adjust:
        notes = (*notes, f"{adjusted} was split in that time: adjusted for splits and dividends")
    series = {symbol: _series(one) for symbol, one in bars.items() if len(one)}
    series = _lengthened(config, series, stored, int(interval_s), progress)
    notes += _unadjusted(series)
    empty = [symbol for symbol in stored if symbol not in series]
    if empty:
        notes = (*notes, f"no bars in that time of {_names(empty)}: left out")
    if len(series) < 2:
        raise ModelError(
            "training ranks symbols against each other: bars of at least 2 are needed in that time"
        )
    series, share = _with_vwap(series)
    if 0.0 < share < _VWAPS:
        notes = (
            *notes,
            f"{share:.0%} of the bars tell their vwap: it is left out, since live it is there for all",
        )
    shorter = sorted({of for of in stored.values() if of != interval_s})
    made = f" (made of {', '.join(f'{of:g} s' for of in shorter)})" if shorter else ""
    source = (
        f"stored bars of {interval_s:g} s{made}, {len(series)} symbols"
        + (", adjusted" if adjusted or options.adjust else "")
        + (", without vwap" if share < _VWAPS else "")
    )
    return TrainingBars(series, float(interval_s), source, notes)


def _unadjusted(series: dict[str, Series]) -> tuple[str, ...]:
    """Of a split that nobody told of the label is a return that nobody had."""
    found = []
    for symbol, one in series.items():
        leaped = leap(bar_ticks.Series(one.open_ns, one.values))
        if leaped is not None:
            day = datetime.fromtimestamp(leaped.ns // NS, UTC).date()
            found.append(
                f"from {day} on prices of {clean(symbol, 60)} are {leaped.ratio:.3g} times those before, as "
                "after a split that they are not adjusted for (history import --actions)"
            )
    return tuple(found)


def _intervals(reader: BarReader, symbols: Sequence[str], interval_s: float) -> dict[str, int]:
    """Of what stored interval each symbol's bars are read: the one asked for, else the longest that makes it
    up within a day; without those that have none."""
    known: dict[str, list[int]] = {}
    for symbol, stored_s in reader.series():
        whole = interval_s < _DAY_S and interval_s % stored_s == 0
        if stored_s == interval_s or whole:
            known.setdefault(symbol, []).append(stored_s)
    return {symbol: max(known[symbol]) for symbol in symbols if symbol in known}


def _read(
    reader: BarReader, stored: dict[str, int], interval_s: int, options: TrainingOptions, progress: Progress
) -> tuple[dict[str, Bars], str]:
    """The bars, and one that was split among them: a jump that nobody traded is no return. Then, and where
    it is asked for, all are adjusted."""
    since_ns, until_ns = _period(reader, stored, interval_s, options)
    split = ""
    for adjust in (True,) if options.adjust else (False, True):
        found = {}
        for number, (symbol, bar_s) in enumerate(stored.items()):
            progress(number / len(stored) * 0.5, "reading stored bars")
            bars = read_period(reader, symbol, bar_s, since_ns, until_ns, adjust=adjust)
            found[symbol] = bars
            if not adjust and not split and _jumps(reader, bars):
                split = clean(symbol, 60)
        if adjust or not split:
            break
    return found, split


def _jumps(reader: BarReader, bars: Bars) -> bool:
    splits = [one for one in reader.actions(bars.symbol) if one.kind == "split"]
    if not splits or not len(bars):
        return False
    _, shares = factors(bars, splits)
    return bool((shares != shares[0]).any())


def _period(
    reader: BarReader, stored: dict[str, int], interval_s: int, options: TrainingOptions
) -> tuple[int, int]:
    """From the beginning of a bar of ``interval_s`` on: one that is cut would not be whole."""
    until_ns = 1 << 62 if options.until_ns is None else options.until_ns
    since_ns = options.since_ns or 0
    if options.days is not None:
        newest = [reader.last(symbol, bar_s, 1, until_ns) for symbol, bar_s in stored.items()]
        end_ns = max((int(bars.open_ns[-1]) for bars in newest if len(bars)), default=0)
        since_ns = max(0, end_ns - round(options.days * _DAY_S * NS) + 1)
    if any(bar_s != interval_s for bar_s in stored.values()):
        since_ns = -(-since_ns // (interval_s * NS)) * interval_s * NS
    return since_ns, until_ns


def _series(bars: Bars) -> Series:
    return Series(bars.open_ns, bars.values, bars.provenance == Provenance.FILLED)


def _lengthened(
    config: Config, series: dict[str, Series], stored: dict[str, int], interval_s: int, progress: Progress
) -> dict[str, Series]:
    made = {symbol: one for symbol, one in series.items() if stored[symbol] == interval_s}
    for bar_s in sorted({stored[symbol] for symbol in series} - {interval_s}):
        short = {symbol: one for symbol, one in series.items() if stored[symbol] == bar_s}
        made |= longer_bars(
            short,
            bar_s,
            interval_s,
            lambda symbol: round_the_clock(name_of(symbol, config.symbols)),
            lambda share: progress(0.5 + share * 0.5, "making longer bars"),
        )
    return {symbol: made[symbol] for symbol in stored if symbol in made}


def _with_vwap(series: dict[str, Series]) -> tuple[dict[str, Series], float]:
    """The share of traded bars that tell their vwap; where it is small, the bars without it.

    The desk's own bars always have one, those that venues and services tell have none. Were it missing where
    others told the bars, a model could learn who told them, which live tells nothing.
    """
    told = sum(int((np.isfinite(one.values[:, VWAP]) & ~one.filled).sum()) for one in series.values())
    share = told / max(1, sum(int((~one.filled).sum()) for one in series.values()))
    if share >= _VWAPS:
        return series, share
    bare = {}
    for symbol, one in series.items():
        values = one.values.copy()
        values[:, VWAP] = np.nan
        bare[symbol] = one._replace(values=values)
    return bare, share


def _names(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _TOLD} more" if len(symbols) > _TOLD else ""
    return clean(", ".join(symbols[:_TOLD]), 150) + more
