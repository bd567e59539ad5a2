"""Rows of numbers from outside to bars: checked, in order, closed only when nothing can change any more."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from msgspec.structs import replace

from engine.events import NS, Candle
from engine.feeds.candles import of_future
from engine.feeds.timestamps import MAX_NS
from engine.plain_number import plain_number

DAY_S = 86_400
_LARGEST = 1e15
_DELAY_S = 3600
"""Services tell prices up to 20 minutes late: what is older than this is not changed any more."""
_YEARS = range(1970, 2261)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DATE.pattern + r"[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")


def candle(
    symbol: str,
    interval_s: int,
    at_ns: int,
    prices: tuple[float, float, float, float],
    volume: float | None,
    *,
    source: str,
    recv_ns: int,
    trades: int = -1,
) -> Candle:
    """The bar of ``prices`` (open, high, low, close) in which ``at_ns`` lies; not closed.

    Raises ValueError for a price that is none, and for a time outside of 1970 to 2262.
    """
    if not all(0 < price <= _LARGEST for price in prices):
        raise ValueError("a price that is none")
    if not 0 <= at_ns <= MAX_NS - DAY_S * NS:
        raise ValueError("a time outside of 1970 to 2262")
    if volume is None or not 0 <= volume < math.inf:
        volume = math.nan
    open_ns = at_ns - at_ns % (interval_s * NS)
    first, high, low, last = map(float, prices)
    end_ns = open_ns + interval_s * NS
    return Candle(
        symbol,
        interval_s,
        open_ns,
        first,
        high,
        low,
        last,
        float(volume),
        False,
        min(end_ns, recv_ns),
        recv_ns,
        trades=max(-1, trades),
        source=source,
    )


def with_price(bars: Sequence[Candle], price: float, at_ns: int, blank: Candle) -> list[Candle]:
    """``bars`` with a newer price: it moves the last one, or begins the next, of which only it is known.

    ``blank`` is the bar that the price alone makes. What is older than the last bar changes nothing.
    """
    last = bars[-1] if bars else None
    if last is None or blank.open_ns > last.open_ns:
        return [*bars, replace(blank, event_ns=at_ns)]
    if blank.open_ns < last.open_ns:
        return list(bars)
    moved = replace(last, high=max(last.high, price), low=min(last.low, price), close=price, event_ns=at_ns)
    return [*bars[:-1], moved]


def in_order(bars: Iterable[Candle]) -> list[Candle]:
    """By time, one bar each: a service may tell the newest one twice, once as far as it has come."""
    found: dict[int, Candle] = {}
    for bar in bars:
        known = found.get(bar.open_ns)
        if known is not None:
            bar = replace(bar, open=known.open, high=max(known.high, bar.high), low=min(known.low, bar.low))
        found[bar.open_ns] = bar
    return [found[open_ns] for open_ns in sorted(found)]


def closed_by_successor(bars: Sequence[Candle]) -> list[Candle]:
    """The bars, each but the last one closed: its successor has begun. Who says more is believed; a successor
    of the future has not begun."""
    begun = sum(not of_future(bar) for bar in bars)
    return [replace(bar, closed=bar.closed or index < begun - 1) for index, bar in enumerate(bars)]


def closed_by_age(bars: Sequence[Candle], now_ns: int) -> list[Candle]:
    """The bars of history: closed are those with a successor, and those that ended long enough ago."""
    told = closed_by_successor(bars)
    return [
        bar
        if bar.closed
        else replace(bar, closed=bar.open_ns + (bar.interval_s + _settle_s(bar.interval_s)) * NS <= now_ns)
        for bar in told
    ]


def _settle_s(interval_s: int) -> int:
    return max(_DELAY_S, interval_s)


def number(text: object) -> float:
    """A number, or its text. Raises ValueError for anything else, and for what is not finite."""
    if isinstance(text, str):
        return plain_number(text)
    if isinstance(text, (int, float)) and not isinstance(text, bool) and math.isfinite(text):
        return float(text)
    raise ValueError("not a number")


def date_ns(text: str) -> int:
    """``2024-08-30``: 00:00 UTC of that day. Raises ValueError for anything else."""
    if not _DATE.fullmatch(text):
        raise ValueError("not a date")
    day = date.fromisoformat(text)
    if day.year not in _YEARS:
        raise ValueError("a day outside of 1970 to 2260")
    return (day - date(1970, 1, 1)).days * DAY_S * NS


def local_ns(text: str, zone: tzinfo = UTC) -> int:
    """``2024-08-30 15:59:00``, or a date alone, in ``zone``. Raises ValueError for anything else."""
    if len(text) == 10:
        return date_ns(text)
    if not _TIME.fullmatch(text):
        raise ValueError("not a time")
    moment = datetime.fromisoformat(text)
    if moment.year not in _YEARS:
        raise ValueError("a time outside of 1970 to 2260")
    return round((moment.replace(tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * NS


def day_text(ns: int) -> str:
    """The UTC date of ``ns``, as in a query."""
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y-%m-%d")


def second_text(ns: int) -> str:
    """Date and time, UTC, to the second, as in a query."""
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y-%m-%d %H:%M:%S")
