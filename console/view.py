"""The view state: what the screen knows of the desk, merged from the link, drawn at its own pace."""

from __future__ import annotations

from collections import deque

from console.link_protocol import LinkState
from engine.api.protocol import (
    EventFrame,
    FeedRow,
    LogRow,
    ModelRow,
    OpportunityRow,
    OrderRow,
    PositionRow,
    Resync,
    StateFrame,
    StatusRow,
    StrategyRow,
    StreamMessage,
    TickRow,
)
from engine.events import Alert, OrderState, RiskChange

KEPT_OPPORTUNITIES = 200
KEPT_ORDERS = 500
KEPT_LOGS = 1000
_FINAL = frozenset(state.value for state in OrderState if state.terminal)


class DeskView:
    """Merging is all that a message costs; ``changed`` says whether there is anything to draw."""

    def __init__(self) -> None:
        self.status: StatusRow | None = None
        self.feeds: dict[str, FeedRow] = {}
        self.ticks: dict[str, TickRow] = {}
        self.opportunities: dict[str, OpportunityRow] = {}
        self.positions: dict[str, PositionRow] = {}
        self.orders: dict[str, OrderRow] = {}
        self.strategies: dict[str, StrategyRow] = {}
        self.models: dict[str, ModelRow] = {}
        self.logs: dict[int, LogRow] = {}
        self.alerts: deque[Alert] = deque(maxlen=20)
        """Not shown yet."""
        self.link = LinkState.CONNECTING
        self.link_detail = ""
        self.changed = True
        self._seen_ns: dict[str, int] = {}

    @property
    def now_ns(self) -> int:
        """The desk's clock: the engine's at its last frame, never the console's own. 0 before the first."""
        return self.status.engine_ns if self.status is not None else 0

    def merge(self, message: StreamMessage) -> None:
        """Take in one message of the stream."""
        self.changed = True
        if isinstance(message, StateFrame):
            self._merge_frame(message)
        elif isinstance(message, EventFrame):
            if isinstance(message.event, Alert):
                self.alerts.append(message.event)
            elif isinstance(message.event, RiskChange):
                event = message.event
                text = f"{event.previous.upper()} → {event.state.upper()}: {event.reason or event.who}"
                self.alerts.append(Alert(level="warning", source="risk", text=text, ns=event.ns))
        elif isinstance(message, Resync):
            text = f"events before {message.oldest_seq} were missed: see the journal"
            self.alerts.append(Alert(level="warning", source="link", text=text, ns=self.now_ns))

    def set_link(self, state: LinkState, detail: str) -> None:
        self.link, self.link_detail, self.changed = state, detail, True

    def tick_age_ns(self, row: TickRow) -> float | None:
        """The age of a symbol's newest datum now; a row that did not change was not sent again, and aged."""
        if row.age_ms is None:
            return None
        return row.age_ms * 1e6 + max(0, self.now_ns - self._seen_ns.get(row.symbol, self.now_ns))

    def take_alerts(self) -> list[Alert]:
        alerts = list(self.alerts)
        self.alerts.clear()
        return alerts

    def _merge_frame(self, frame: StateFrame) -> None:
        if frame.full:
            for known in (
                self.feeds,
                self.ticks,
                self.opportunities,
                self.positions,
                self.orders,
                self.strategies,
                self.models,
                self.logs,
            ):
                known.clear()
        self.status = frame.status
        self.feeds.update((row.venue, row) for row in frame.feeds)
        for tick in frame.ticks:
            self.ticks[tick.symbol] = tick
            self._seen_ns[tick.symbol] = frame.status.engine_ns
        self.opportunities.update((row.id, row) for row in frame.opportunities)
        for position in frame.positions:
            if position.quantity == "0":
                self.positions.pop(position.symbol, None)
            else:
                self.positions[position.symbol] = position
        self.orders.update((row.id, row) for row in frame.orders)
        self.strategies.update((row.name, row) for row in frame.strategies)
        self.models.update((row.strategy, row) for row in frame.models)
        self.logs.update((row.seq, row) for row in frame.logs)
        self._prune()

    def _prune(self) -> None:
        if len(self.opportunities) > KEPT_OPPORTUNITIES * 2:
            newest = sorted(self.opportunities.values(), key=lambda row: (row.created_ns, row.id))
            self.opportunities = {row.id: row for row in newest[-KEPT_OPPORTUNITIES:]}
        if len(self.orders) > KEPT_ORDERS * 2:
            by_age = sorted(self.orders.values(), key=lambda row: (row.created_ns, row.id))
            done = [row for row in by_age if row.state in _FINAL]
            for row in done[: max(0, len(by_age) - KEPT_ORDERS)]:
                del self.orders[row.id]
        if len(self.logs) > KEPT_LOGS * 2:
            for seq in sorted(self.logs)[:-KEPT_LOGS]:
                del self.logs[seq]
