"""The view state: what the screen knows of the desk, merged from the link, drawn at its own pace."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from console.link_protocol import LinkState
from console.standing import Standing, standing
from engine.api.control_protocol import Console
from engine.api.market_protocol import LatencyDetail, MarketFrame
from engine.api.protocol import (
    AutomationRow,
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
from engine.api.trading_protocol import AccountDetail, EquityCurve, LimitRow
from engine.events import NS, Alert, RiskChange
from widgets.market.detail import MarketDetail
from widgets.orders import FINAL
from widgets.symbol_names import learn

KEPT_OPPORTUNITIES = 200
KEPT_ORDERS = 500
KEPT_LOGS = 1000
KEPT_ALERTS = 1000
"""Until the next frame: all rules may come true at once."""
QUIET_S = 2.0
"""An engine at work sends several frames a second: this long without one, its figures are of the past."""


class DeskView:
    """Merging is all that a message costs; ``changed`` says whether there is anything to draw."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds of this machine, only to notice that nothing comes any more."""
        self._clock = clock
        self._frame_at = clock()
        self._log_base = 0
        self.status: StatusRow | None = None
        self.feeds: dict[str, FeedRow] = {}
        self.ticks: dict[str, TickRow] = {}
        self.opportunities: dict[str, OpportunityRow] = {}
        self.positions: dict[str, PositionRow] = {}
        self.orders: dict[str, OrderRow] = {}
        self.strategies: dict[str, StrategyRow] = {}
        self.models: dict[str, ModelRow] = {}
        self.automations: dict[str, AutomationRow] = {}
        self.logs: dict[int, LogRow] = {}
        self.alerts: deque[Alert] = deque(maxlen=KEPT_ALERTS)
        """Not shown yet."""
        self.account: AccountDetail | None = None
        """As last asked for, as what follows; None: not known yet."""
        self.limits: Sequence[LimitRow] | None = None
        self.curve: EquityCurve | None = None
        self.latency: LatencyDetail | None = None
        self.risk_changes = 0
        """That the stream brought; the engine has them, and those before."""
        self.market = MarketDetail()
        """Of the symbol that is watched."""
        self.console: Console | None = None
        """This one, as it names itself to the engine."""
        self.token_reads = False
        """What it attaches with only reads."""
        self.link = LinkState.CONNECTING
        self.link_detail = ""
        self.changed = True
        self._seen_ns: dict[str, int] = {}

    @property
    def now_ns(self) -> int:
        """The desk's clock: the engine's at its last frame, and on from there while it is silent, so that
        ages go on growing. 0 before the first frame."""
        if self.status is None:
            return 0
        return self.status.engine_ns + round(self.silent_s * NS)

    @property
    def risk_state(self) -> str:
        """``active``, ``reducing`` or ``halted``; "active" before the first frame."""
        return self.status.risk_state if self.status is not None else "active"

    @property
    def standing(self) -> Standing:
        """What this console may do."""
        up = self.link is LinkState.UP
        return standing(self.console, self.status, up=up, token_reads=self.token_reads)

    @property
    def is_worth_stale(self) -> bool:
        """Whether a position's price is stale, and with it what the account is worth and has at risk."""
        return any(row.stale for row in self.positions.values())

    @property
    def is_past(self) -> bool:
        """Whether what is known is of a while ago: the link is away, or nothing comes over it."""
        return self.link in (LinkState.LOST, LinkState.ENGINE_GONE) or self.silent_s > 0

    @property
    def silent_s(self) -> float:
        """How long no frame has come; 0 while they come as they should. Without a link none will: that counts
        at once."""
        silence, away = self._clock() - self._frame_at, self.link in (LinkState.LOST, LinkState.ENGINE_GONE)
        return silence if (away or silence >= QUIET_S) and self.status is not None else 0.0

    def merge(self, message: StreamMessage) -> None:
        """Take in one message of the stream."""
        self.changed = True
        if isinstance(message, StateFrame):
            self._merge_frame(message)
        elif isinstance(message, MarketFrame):
            self.market.merge(message)
        elif isinstance(message, EventFrame):
            if isinstance(message.event, Alert):
                self.alerts.append(message.event)
            elif isinstance(message.event, RiskChange):
                event = message.event
                self.risk_changes += 1
                if self.status is not None and event.ns >= self.status.engine_ns:
                    # What is asked until the next frame comes is asked of the state that is in force.
                    self.status = msgspec.structs.replace(
                        self.status, risk_state=event.state.value, risk_reason=event.reason
                    )
                text = f"{event.previous.upper()} → {event.state.upper()}: {event.reason or event.who}"
                self.alerts.append(Alert(level="warning", source="risk", text=text, ns=event.ns))
        elif isinstance(message, Resync):
            self.risk_changes += 1  # one may be among them
            text = "the line was away too long, some alerts were missed: see Orders (4) and the log (6)"
            self.alerts.append(Alert(level="warning", source="link", text=text, ns=self.now_ns))

    def still(self) -> DeskView:
        """As it is now: what comes later does not change it, and nothing in it ages."""
        at, other = self._clock(), copy.copy(self)
        other._clock = lambda: at
        for name, value in vars(self).items():
            if isinstance(value, (dict, deque)):
                setattr(other, name, copy.copy(value))
        other.market = self.market.copy()
        return other

    def set_link(self, state: LinkState, detail: str) -> None:
        self.link, self.link_detail, self.changed = state, detail, True

    def take(self, name: str, answer: object) -> None:
        """What was asked for; ``name``: the attribute that keeps it."""
        if answer != getattr(self, name):
            setattr(self, name, answer)
            self.changed = True

    def tick_age_ns(self, row: TickRow) -> float | None:
        """The age of a symbol's newest datum now; a row that did not change was not sent again, and aged."""
        if row.age_ms is None:
            return None
        return row.age_ms * 1e6 + max(0, self.now_ns - self._seen_ns.get(row.symbol, self.now_ns))

    def tick(self, symbol: str) -> TickRow | None:
        """As it may be believed now: of the past, it is stale."""
        row = self.ticks.get(symbol)
        return msgspec.structs.replace(row, stale=True) if row is not None and self.is_past else row

    def position(self, symbol: str) -> PositionRow | None:
        """As ``tick`` says it."""
        row = self.positions.get(symbol)
        return msgspec.structs.replace(row, stale=True) if row is not None and self.is_past else row

    def take_alerts(self) -> list[Alert]:
        alerts = list(self.alerts)
        self.alerts.clear()
        return alerts

    def _merge_frame(self, frame: StateFrame) -> None:
        self._frame_at = self._clock()
        if self._is_another_engine(frame):
            self.account = self.limits = self.curve = self.latency = None
            self.market.clear()
            self._begin_log_anew(frame.status.engine_ns)
        if frame.full:
            for known in (
                self.feeds,
                self.ticks,
                self.opportunities,
                self.positions,
                self.orders,
                self.strategies,
                self.models,
                self.automations,
            ):
                known.clear()
        self.status = frame.status
        self.feeds.update((row.venue, row) for row in frame.feeds)
        for tick in frame.ticks:
            self.ticks[tick.symbol] = tick
            self._seen_ns[tick.symbol] = frame.status.engine_ns
        for rows in (frame.ticks, frame.positions, frame.orders, frame.opportunities):
            learn(row.symbol for row in rows)
        self.opportunities.update((row.id, row) for row in frame.opportunities)
        for position in frame.positions:
            if position.quantity == "0":
                self.positions.pop(position.symbol, None)
            else:
                self.positions[position.symbol] = position
        self.orders.update((row.id, row) for row in frame.orders)
        self.strategies.update((row.name, row) for row in frame.strategies)
        self.models.update((row.strategy, row) for row in frame.models)
        self.automations.update((row.name, row) for row in frame.automations)
        for name in frame.gone.get("strategies", ()):
            self.strategies.pop(name, None)
        for name in frame.gone.get("automations", ()):
            self.automations.pop(name, None)
        for log in frame.logs:
            seq = log.seq + self._log_base
            self.logs[seq] = log if log.seq == seq else msgspec.structs.replace(log, seq=seq)
        self._prune()

    def _is_another_engine(self, frame: StateFrame) -> bool:
        """A tape starts at the same time whenever it is replayed: there, the log tells."""
        if self.status is None or not frame.full:
            return False
        if frame.status.started_ns != self.status.started_ns:
            return True
        known = ((self.logs.get(log.seq + self._log_base), log) for log in frame.logs)
        return any(old is not None and (old.ns, old.text) != (new.ns, new.text) for old, new in known)

    def _begin_log_anew(self, now_ns: int) -> None:
        """Another engine counts its log from the start: what the last one said stays above it."""
        mark = max(self.logs, default=-1) + 1
        self.logs[mark] = LogRow(mark, now_ns, "info", "link", "— reconnected —")
        self._log_base = mark + 1

    def _prune(self) -> None:
        if len(self.opportunities) > KEPT_OPPORTUNITIES * 2:
            newest = sorted(self.opportunities.values(), key=lambda row: (row.created_ns, row.id))
            self.opportunities = {row.id: row for row in newest[-KEPT_OPPORTUNITIES:]}
        if len(self.orders) > KEPT_ORDERS * 2:
            by_age = sorted(self.orders.values(), key=lambda row: (row.created_ns, row.id))
            done = [row for row in by_age if row.state in FINAL]
            for row in done[: max(0, len(by_age) - KEPT_ORDERS)]:
                del self.orders[row.id]
        if len(self.logs) > KEPT_LOGS * 2:
            for seq in sorted(self.logs)[:-KEPT_LOGS]:
                del self.logs[seq]
