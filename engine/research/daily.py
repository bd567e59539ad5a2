"""The daily run: its steps and their order, where it goes on after an interruption, and its plan of orders.

Pure: what is stored and what was answered come in, what is to be done next comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from engine.errors import ConfigError
from engine.sessions import Sessions

Kind = Literal["daily", "paper-run"]
StepState = Literal["waiting", "running", "done", "skipped", "failed"]

CLIENT = "daily run"
"""As whom a daily run, or a session, asks the desk."""

_PREPARED = ("data", "gate", "features", "train")
_TOLD = ("reconcile", "report", "notify")
STEPS: Mapping[Kind, tuple[str, ...]] = {
    "daily": (*_PREPARED, "targets", "orders", *_TOLD),
    "paper-run": (*_PREPARED, "open", "trade", "stop", "flatten", *_TOLD),
}
OVER: frozenset[StepState] = frozenset(("done", "skipped"))
"""States of a step that is not done again."""
MOST_ORDERS = 1_000
"""Of one plan."""

_NS = 1_000_000_000
_MINUTE_NS = 60 * _NS
_DAY_NS = 86_400 * _NS


# --- steps ---------------------------------------------------------------------------------------------


def next_step(kind: Kind, states: Mapping[str, StepState]) -> str | None:
    """The first step that is neither done nor skipped: also one that a kill, or a failure, left in the
    middle. None: all is done."""
    return next((step for step in STEPS[kind] if states.get(step, "waiting") not in OVER), None)


def repeated(kind: Kind, step: str) -> tuple[str, ...]:
    """What is to be done again from ``step`` on. Raises ConfigError for a step that there is not."""
    steps = STEPS[kind]
    if step not in steps:
        raise ConfigError(f"--again {step[:40]}: the steps are {', '.join(steps)}")
    return steps[steps.index(step) :]


def prepared_anew(
    kind: Kind, states: Mapping[str, StepState], loaded_ns: int, now_ns: int, most_s: float
) -> tuple[str, ...]:
    """The steps to be done again before the run goes on, as what they made is older than ``most_s``: from
    the loading of bars, which ended at ``loaded_ns`` (0: it did not). None once there are targets."""
    following = next_step(kind, states)
    waits = following in (*_PREPARED[1:], "targets")
    return STEPS[kind] if waits and loaded_ns and abs(now_ns - loaded_ns) > most_s * _NS else ()


# --- days ----------------------------------------------------------------------------------------------


class Calendar:
    """When the market is open: hours of the week, less single days. Days are of UTC."""

    def __init__(self, sessions: Sequence[str], holidays: Iterable[str] = ()) -> None:
        """``sessions`` as in ``engine.sessions``; none: it never closes, on holidays neither. Raises
        ValueError."""
        self.round_the_clock = not sessions
        self._sessions = Sessions(sessions)
        self._holidays = frozenset(holidays)

    def is_open(self, ns: int) -> bool:
        return self.round_the_clock or (day_of(ns) not in self._holidays and self._sessions.is_open(ns))

    def session(self, day: str) -> tuple[int, int] | None:
        """From the first minute of the day on which the market is open until after the last one; None:
        it is closed all day. Of one that is open over midnight, the part that lies in the day."""
        begin_ns = begin_of(day)
        if self.round_the_clock:
            return begin_ns, begin_ns + _DAY_NS
        if day in self._holidays:
            return None
        minutes = [at for at in range(begin_ns, begin_ns + _DAY_NS, _MINUTE_NS) if self._sessions.is_open(at)]
        return (minutes[0], minutes[-1] + _MINUTE_NS) if minutes else None

    def opens(self, ns: int, until_ns: int) -> int:
        """``ns`` while the market is open, else when it opens next; at the latest ``until_ns``."""
        while ns < until_ns and not self.is_open(ns):
            ns = (ns // _MINUTE_NS + 1) * _MINUTE_NS
        return min(ns, until_ns)

    def why_closed(self, day: str) -> str:
        """Half a sentence; "" on a day with a session."""
        if self.session(day) is not None:
            return ""
        if day in self._holidays:
            return "it is one of daily.holidays"
        return f"{date.fromisoformat(day):%A}s have no session"

    def open_until(self, ns: int) -> int:
        """``ns`` while the market is open, else when it closed last; looked for within two weeks."""
        if self.is_open(ns):
            return ns
        for back in range(15):
            day = day_of(ns - back * _DAY_NS)
            found = self.session(day)
            if found is None:
                continue
            first, _ = found
            at = min(ns, begin_of(day) + _DAY_NS) // _MINUTE_NS * _MINUTE_NS
            while at > first:
                if self.is_open(at - _MINUTE_NS):
                    return at
                at -= _MINUTE_NS
        return ns


def day_of(ns: int) -> str:
    return datetime.fromtimestamp(ns // _NS, UTC).date().isoformat()


def begin_of(day: str) -> int:
    """The day's first nanosecond."""
    found = date.fromisoformat(day)
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()) * _NS


# --- orders --------------------------------------------------------------------------------------------


class Wish(msgspec.Struct, frozen=True):
    """What a plan of targets trades of one symbol: signed quantities on the grid of lots."""

    symbol: str
    reduction: Decimal
    """Towards flat."""
    addition: Decimal
    """Away from flat, once the reduction is done."""
    most: Decimal
    """The largest addition that one order may be of; 0: none may be."""
    lot: Decimal


class PlannedOrder(msgspec.Struct, frozen=True):
    """A market order, and the key under which it is sent: however often, it is one order."""

    number: int
    key: str
    phase: Literal["reduce", "add"]
    symbol: str
    side: Literal["buy", "sell"]
    quantity: str


class Left(msgspec.Struct, frozen=True):
    """What cannot be ordered, and why."""

    symbol: str
    reason: str


def order_key(day: str, number: int) -> str:
    """Of the ``number``-th order of a day, as ``Idempotency-Key``."""
    return f"daily:{day}:{number}"


def planned(
    day: str, wishes: Sequence[Wish], first_number: int
) -> tuple[tuple[PlannedOrder, ...], tuple[Left, ...]]:
    """The orders of a plan: all reductions, then the additions, those of one symbol apart from each other.

    ``first_number``: numbers before it were used by plans of the same day, so theirs are other orders.
    """
    left: list[Left] = []
    parts: list[tuple[Literal["reduce", "add"], str, Decimal]] = [
        ("reduce", wish.symbol, wish.reduction) for wish in wishes if wish.reduction
    ]
    queues = []
    for wish in wishes:
        if wish.addition and wish.most <= 0:
            left.append(Left(wish.symbol, "risk allows no order of it now, or its price is not known"))
        elif wish.addition:
            queues.append((wish.symbol, divided(wish.addition, wish.most, wish.lot)))
    for turn in range(max((len(pieces) for _, pieces in queues), default=0)):
        parts += [("add", symbol, pieces[turn]) for symbol, pieces in queues if turn < len(pieces)]
    if len(parts) > MOST_ORDERS:
        left.append(Left("", f"a plan is of {MOST_ORDERS} orders at most, and this takes more"))
    orders = tuple(
        PlannedOrder(
            number,
            order_key(day, number),
            phase,
            symbol,
            "buy" if quantity > 0 else "sell",
            f"{abs(quantity):f}",
        )
        for number, (phase, symbol, quantity) in enumerate(parts[:MOST_ORDERS], first_number)
    )
    return orders, tuple(left)


def divided(quantity: Decimal, most: Decimal, lot: Decimal) -> list[Decimal]:
    """``quantity``, whole lots of it, in as few parts as ``most`` allows, alike to a lot; [] where it allows
    none. Of too many parts for a plan, one more than that takes."""
    lots, each = int(abs(quantity) // lot), int(most // lot)
    if lots <= 0 or each <= 0:
        return []
    count = -(-lots // each)
    small, rest = divmod(lots, count)
    return [
        ((small + (number < rest)) * lot).copy_sign(quantity) for number in range(min(count, MOST_ORDERS + 1))
    ]


def too_old(planned_ns: int, now_ns: int, plan_s: float) -> bool:
    """Whether orders of a plan that were not sent yet may not be sent any more. One of a time that is still
    to come was made by another clock, and is as old as anything."""
    return abs(now_ns - planned_ns) > plan_s * _NS
