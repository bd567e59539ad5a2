"""Which trades of paper trading and of a backtest are the same ones, and in what they differ."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from engine.research.parity import CAUSES, Grounds, Row, Share, Side, Trip
from engine.research.parity_causes import in_ms, why_differs, why_only_backtest, why_only_live

Pair = tuple[Trip | None, Trip | None]


def compare(live: Side, backtest: Side, grounds: Grounds) -> list[Row]:
    """In order of time."""
    found: list[Row] = []
    pairs = sorted(matched(live.trips, backtest.trips, grounds.near_ns), key=_begin)
    for one, other in pairs:
        if one is not None and other is not None:
            found.append(_pair(one, other, live, backtest, grounds, found))
        elif one is not None:
            found.append(_only_live(one, live, backtest, grounds, found))
        elif other is not None:
            found.append(_only_backtest(other, live, grounds, found))
    return found


def shares(rows: Sequence[Row]) -> list[Share]:
    """By cause, those that there are, in the order of ``CAUSES``."""
    found = []
    for cause, told in CAUSES.items():
        mine = [row for row in rows if row.cause == cause]
        if mine:
            found.append(Share(cause, told, len(mine), sum(row.net for row in mine)))
    return found


def matched(live: Sequence[Trip], backtest: Sequence[Trip], near_ns: int) -> list[Pair]:
    """Each trade with the nearest one of the other side, by when it was decided; same symbol and side."""
    theirs: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for to, other in enumerate(backtest):
        theirs.setdefault((other.symbol, other.side), []).append((other.decided_ns, to))
    for times in theirs.values():
        times.sort()
    candidates = []
    for at, one in enumerate(live):
        times = theirs.get((one.symbol, one.side), [])
        first = bisect_left(times, (one.decided_ns - near_ns, -1))
        last = bisect_right(times, (one.decided_ns + near_ns, len(backtest)))
        candidates += [(abs(one.decided_ns - ns), at, to) for ns, to in times[first:last]]
    candidates.sort()
    left, right = dict(enumerate(live)), dict(enumerate(backtest))
    pairs: list[Pair] = []
    for _, at, to in candidates:
        if at in left and to in right:
            pairs.append((left.pop(at), right.pop(to)))
    return [*pairs, *((one, None) for one in left.values()), *((None, other) for other in right.values())]


def _begin(pair: Pair) -> int:
    trip = pair[0] or pair[1]
    assert trip is not None
    return trip.decided_ns


def _pair(one: Trip, other: Trip, live: Side, backtest: Side, grounds: Grounds, before: Sequence[Row]) -> Row:
    differs = _differences(one, other)
    if not differs:
        return Row("same", "same", "", one, other, one.net - other.net)
    cause, told = why_differs(one, other, live, backtest, grounds, before)
    return Row("differs", cause, told, one, other, one.net - other.net, tuple(differs))


def _differences(one: Trip, other: Trip) -> list[str]:
    found = []
    for name in ("opened_ns", "closed_ns"):
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            found.append(f"{name.removesuffix('_ns')} {_apart(left, right)}")
    for name in ("quantity", "entry_price", "exit_price", "fees"):
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            found.append(f"{name.replace('_', ' ')} {left:.10g}, backtest {right:.10g}")
    ends = _purpose(one), _purpose(other)
    if ends[0] != ends[1]:
        found.append(f"ended by {ends[0]}, backtest {ends[1]}")
    if not found and one.net != other.net:
        found.append(f"net {one.net:.10g}, backtest {other.net:.10g}: funding")
    return found


def _only_live(one: Trip, live: Side, backtest: Side, grounds: Grounds, before: Sequence[Row]) -> Row:
    cause, told = why_only_live(one, live, backtest, grounds, before)
    return Row("only_live", cause, told, one, None, one.net)


def _only_backtest(other: Trip, live: Side, grounds: Grounds, before: Sequence[Row]) -> Row:
    cause, told = why_only_backtest(other, live, grounds, before)
    return Row("only_backtest", cause, told, None, other, -other.net)


def _purpose(trip: Trip) -> str:
    if not trip.closed_ns:
        return "nothing yet"
    return "-" if trip.exit is None else trip.exit.purpose


def _apart(left: int, right: int) -> str:
    if not left or not right:
        return "is open, in the backtest it is not" if not left else "in the backtest it is open"
    return f"{in_ms(abs(left - right))} {'later' if left > right else 'earlier'} than in the backtest"
