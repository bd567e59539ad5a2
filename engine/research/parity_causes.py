"""What speaks for the cause of a difference between paper trading and a backtest; the first counts."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import NS, Purpose
from engine.research.parity import CAUSES, Cause, Changed, Denial, Grounds, Hole, Row, Side, Trip

NOTHING = "nothing that was written down speaks for a cause"
_REVERSAL = Purpose.REVERSAL.value
_SIZED = 2.0
"""A size may differ by so many times what the equity does: open positions are worth other amounts, too."""


def why_differs(
    one: Trip, other: Trip, live: Side, backtest: Side, grounds: Grounds, before: Sequence[Row]
) -> tuple[Cause, str]:
    if one.by_hand:
        return "by_hand", f"an order of {one.by_hand}"
    sized = _sized(one, other, grounds, before)
    if sized:
        return "follows", sized
    if _within_grid(one, other, grounds):
        return "rounding", "quantity and prices are at most one step of the grid apart"
    # What came after a difference cannot have caused it.
    begin_ns, end_ns = min(one.decided_ns, other.decided_ns), max(one.decided_ns, other.decided_ns)
    if (one.opened_ns, one.entry_price) == (other.opened_ns, other.entry_price):
        end_ns = max(end_ns, one.closed_ns, other.closed_ns)
    hole = _hole(one.symbol, begin_ns, end_ns, live, backtest)
    if hole is not None:
        return "data", hole.told
    late = _late(one, other, grounds, before)
    if late:
        return "latency", late
    state = _state(live, begin_ns, end_ns)
    if state is not None:
        return "risk", state.told
    change = _change(live, end_ns, one, other)
    if change is not None:
        return "settings", change.told
    for ns in _blended(one, other):
        heard = _heard(one.symbol, ns, live)
        if heard:
            return "data", heard
    if grounds.coarse:
        return "data", grounds.coarse
    follows = _follows(one, before)
    if follows:
        return "follows", follows
    began = grounds.started(one.symbol, end_ns)
    if began:
        return "start", began
    if grounds.bars_only:
        return "data", "the backtest knows bars alone, the desk had ticks"
    return "unexplained", NOTHING


def why_only_live(
    one: Trip, live: Side, backtest: Side, grounds: Grounds, before: Sequence[Row]
) -> tuple[Cause, str]:
    if one.entry is not None and one.entry.who:
        return "by_hand", f"an order of {one.entry.who}"
    denial = _denial(backtest, one, grounds)
    if denial is not None:
        return "risk", f"denied in the backtest: {denial.code} {denial.detail}".strip()
    begins = grounds.begins.get(one.symbol)
    if begins is None:
        return "data", f"the backtest has no data of {one.symbol}"
    if one.decided_ns < begins:
        return "start", "it was opened before the backtest's data begins"
    off = _off(one, backtest)
    if off:
        return "settings", f"{off} is off in the backtest's configuration"
    return _shared(one, live, backtest, grounds, before)


def why_only_backtest(other: Trip, live: Side, grounds: Grounds, before: Sequence[Row]) -> tuple[Cause, str]:
    denial = _denial(live, other, grounds)
    if denial is not None:
        return "risk", f"denied live: {denial.code} {denial.detail}".strip()
    state = _state(live, other.decided_ns, other.decided_ns)
    if state is not None:
        return "risk", state.told
    down = (one for one in live.holes if one.desk_down and one.begin_ns <= other.decided_ns <= one.end_ns)
    hole = next(down, None)
    if hole is not None:
        return "data", hole.told
    off = _off(other, live)
    if off:
        return "settings", f"{off} was off"
    return _shared(other, live, Side(()), grounds, before)


def _shared(
    trip: Trip, live: Side, backtest: Side, grounds: Grounds, before: Sequence[Row]
) -> tuple[Cause, str]:
    """Causes of a trade that one side has alone, whichever it is."""
    change = _change(live, trip.decided_ns, trip)
    if change is not None:
        return "settings", change.told
    hole = _hole(trip.symbol, trip.decided_ns - grounds.near_ns, trip.decided_ns, live, backtest)
    if hole is not None:
        return "data", hole.told
    heard = _heard(trip.symbol, trip.decided_ns, live)
    if heard:
        return "data", heard
    if grounds.coarse:
        return "data", grounds.coarse
    follows = _follows(trip, before)
    if follows:
        return "follows", follows
    began = grounds.started(trip.symbol, trip.decided_ns)
    if began:
        return "start", began
    if grounds.bars_only:
        return "data", "the backtest knows bars alone, the desk had ticks"
    return "unexplained", NOTHING


def _denial(side: Side, trip: Trip, grounds: Grounds) -> Denial | None:
    near = (
        one
        for one in side.denials
        if (one.symbol, one.side) == (trip.symbol, trip.side)
        and abs(one.ns - trip.decided_ns) <= grounds.near_ns
    )
    return min(near, key=lambda one: abs(one.ns - trip.decided_ns), default=None)


def _state(side: Side, begin_ns: int, end_ns: int) -> Changed | None:
    """The state that stood in the way at ``begin_ns``, or came before ``end_ns``."""
    standing: Changed | None = None
    for one in sorted((one for one in side.changes if one.kind == "state"), key=lambda one: one.ns):
        if one.ns <= begin_ns:
            standing = one if one.blocks else None
        elif one.ns <= end_ns and one.blocks and standing is None:
            standing = one
    return standing


def _change(side: Side, end_ns: int, *trips: Trip) -> Changed | None:
    """The last setting that was changed until then and that the trade depends on, as one of the two was; or
    the next change after it of what the backtest has."""
    scopes = {"", *(trip.symbol for trip in trips)}
    scopes.update(*(trip.entry.strategies for trip in trips if trip.entry is not None))
    found = [one for one in side.changes if one.kind != "state" and one.scope in scopes]
    before = [one for one in found if not one.lasts and one.ns <= end_ns]
    after = [one for one in found if one.lasts and one.ns > end_ns]
    return max(before, key=lambda one: one.ns, default=min(after, key=lambda one: one.ns, default=None))


def _off(trip: Trip, side: Side) -> str:
    """A strategy behind the trade that was not on there, where none of the others was either."""
    if side.strategies is None or trip.entry is None or not trip.entry.strategies:
        return ""
    if any(name in side.strategies for name in trip.entry.strategies):
        return ""
    return trip.entry.strategies[0]


def _hole(symbol: str, begin_ns: int, end_ns: int, *sides: Side) -> Hole | None:
    """Ticks that are missing."""
    for side in sides:
        for one in side.holes:
            reaches = one.begin_ns <= end_ns and begin_ns <= one.end_ns
            if reaches and not one.desk_down and one.symbol in ("", symbol):
                return one
    return None


def _blended(one: Trip, other: Trip) -> list[int]:
    """When blends decided upon what differs: an entry's moment and size, an exit that they began."""
    differs = (one.quantity, one.decided_ns) != (other.quantity, other.decided_ns)
    exits = [end for end in (one.exit, other.exit) if end is not None and end.purpose == _REVERSAL]
    return [one.decided_ns] * differs + [end.decision_ns for end in exits]


def _heard(symbol: str, ns: int, live: Side) -> str:
    """What counted for the desk then and a backtest never hears; "" nothing."""
    found = sorted(
        {one.source for one in live.heard if one.symbol == symbol and one.begin_ns <= ns < one.end_ns}
    )
    return f"the desk heard {', '.join(found)}, which the backtest's data does not have" if found else ""


def _follows(trip: Trip, before: Sequence[Row]) -> str:
    """The trade of the symbol before this one was another: positions, rests and averages are others since."""
    for row in reversed(before):
        earlier = row.live or row.backtest
        if earlier is not None and earlier.symbol == trip.symbol:
            same = row.cause == "same"
            why = f"the trade of {trip.symbol} before was not the same ({CAUSES[row.cause]})"
            return "" if same else why
    return ""


def _sized(one: Trip, other: Trip, grounds: Grounds, before: Sequence[Row]) -> str:
    """Sizes follow equity, and differ as much."""
    less = sum(row.net for row in before)
    moment = (one.opened_ns, one.closed_ns, one.entry_price, one.exit_price)
    if not less or moment != (other.opened_ns, other.closed_ns, other.entry_price, other.exit_price):
        return ""
    if _same_size(one, other, grounds, before):
        return f"the equity differs by {less:+.2f} after earlier differences, and with it the size"
    return ""


def _same_size(one: Trip, other: Trip, grounds: Grounds, before: Sequence[Row]) -> bool:
    """As near as the equities of the two are, and the grid is fine."""
    lot = grounds.lots.get(one.symbol, 0.0) * 1.000001
    less = abs(sum(row.net for row in before)) / grounds.equity if grounds.equity > 0 else 0.0
    return abs(one.quantity - other.quantity) <= lot + _SIZED * other.quantity * less


def _within_grid(one: Trip, other: Trip, grounds: Grounds) -> bool:
    if (one.opened_ns, one.closed_ns) != (other.opened_ns, other.closed_ns):
        return False
    left, right = ((t.quantity, t.entry_price, t.exit_price) for t in (one, other))
    if left == right:
        return False
    tick, lot = grounds.ticks.get(one.symbol, 0.0) * 1.000001, grounds.lots.get(one.symbol, 0.0) * 1.000001
    return (
        abs(one.quantity - other.quantity) <= lot
        and abs(one.entry_price - other.entry_price) <= tick
        and abs(one.exit_price - other.exit_price) <= tick
    )


def _late(one: Trip, other: Trip, grounds: Grounds, before: Sequence[Row]) -> str:
    """The same decisions and size, filled at other times."""
    if not _same_size(one, other, grounds, before):
        return ""
    for left, right, filled, what in (
        (one.entry, other.entry, (one.opened_ns, other.opened_ns), "entry"),
        (one.exit, other.exit, (one.closed_ns, other.closed_ns), "exit"),
    ):
        if left is None or right is None or filled[0] == filled[1] or not all(filled):
            continue
        tick = grounds.ticks.get(one.symbol, 0.0)
        same = left.purpose == right.purpose and abs(left.decision_price - right.decision_price) <= tick
        if same and abs(left.decision_ns - right.decision_ns) <= grounds.near_ns:
            ways = filled[0] - left.decision_ns, filled[1] - right.decision_ns
            return f"{what}: filled {in_ms(ways[0])} after the decision, in the backtest {in_ms(ways[1])}"
    return ""


def in_ms(ns: int) -> str:
    seconds = ns / NS
    return f"{seconds * 1000:.4g} ms" if abs(seconds) < 10 else f"{seconds:.4g} s"
