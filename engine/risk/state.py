"""The desk's trading state: ACTIVE -> REDUCING -> HALTED, latched.

Risk tightens; only a person loosens. What the states hold back is what the desk starts by itself: see
``originates``. An exit that is asked for is never denied by the state.
"""

from __future__ import annotations

from decimal import Decimal

from engine.events import NS, Purpose, RiskChange, RiskState
from engine.risk.limits import Limits

RISK = "risk"
"""``who`` of a change that risk made itself."""

SESSION = "paper-run"
"""How the reason begins of a state that a session has taken: the next one takes it back."""

TIGHTNESS = {RiskState.ACTIVE: 0, RiskState.REDUCING: 1, RiskState.HALTED: 2}
_DAY_NS = 86_400 * NS
_PROTECTIVE = frozenset({Purpose.STOP_LOSS, Purpose.TRAILING_STOP, Purpose.FLATTEN})


def originates(state: RiskState, purpose: Purpose) -> bool:
    """Whether the desk may start an order of this purpose in this state.

    ACTIVE: all. REDUCING: exits. HALTED: what a person asks for (FLATTEN), and stops, trailing ones too,
    because a halt that switched them off would leave positions without protection exactly when losses run.
    """
    if state is RiskState.ACTIVE:
        return True
    return purpose in _PROTECTIVE if state is RiskState.HALTED else purpose is not Purpose.ENTRY


class StateLatch:
    """Holds the trading state, and which of the day's limits have tripped on the current UTC day."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.state = RiskState.ACTIVE
        self.reason = ""
        self._day = -1
        self.tripped = RiskState.ACTIVE
        """The tightest state that a limit of the day asked for today."""

    def restore(self, state: RiskState, reason: str = "") -> None:
        """The state that was latched when the engine ended."""
        self.state, self.reason = state, reason

    def request(self, state: RiskState, who: str, reason: str, ns: int) -> RiskChange | None:
        """Change the state: tighter at once, looser for a person only. None when nothing changes.

        A session's state that somebody else asks for, too, is a session's no more.
        """
        claims = self.reason.startswith(SESSION) and not reason.startswith(SESSION)
        if state is self.state and not (claims and TIGHTNESS[state]):
            return None
        if who == RISK and TIGHTNESS[state] < TIGHTNESS[self.state]:
            return None
        change = RiskChange(state, self.state, reason, who, ns)
        self.state, self.reason = state, reason
        return change

    def on_equity(
        self, day_pnl: Decimal, start_equity: Decimal, ns: int, high_equity: Decimal | None = None
    ) -> RiskChange | None:
        """Judge the day's loss, and the fall from the day's highest equity, percent of that: REDUCING when
        either is at ``daily_loss_reduce_pct``, HALTED at ``daily_loss_halt_pct``.

        ``high_equity`` None: what the day began with.
        Each limit trips once a day, so that a person who goes on is not overruled a second later; the next
        limit still trips. What cannot be judged halts.
        """
        day = ns // _DAY_NS
        if day > self._day:
            self._day, self.tripped = day, RiskState.ACTIVE
        level, text = self._level(day_pnl, start_equity, start_equity if high_equity is None else high_equity)
        if TIGHTNESS[level] <= TIGHTNESS[self.tripped]:
            return None
        self.tripped = level
        return self.request(level, RISK, text, ns)

    def loss_limit_pct(self) -> Decimal:
        """The loss, percent of the day's start equity, from which entries are denied today.

        The first limit; the second once the first tripped and a person went on in spite of it.
        """
        overruled = self.tripped is not RiskState.ACTIVE and self.state is RiskState.ACTIVE
        return self._limits.halt_pct if overruled else self._limits.reduce_pct

    def _level(self, day_pnl: Decimal, start: Decimal, high: Decimal) -> tuple[RiskState, str]:
        if not (day_pnl.is_finite() and start.is_finite() and start > 0):
            return RiskState.HALTED, f"the day's loss is unknown: P&L {day_pnl} of equity {start}"
        if not (high.is_finite() and high >= start):
            return RiskState.HALTED, f"the day's highest equity is unknown: {high}, it began with {start}"
        loss = -day_pnl * 100 / start
        fall = (high - start - day_pnl) * 100 / high
        for level, limit in (
            (RiskState.HALTED, self._limits.halt_pct),
            (RiskState.REDUCING, self._limits.reduce_pct),
        ):
            if loss >= limit:
                return level, f"daily loss {loss:.2f} % has reached {limit.normalize():f} %"
            if fall >= limit:
                return level, f"drawdown of the day {fall:.2f} % has reached {limit.normalize():f} %"
        return RiskState.ACTIVE, ""
