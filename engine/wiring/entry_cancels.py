"""Entries that a halt cancels, until they are gone: a cancel that is refused or lost is asked again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.errors import OrderError
from engine.events import NS, Pending, RiskState
from engine.features.engine import FeatureEngine
from engine.risk.gate import RiskGate
from engine.wiring.cancels import Cancels
from engine.wiring.order_journal import OrderJournal
from engine.wiring.order_work import OrderWork

FIRST_NS, MOST_NS = NS, 8 * NS
"""Between two cancels of one order: doubling."""
ALERT_NS = 10 * NS
"""An entry that is still at work so long after the halt is told."""


class _Entry(msgspec.Struct):
    since_ns: int
    next_ns: int
    pause_ns: int = FIRST_NS
    told: bool = False


class EntryCancels:
    """Asks again while entries are off. Between refusals a gateway repeats by itself what was not heard."""

    def __init__(
        self,
        features: FeatureEngine,
        gate: RiskGate,
        work: OrderWork,
        journal: OrderJournal,
        cancels: Cancels,
        alert: Callable[[str, str, str], None],
    ) -> None:
        self._features = features
        self._gate = gate
        self._work = work
        self._journal = journal
        self._cancels = cancels
        self._alert = alert
        self._entries: dict[str, _Entry] = {}

    def on_time(self) -> None:
        """Each bar interval."""
        if self._gate.state is RiskState.ACTIVE:
            self._entries.clear()
            return
        now, before = self._features.now_ns, self._entries
        self._entries = {
            identity: before.get(identity) or _Entry(now, now + FIRST_NS) for identity in self._work.entries()
        }
        for identity, entry in self._entries.items():
            self._insist(identity, entry, now)

    def _insist(self, identity: str, entry: _Entry, now: int) -> None:
        order = self._journal.order(identity)
        if order is None or order.state.terminal:
            return
        if now - entry.since_ns >= ALERT_NS and not entry.told:
            entry.told = True
            why = f": {order.reason}" if order.reason else ""
            seconds = ALERT_NS // NS
            text = f"entry {identity} is at work still, {seconds} s after entries went off{why}"
            self._alert("error", order.request.symbol, text)
        if now >= entry.next_ns and order.pending is not Pending.CANCEL:
            entry.next_ns, entry.pause_ns = now + entry.pause_ns, min(2 * entry.pause_ns, MOST_NS)
            try:
                self._cancels.cancel(identity, "entries off")
            except OrderError:
                return  # it ended meanwhile
