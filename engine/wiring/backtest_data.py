"""What a backtest runs over: tapes or bars, read once, judged by the gate of all bars, and packed.

Bars are of files or of the stored history. What is prepared is not changed by a run, so that many runs can
share it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.errors import ConfigError, SymbolError
from engine.events import NS
from engine.feeds.base import InstrumentSpec
from engine.research.bar_ticks import PER_BAR, VOLUME, Series, median_bar_pct, on_grid, pack
from engine.research.bar_vwaps import BarVwaps
from engine.research.curves import Floats, Integers, times_and_marks
from engine.research.guards import steps
from engine.research.leaps import leap
from engine.research.plan import Plan
from engine.research.result import MOST_LINES, Rejects, Source
from engine.store.bars_read import Bars
from engine.strategies.reload import offers_any
from engine.strategies.user_files import GROUP
from engine.symbols import canonical, known_quote, quote_currency, round_the_clock
from engine.text import clean
from engine.wiring.backtest_stored import ReadBars, from_store
from engine.wiring.backtest_tapes import FOREVER_NS, TapeData, Ticks, read_tapes
from engine.wiring.bar_import import Reject, named_file, read_bar_file

FILE = "file"
"""The venue of bars out of a file that names none."""


class BarData(msgspec.Struct, frozen=True, dict=True):
    """Bars of all symbols, as ticks too."""

    interval_s: int
    symbols: tuple[str, ...]
    """In the order of the ticks' index."""
    series: tuple[Series, ...]
    ticks: Ticks
    longest_gap_s: float
    """Between the beginnings of two bars of a symbol."""
    end_ns: int
    """Of the last bar."""
    warm: Ticks
    """Of ``before``, which only warms indicators up."""
    before: tuple[Series, ...] = ()
    """In the order of ``series``."""

    # The same for every run over them.

    @cached_property
    def ends_and_closes(self) -> tuple[Integers, Floats]:
        """As ``times_and_marks``; only to be read."""
        return times_and_marks(self.series, self.interval_s)

    @cached_property
    def _vwaps(self) -> BarVwaps:
        return BarVwaps(self.series, self.interval_s, self.before)

    def told_vwaps(self, ns: int, indices: Integers) -> Floats:
        """As ``BarVwaps.at``; sorted when a model first asks."""
        return self._vwaps.at(ns, indices)

    @cached_property
    def median_bar_pct(self) -> float | None:
        return median_bar_pct(self.series)


class Prepared(msgspec.Struct, frozen=True):
    """A plan with its data."""

    plan: Plan
    state_dir: Path
    """Whose models speak."""
    bars: BarData | None
    tapes: TapeData | None
    sources: tuple[Source, ...]
    rejects: tuple[Rejects, ...]
    specs: tuple[InstrumentSpec, ...] = ()
    without_users: str = ""
    """A folder of strategies in which, and beside which, there are none: no run needs to look again."""

    @property
    def first_ns(self) -> int:
        return min((one.first_ns for one in self.sources), default=0)

    @property
    def last_ns(self) -> int:
        """Of the last tick, or the last bar's end."""
        if self.bars is not None:
            return self.bars.end_ns
        return max((one.last_ns for one in self.sources), default=0)


def prepare(
    config: Config,
    plan: Plan,
    state_dir: Path,
    note: Callable[[str], None] = lambda text: None,
    *,
    part: bool = False,
) -> Prepared:
    """Read, judge and pack what ``plan`` names. ``part``: of a time that was cut into parts, in which symbols
    may have no bars yet, or no more. Raises ConfigError, TapeError, BarsError, StoreError."""
    named = [name for name in ("tapes", "files", "symbols") if getattr(plan, name)]
    if len(named) != 1:
        raise ConfigError(
            "a backtest runs over tapes, over files of bars or over symbols of the stored history: name one"
            + (f" of {' and '.join(named)}" if named else "")
        )
    if plan.until_ns and plan.until_ns <= plan.since_ns:
        raise ConfigError("--until must be after --since")
    if plan.tapes and plan.warm_bars:
        raise ConfigError("--warm-up is of bars: a tape is run from its first tick on")
    if plan.tapes:
        found = _tapes(config, plan, state_dir, note)
    else:
        found = _bars(config, plan, state_dir, note, part=part)
    if offers_any(Path(config.strategies_dir)) or entry_points(group=GROUP):
        return found
    return msgspec.structs.replace(found, without_users=config.strategies_dir)


# --- tapes ---


def _tapes(config: Config, plan: Plan, state_dir: Path, note: Callable[[str], None]) -> Prepared:
    data = read_tapes(config, plan, note)
    return Prepared(plan, state_dir, None, data, data.sources, (), tuple(data.tape.specs))


# --- bars ---


def _bars(
    config: Config, plan: Plan, state_dir: Path, note: Callable[[str], None], *, part: bool
) -> Prepared:
    until_ns = plan.until_ns or FOREVER_NS
    read = _from_files(config, plan, note) if plan.files else from_store(config, plan, state_dir, note)
    intervals = sorted({one.bars.interval_s for one in read})
    if len(intervals) > 1:
        told = ", ".join(f"{one} s" for one in intervals)
        raise ConfigError(f"the bars are of different lengths ({told}): run them one by one, or say --bars S")
    interval_s = intervals[0]
    sources: list[Source] = []
    rejects: list[Rejects] = []
    series: list[Series] = []
    before: list[Series] = []
    quiet: list[int] = []
    for one in read:
        inside = (one.bars.open_ns >= plan.since_ns) & (one.bars.open_ns < until_ns)
        made, refused = _series(one.bars, inside, interval_s)
        if part and not len(made.begin_ns):
            continue
        rejects += one.rejects + refused
        if not len(made.begin_ns):
            raise ConfigError(
                f"no bars of {clean(one.bars.symbol, 60)} in that time: check --since and --until"
            )
        digest = hashlib.sha256(made.begin_ns.tobytes() + made.values.tobytes()).hexdigest()
        first_ns, last_ns = int(made.begin_ns[0]), int(made.begin_ns[-1])
        own_ns = one.bars.open_ns[inside]
        leaped = leap(made)
        sources.append(
            Source(
                *(one.bars.symbol, one.told, len(made.begin_ns), first_ns, last_ns, interval_s, digest),
                one.adjusted,
                early_ns=int((own_ns - on_grid(own_ns, interval_s)).max()),
                leap_ns=0 if leaped is None else leaped.ns,
                leap_ratio=1.0 if leaped is None else leaped.ratio,
            )
        )
        series.append(made)
        quiet.append(int(np.count_nonzero((one.quiet_ns > first_ns) & (one.quiet_ns < last_ns))))
        before.append(_before(one.bars, plan, interval_s))
    if not series:
        raise ConfigError("no bars in that time: check --since and --until")
    sources = _counted(config, sources, series, quiet, interval_s)
    ticks = _packed(series, plan, interval_s)
    gap_ns = max(int(np.diff(one.begin_ns).max(initial=interval_s * NS)) for one in series)
    end_ns = max(one.last_ns for one in sources) + interval_s * NS
    symbols = tuple(one.symbol for one in sources)
    note(f"{len(ticks) // PER_BAR:,} bars of {len(symbols)} symbol{'s' * (len(symbols) > 1)}")
    warm = _packed(before, plan, interval_s)
    data = BarData(interval_s, symbols, tuple(series), ticks, gap_ns / NS, end_ns, warm, tuple(before))
    return Prepared(plan, state_dir, data, None, tuple(sources), tuple(rejects))


def _counted(
    config: Config,
    sources: Sequence[Source],
    series: Sequence[Series],
    quiet: Sequence[int],
    interval_s: int,
) -> list[Source]:
    """With how many bars their time has, but for the ``quiet`` ones of each. Shares are not measured against
    pairs, which trade at night, nor currencies against what trades on Saturdays."""
    found = list(sources)
    kinds = [_kind(config, one.symbol) for one in sources]
    for kind in sorted(set(kinds)):
        mine = [at for at, one in enumerate(kinds) if one == kind]
        begins = [series[at].begin_ns for at in mine]
        for at, count in zip(mine, steps(begins, interval_s * NS, always=kind[1]), strict=True):
            found[at] = msgspec.structs.replace(found[at], steps=max(found[at].rows, count - quiet[at]))
    return found


def _kind(config: Config, symbol: str) -> tuple[bool, bool]:
    """(whether it is a pair, whether its market never closes), as far as its name tells."""
    native = symbol.partition(":")[2]
    try:
        name = canonical("", native, config.symbols)
    except SymbolError:
        name = ""
    account = config.account
    quote = quote_currency(native)
    pair = bool(known_quote(native)) or quote in (*account.pegged, *account.rates)
    return pair, pair and round_the_clock(name)


def _before(bars: Bars, plan: Plan, interval_s: int) -> Series:
    """The last ``plan.warm_bars`` before what is run over."""
    earlier = bars.open_ns < plan.since_ns
    earlier[: max(0, int(np.count_nonzero(earlier)) - plan.warm_bars)] = False
    return _series(bars, earlier, interval_s)[0]


def _packed(series: Sequence[Series], plan: Plan, interval_s: int) -> Ticks:
    ticks = pack(
        series,
        interval_s,
        path=plan.path,
        spread_bps=plan.spread_bps,
        participation_pct=plan.participation_pct,
    )
    ticks.flags.writeable = False
    return ticks


def _series(bars: Bars, inside: npt.NDArray[np.bool_], interval_s: int) -> tuple[Series, list[Rejects]]:
    """On the desk's grid; a second bar in one of its intervals is left out."""
    begin_ns, values = on_grid(bars.open_ns[inside], interval_s), np.ascontiguousarray(bars.values[inside])
    first = np.ones(len(begin_ns), np.bool_)
    first[1:] = np.diff(begin_ns) > 0
    refused = []
    if not first.all():
        at = int(np.argmin(first))
        told = f"two bars in the {interval_s} s from {begin_ns[at] // NS} s since 1970 on"
        refused = [Rejects(bars.symbol, "SAME_INTERVAL", int(np.count_nonzero(~first)), told)]
        begin_ns, values = begin_ns[first], values[first]
    begin_ns.flags.writeable = values.flags.writeable = False
    return Series(begin_ns, values, _volumes_ns(bars, interval_s)), refused


def _volumes_ns(bars: Bars, interval_s: int) -> int:
    """Where the first bar with a volume begins, of all there are: an index, or a pair, may have none for
    years, or for ever. What a part of the time holds, or what comes later, changes nothing of that."""
    told = np.flatnonzero(bars.values[:, VOLUME] > 0.0)
    return int(on_grid(bars.open_ns[told[:1]], interval_s)[0]) if len(told) else FOREVER_NS


def _from_files(config: Config, plan: Plan, note: Callable[[str], None]) -> list[ReadBars]:
    found: list[ReadBars] = []
    for text in plan.files:
        name, path = named_file(text)
        symbol = clean(name or path.name.split(".")[0], 60)
        if ":" not in symbol:
            symbol = f"{FILE}:{symbol}"
        if any(symbol == one.bars.symbol for one in found):
            raise ConfigError(f"two files are called {symbol}: name them, as in AAPL={clean(path.name, 60)}")
        note(f"reading {path.name}")
        read = read_bar_file(path, symbol, plan.interval_s, daily_return_pct=config.quality.daily_return_pct)
        found.append(ReadBars(read.bars, clean(path.name, 100), _by_reason(symbol, read.rejects)))
    return found


def _by_reason(symbol: str, rejects: Iterable[Reject]) -> list[Rejects]:
    counts: Counter[str] = Counter()
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for one in rejects:
        counts[one.reason] += 1
        if counts[one.reason] <= MOST_LINES:
            lines[one.reason].append(f"line {one.line}: {clean(one.told, 160)}")
    return [Rejects(symbol, why, counts[why], told[0], tuple(told)) for why, told in lines.items()]
