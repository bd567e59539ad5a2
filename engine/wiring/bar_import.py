"""Bars from a file of somebody else's: read, judged as live bars are, and what is not believed listed.

A bar's time is when it begins. The gate is that of all bars (``market/candle_check``): whole, possible, in
its place, seen once, near the one before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import numpy as np

from engine.bar_merge import Provenance
from engine.errors import BarsError
from engine.events import NS, Candle
from engine.market.candle_check import CandleCheck, Split
from engine.store.bars_read import Bars
from engine.text import clean
from engine.wiring.import_columns import SYMBOLS, TIMES, Line, Table, number, times_ns

PRICES = ("open", "high", "low", "close")
VOLUMES = ("volume", "vol", "base_volume", "quantity")
VWAPS = ("vwap", "wap", "average")
LONGEST_S = 604_800
NEVER_NS = 1 << 62
_AT_ONCE = 50_000
_DISORDER = 0.25
"""Where more than this part of all lines is older than the line above, they are in no order."""
_OLDEST_NUMBER_NS = 631_152_000 * NS
"""1990: a file all of whose times are numbers below that counts its rows."""


class Reject(msgspec.Struct, frozen=True):
    """A line that was not believed."""

    line: int
    ns: int
    """Its time; 0 where it tells none."""
    reason: str
    """COLUMNS, TIME, NUMBER, or one of ``candle_check.REASONS``."""
    told: str
    """The line, cleaned and cut."""


class ImportedBars(msgspec.Struct, frozen=True):
    """One symbol of a file."""

    bars: Bars
    rejects: tuple[Reject, ...]


class _Read(msgspec.Struct):
    """A line that is a bar, maybe a wrong one."""

    line: Line
    ns: int
    values: tuple[float, ...]
    """open, high, low, close, volume, vwap."""
    again_ns: int
    """When its time comes again; else ``ns``."""


def named_file(text: str) -> tuple[str, Path]:
    """(symbol, path) of ``SYMBOL=PATH``; ("", path) of a path alone, which may have a = in it, as those of
    an export do."""
    name, _, where = text.partition("=")
    return ("", Path(text)) if not where or Path(text).exists() else (name, Path(where))


def read_bar_file(
    path: Path,
    symbol: str,
    interval_s: int = 0,
    *,
    daily_return_pct: float,
    zone: tzinfo = UTC,
    splits: Sequence[Split] = (),
    now_ns: int = NEVER_NS,
) -> ImportedBars:
    """The bars of a file of one symbol, which is called ``symbol``. ``interval_s`` 0: the file's own, the
    commonest distance of two lines. ``zone``: of times that name none.

    Raises BarsError where there is no bar to be read or believed, or several symbols are in it.
    """
    found = read_bar_files(
        path, interval_s, daily_return_pct=daily_return_pct, zone=zone, splits=splits, now_ns=now_ns
    )
    if len(found) > 1:
        names = clean(", ".join(sorted(found)), 100)
        raise BarsError(f"{path} holds bars of several symbols ({names}): import it, it says whose they are")
    (one,) = found.values()
    if not len(one.bars):
        _refuse_all(path, one.rejects)
    return msgspec.structs.replace(one, bars=msgspec.structs.replace(one.bars, symbol=symbol))


def read_bar_files(
    path: Path,
    interval_s: int = 0,
    *,
    daily_return_pct: float,
    zone: tzinfo = UTC,
    splits: Sequence[Split] = (),
    now_ns: int = NEVER_NS,
) -> dict[str, ImportedBars]:
    """The bars of a file by the symbol in its column ``symbol``; "" without one. Raises BarsError."""
    table = Table(path)
    time = table.column(TIMES, "the time")
    whose = table.column(SYMBOLS)
    columns = [time, whose, *(table.column((name,), name) for name in PRICES)]
    columns += [table.column(VOLUMES), table.column(VWAPS)]
    rejects: dict[str, list[Reject]] = {}
    reads: dict[str, list[_Read]] = {}
    dated = False

    def refuse(line: Line, reason: str) -> None:
        name = clean(line.cells[1], 60) if line.cells else ""
        rejects.setdefault(name, []).append(Reject(line.number, 0, reason, line.text))

    for line in table.lines(columns, refuse):
        read = _bar(line, zone, refuse)
        if read is not None:
            dated = dated or not _may_be_row_number(line.cells[0], read.ns)
            reads.setdefault(clean(line.cells[1], 60), []).append(read)
    if not reads:
        _refuse_all(path, [one for refused in rejects.values() for one in refused])
        raise BarsError(f"{path} has no bars below its first line")
    if not dated:
        raise BarsError(f"{path}: its times begin in {_first_year(reads)}: does its column hold row numbers?")
    torn = rejects.pop("", []) if "" not in reads else []
    found = {}
    for name, own in reads.items():
        _tell_apart(own)
        if _newest_first(own):
            own.reverse()
        # A torn line names nobody: it is told with the first.
        refused, torn = rejects.pop(name, []) + torn, []
        check = CandleCheck(daily_return_pct, splits=splits)
        found[name] = _judged(path, own, refused, _interval_s(path, own, interval_s), check, now_ns)
    return found


def _refuse_all(path: Path, rejects: Sequence[Reject]) -> None:
    """Raises BarsError where there are any."""
    if rejects:
        counts = Counter(one.reason for one in rejects)
        told = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
        first = min(rejects, key=lambda one: one.line)
        where = f"line {first.line}, {first.reason}: {first.told}"
        raise BarsError(f"{path}: no line was believed ({told}); the first is {where}")


def _may_be_row_number(text: str, ns: int) -> bool:
    """A bare number that would be a time long before most data begins; dates may be as old as that."""
    if ns >= _OLDEST_NUMBER_NS or len(text) == 8:  # 19700102
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_year(reads: dict[str, list[_Read]]) -> int:
    return datetime.fromtimestamp(min(one.ns for own in reads.values() for one in own) // NS, UTC).year


def _tell_apart(reads: Sequence[_Read]) -> None:
    """Where clocks are set back an hour of times comes twice: which of both a line means, its place says."""
    before_ns = distance_ns = 0
    for read in reversed(reads) if reads[0].ns > reads[-1].ns else reads:
        back_ns = before_ns - read.ns
        if back_ns >= 0 and read.again_ns > before_ns:
            # Twice at once, it may be a line that comes twice, but where bars are as long as that hour.
            again = (
                distance_ns >= read.again_ns - read.ns
                if not back_ns
                else (read.again_ns - before_ns <= back_ns)
            )
            if again:
                read.ns = read.again_ns
        before_ns, distance_ns = read.ns, read.ns - before_ns


def _newest_first(reads: Sequence[_Read]) -> bool:
    return reads[0].ns > reads[-1].ns and all(after.ns <= before.ns for before, after in pairwise(reads))


def _bar(line: Line, zone: tzinfo, refuse: Callable[[Line, str], None]) -> _Read | None:
    try:
        ns, again_ns = times_ns(line.cells[0], zone)
    except (ValueError, OverflowError, OSError):
        refuse(line, "TIME")
        return None
    try:
        # Its cells are not kept: they are most of what a large file takes.
        return _Read(line._replace(cells=()), ns, tuple(map(number, line.cells[2:])), again_ns)
    except ValueError:
        refuse(line, "NUMBER")
        return None


def _interval_s(path: Path, reads: Sequence[_Read], given_s: int) -> int:
    """What the times say, or ``given_s`` where there are too few of them. Raises BarsError where the two
    contradict each other: as bars of an hour, days would be read for what they are not."""
    steps = Counter(
        after.ns - before.ns for before, after in islice(pairwise(reads), 10_000) if after.ns > before.ns
    )
    if not steps:
        if given_s:
            return given_s
        raise BarsError(f"{path} has too few bars to tell how long one is: say --bars SECONDS")
    falls = sum(after.ns < before.ns for before, after in pairwise(reads))
    if falls > max(3, _DISORDER * len(reads)):
        raise BarsError(f"{path}: its lines are in no order of time: sort them")
    most = max(steps.values())
    step = min(step for step, count in steps.items() if count == most)
    if given_s:
        # No distance that is seen twice, as of a Friday and a Monday, only says how long a bar is at most.
        if step < given_s * NS or (most > 1 and step != given_s * NS):
            raise BarsError(f"{path}: its bars are {step / NS:g} s apart, so they are not of {given_s} s")
        return given_s
    if most > 1 and step > LONGEST_S * NS:
        raise BarsError(f"{path}: its bars are {step / NS / 86_400:.3g} days apart, and of a week at most")
    if step % NS or not NS <= step <= LONGEST_S * NS:
        raise BarsError(f"{path}: its bars are {step / NS:g} s apart; say --bars SECONDS, 1 to {LONGEST_S:,}")
    return step // NS


def _judged(
    path: Path,
    reads: list[_Read],
    rejects: list[Reject],
    interval_s: int,
    check: CandleCheck,
    now_ns: int,
) -> ImportedBars:
    kept: list[_Read] = []
    for page in _pages(reads, interval_s):
        by_candle = {id(candle): read for candle, read in page}
        sifted = check.sift([candle for candle, _ in page], now_ns)
        kept += (by_candle[id(candle)] for candle in sifted.kept)
        for candle, reason in sifted.aside:
            read = by_candle[id(candle)]
            rejects.append(Reject(read.line.number, read.ns, reason, read.line.text))
    rejects.sort(key=lambda reject: reject.line)
    return ImportedBars(_bars(path, interval_s, kept, now_ns), tuple(rejects))


def _pages(reads: Iterable[_Read], interval_s: int) -> Iterator[list[tuple[Candle, _Read]]]:
    rest = iter(reads)
    while page := list(islice(rest, _AT_ONCE)):
        yield [(_candle(read, interval_s), read) for read in page]


def _candle(read: _Read, interval_s: int) -> Candle:
    opened, high, low, close, volume, _ = read.values
    end_ns = read.ns + interval_s * NS
    return Candle("", interval_s, read.ns, opened, high, low, close, volume, True, end_ns, end_ns)


def _bars(path: Path, interval_s: int, kept: Sequence[_Read], now_ns: int) -> Bars:
    count = len(kept)
    values = np.array([read.values for read in kept], np.float64).reshape(count, 6)
    opened = np.array([read.ns for read in kept], np.int64)
    told = opened + interval_s * NS if now_ns == NEVER_NS else np.full(count, now_ns)
    return Bars(
        symbol="",
        interval_s=interval_s,
        open_ns=opened,
        values=values,
        trades=np.full(count, -1),
        provenance=np.full(count, Provenance.SERVICE, np.int8),
        told_ns=told,
        source=np.zeros(count, np.int64),
        sources=(clean(path.name, 60),),
        split_adjusted=(False,),
    )
