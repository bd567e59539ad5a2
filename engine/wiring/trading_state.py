"""The trading state as the journal keeps it: what tightens works at once, what loosens when it is durable."""

from __future__ import annotations

from collections.abc import Callable

from engine.events import RiskChange, RiskState
from engine.features.engine import FeatureEngine
from engine.risk.state import TIGHTNESS
from engine.wiring.order_flow import OrderFlow
from engine.wiring.order_journal import Commit


class TradingState:
    """Changes the gate's state, by a person or by risk."""

    def __init__(self, features: FeatureEngine, flow: OrderFlow, commit: Commit) -> None:
        self._features = features
        self._flow = flow
        self._gate = flow.gate
        self._commit = commit
        self._loosening: RiskChange | None = None
        """On its way to the disk; dropped by whatever tightens meanwhile."""

    def set(
        self, state: RiskState, who: str, reason: str, done: Callable[[], None] = lambda: None
    ) -> RiskChange | None:
        """Change the trading state; ``done`` is called when the change is durable. None: nothing changes.

        Tightening works at once and cancels what would open positions; loosening works when it is durable.
        """
        overtaken, self._loosening = self._loosening, None
        before, why = self._gate.state, self._gate.reason
        change = self._gate.request_state(state, who, reason, self._features.now_ns)
        if change is None:
            if overtaken is None:
                return None
            # The journal says looser by now, or soon: what stands must be its last word.
            change = RiskChange(before, overtaken.state, reason, who, self._features.now_ns)
        if TIGHTNESS[change.state] >= TIGHTNESS[before]:
            self.changed(change, done)
            return change
        self._gate.restore(before, why)
        self._loosening = change

        def durable() -> None:
            if self._loosening is change:
                self._loosening = None
                self._gate.restore(change.state, change.reason)
            done()

        self._commit((change,), durable)
        return change

    def fail(self, reason: str) -> None:
        """Nothing can be journaled any more: halted at once, whatever is on its way."""
        self._loosening = None
        self._gate.restore(RiskState.HALTED, reason)

    @property
    def settled(self) -> bool:
        """No change of the state is on its way."""
        return self._loosening is None

    def changed(self, change: RiskChange, done: Callable[[], None] = lambda: None) -> None:
        """Journal a change that works already; what would open positions is canceled with it."""
        self._loosening = None
        self._commit((change,), done)
        if change.state is not RiskState.ACTIVE:
            self._flow.cancel_entries()
