"""Bars that are missing: short holes are filled flat and marked, long ones stay holes and are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from engine.events import NS, Candle


class Hole(NamedTuple):
    """Bars that are missing, and were not made up."""

    symbol: str
    interval_s: int
    open_ns: int
    """Of the first."""
    bars: int


class Filled(NamedTuple):
    candles: list[Candle]
    holes: list[Hole]


def _always(_ns: int) -> bool:
    return True


def flat(before: Candle, open_ns: int, recv_ns: int) -> Candle:
    """The bar at ``open_ns`` in which nothing was traded since ``before``."""
    close = before.close
    return Candle(
        symbol=before.symbol,
        interval_s=before.interval_s,
        open_ns=open_ns,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=0.0,
        closed=True,
        event_ns=open_ns + before.interval_s * NS,
        recv_ns=recv_ns,
        trades=0,
        source=before.source,
        filled=True,
    )


def fill(
    candles: Iterable[Candle],
    *,
    max_fill_bars: int,
    before: Candle | None = None,
    is_open: Callable[[int], bool] = _always,
    most_holes: int = 1_000,
) -> Filled:
    """``candles`` (one series, closed, rising ``open_ns``: see ``CandleCheck``) without its short holes.

    At most ``max_fill_bars`` missing bars in a row are made flat at the close before them. ``before`` is the
    bar that the first one follows; without it nothing is made up in front. Only bars that begin while
    ``is_open(open_ns)`` are missed: nights and weekends of an exchange are no hole (see ``Sessions``). More
    than ``most_holes`` are told as one, from the first of the rest to the last.
    """
    out: list[Candle] = []
    holes: list[Hole] = []
    last = before
    for candle in candles:
        if last is not None:
            missing = _missing(last, candle, is_open, max_fill_bars)
            if missing.bars > max_fill_bars:
                holes.append(Hole(candle.symbol, candle.interval_s, missing.first_ns, missing.bars))
            else:
                out += (flat(last, open_ns, candle.recv_ns) for open_ns in missing.opens)
        out.append(candle)
        last = candle
    return Filled(out, _bounded(holes, most_holes))


class _Missing(NamedTuple):
    bars: int
    first_ns: int
    opens: list[int]


_LONGEST = 1_000_000
"""Bars looked through one by one; a longer hole is long, whatever the sessions."""


def _missing(before: Candle, after: Candle, is_open: Callable[[int], bool], most: int) -> _Missing:
    step = before.interval_s * NS
    first, span = before.open_ns + step, after.open_ns - before.open_ns
    steps = max(0, -(-span // step) - 1)
    if steps > _LONGEST or (is_open is _always and steps > most):
        return _Missing(steps, first, [])
    opens = [ns for ns in range(first, after.open_ns, step) if is_open(ns)]
    # Two bars of a source that begins its days elsewhere in summer lie 23 hours apart, or 25.
    if opens and after.open_ns - opens[-1] < step:
        opens.pop()
    return _Missing(len(opens), opens[0] if opens else first, opens[: most + 1])


def _bounded(holes: list[Hole], most: int) -> list[Hole]:
    if len(holes) <= most:
        return holes
    rest = holes[most - 1 :]
    return [*holes[: most - 1], rest[0]._replace(bars=sum(hole.bars for hole in rest))]
