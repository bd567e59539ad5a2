"""The desk as rows for its clients. Only reads; called a few times a second, never per tick."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.api.protocol import (
    AutomationRow,
    FeedRow,
    LogRow,
    ModelRow,
    OpportunityRow,
    OrderRow,
    PlaybackRow,
    PositionRow,
    StateFrame,
    StatusRow,
    StrategyRow,
)
from engine.events import NS, Opportunity, Side
from engine.feeds.base import Watched
from engine.instruments import Instrument
from engine.market.clock_offset import ClockOffset
from engine.portfolio.books import Pnl
from engine.portfolio.exact import multiply
from engine.slices import Work, at_once
from engine.wiring.decimal_text import money, plain
from engine.wiring.desk import Desk
from engine.wiring.limit_rows import day_loss_pct
from engine.wiring.order_rows import OrderRows
from engine.wiring.shown_numbers import rounded
from engine.wiring.tick_rows import TickRows
from engine.wiring.trading import Trading

RECENT_ORDERS = 100
RECENT_OPPORTUNITIES = 60


class Head(NamedTuple):
    """What the engine says of itself, beside what the desk does."""

    phase: str
    phase_detail: str
    feeds: Sequence[Watched]
    pending_writes: int
    tape: str
    beside: Sequence[Watched] = ()
    """What is watched beside the market."""
    drifts: int = 0
    gateway: str = ""
    bus: tuple[str, bool] = ("", True)
    """What is to be said of it, and whether it is well."""
    loading: str = ""
    playback: PlaybackRow | None = None
    recording: str = ""
    consoles: int = 0
    controller: tuple[str, str] = ("", "")
    """Id and label."""


class DeskView:
    """Builds frames of one desk. ``started_ns`` is the desk clock's time at start."""

    def __init__(self, desk: Desk, *, mode: str, started_ns: int) -> None:
        self._desk = desk
        self._mode = mode
        self._started_ns = started_ns
        self.tick_rows = TickRows(desk, lambda: desk.limits.stale_ns)
        self.order_rows = OrderRows(desk.instruments)
        self._rate_ns = 0
        self._rate_ticks = 0
        self._rate = 0.0
        self._opportunity_rows: dict[str, tuple[Opportunity, OpportunityRow]] = {}
        """By id, those that were told last."""

    def making(
        self,
        now_ns: int,
        head: Head,
        *,
        model: ModelRow | None,
        logs: Sequence[LogRow],
        last_seq: int,
        automations: tuple[AutomationRow, ...] = (),
    ) -> Work[StateFrame]:
        """Every row, as of ``now_ns`` on the desk's clock."""
        status = yield from self._status(now_ns, head)
        yield
        feed_rows = self.feeds(now_ns, head)
        yield
        ticks = self.tick_rows.rows(now_ns)
        yield
        opportunities = self._opportunities()
        yield
        positions = yield from self._positions(now_ns)
        orders = yield from self._orders()
        yield
        strategies = yield from self._strategies()
        return StateFrame(
            full=True,
            status=status,
            feeds=feed_rows,
            ticks=ticks,
            opportunities=opportunities,
            positions=positions,
            orders=orders,
            strategies=strategies,
            models=() if model is None else (model,),
            logs=tuple(logs),
            last_seq=last_seq,
            automations=automations,
        )

    def feeds(self, now_ns: int, head: Head) -> tuple[FeedRow, ...]:
        most_skew_ns = 0 if head.tape else self._desk.limits.skew_ns
        return (
            *(feed_row(feed, now_ns, self._desk.clock_offset, most_skew_ns) for feed in head.feeds),
            *(feed_row(feed, now_ns) for feed in head.beside),
        )

    def status(self, now_ns: int, head: Head) -> StatusRow:
        return at_once(self._status(now_ns, head))

    def _status(self, now_ns: int, head: Head) -> Work[StatusRow]:
        desk = self._desk
        latency_us = [rounded(desk.latency.percentile_us(share), 1) for share in (0.5, 0.99)]
        stale = desk.freshness.stale_count(now_ns, desk.limits.stale_ns)
        locked = self._locked(now_ns)
        yield
        ledger, gate = desk.trading.ledger, desk.trading.gate
        funnel = desk.funnel()
        ticks = funnel["trades"] + funnel["quotes"]
        self._measure_rate(now_ns, ticks)
        drawdown, lost = ledger.drawdown_pct(), day_loss_pct(ledger, now_ns)
        return StatusRow(
            mode=self._mode,
            risk_state=gate.state.value,
            risk_reason=gate.reason,
            engine_ns=now_ns,
            started_ns=self._started_ns,
            phase=head.phase,
            phase_detail=head.phase_detail,
            account_currency=ledger.currency,
            equity=money(ledger.equity()),
            day_pnl=money(ledger.day_pnl(now_ns)),
            drawdown_pct=round(drawdown or 0.0, 3),
            daily_loss_pct=round(lost or 0.0, 3),
            daily_loss_limit_pct=float(gate.loss_limit_pct),
            latency_p50_us=latency_us[0],
            latency_p99_us=latency_us[1],
            ticks=ticks,
            ticks_per_s=round(self._rate, 1),
            stale_symbols=stale,
            funnel=funnel,
            drops=dict(sorted(desk.drops.items(), key=lambda item: (-item[1], item[0]))),
            tape=head.tape,
            pending_writes=head.pending_writes,
            locked=locked,
            drifts=head.drifts,
            gateway=head.gateway,
            bus=head.bus[0],
            bus_ok=head.bus[1],
            loading=head.loading,
            playback=head.playback,
            recording=head.recording,
            consoles=head.consoles,
            controller_id=head.controller[0],
            controller=head.controller[1],
            hands_off=desk.config.engine.hands_off,
        )

    def _locked(self, now_ns: int) -> tuple[str, ...]:
        locks = self._desk.trading.gate.locks
        if not locks.any:
            return ()
        return tuple(one.symbol for one in self._desk.instruments if locks.until_ns(one.symbol, now_ns))

    def _measure_rate(self, now_ns: int, ticks: int) -> None:
        elapsed = now_ns - self._rate_ns
        if elapsed >= NS:
            if self._rate_ns and ticks >= self._rate_ticks:
                self._rate = (ticks - self._rate_ticks) * NS / elapsed
            self._rate_ns, self._rate_ticks = now_ns, ticks

    def _opportunities(self) -> tuple[OpportunityRow, ...]:
        """Few change from one frame to the next: those that do not are told as they are."""
        known, self._opportunity_rows = self._opportunity_rows, {}
        rows = []
        for opportunity, status in self._desk.signals.aggregator.recent(RECENT_OPPORTUNITIES):
            id = opportunity.opportunity_id
            kept = known.get(id)
            if kept is None or kept[0] is not opportunity or kept[1].status != status:
                kept = opportunity, opportunity_row(opportunity, status)
            self._opportunity_rows[id] = kept
            rows.append(kept[1])
        return tuple(rows)

    def _positions(self, now_ns: int) -> Work[tuple[PositionRow, ...]]:
        desk = self._desk
        ledger = desk.trading.ledger
        rows = []
        own = own_trailing(desk.trading)
        for position in ledger.touched():
            instrument = desk.instruments.get(position.symbol)
            levels = desk.trading.watch.levels(position.symbol)
            trailing = None if levels is None else levels.trailing
            if levels is not None and levels.stop is None and position.symbol in own:
                nearest = max if position.quantity > 0 else min
                trailing = nearest(own[position.symbol], trailing or own[position.symbol])
            mark = ledger.mark_price(position.symbol)
            rate = ledger.balances.rate(position.currency)
            stale = instrument is None or bool(
                desk.freshness.reason(instrument.index, now_ns, desk.limits.stale_ns)
            )
            rows.append(
                PositionRow(
                    symbol=position.symbol,
                    quantity=plain(position.quantity),
                    entry_price=plain(_on_ticks(position.average_price, instrument)),
                    mark_price="" if mark is None else plain(mark),
                    unrealized=money(_worth(ledger.unrealized(position.symbol), rate)),
                    realized=money(_worth(position.realized, rate)),
                    stop_price=plain(levels.stop) if levels and levels.stop is not None else "",
                    target_price=plain(levels.target) if levels and levels.target is not None else "",
                    opened_ns=position.opened_ns,
                    stale=stale,
                    trailing_price="" if trailing is None else plain(trailing),
                    exit_ns=(levels.leave_ns or 0) if levels else 0,
                )
            )
            yield
        return tuple(rows)

    def _orders(self) -> Work[tuple[OrderRow, ...]]:
        """The newest, and every one that is at work, however old."""
        trading = self._desk.trading
        shown = {order.client_order_id: order for order in trading.blotter.recent(RECENT_ORDERS)}
        shown.update((order.client_order_id, order) for order in trading.blotter.open_orders())
        yield
        return (
            yield from self.order_rows.making(tuple(shown.values()), trading.waiting(), trading.trailing())
        )

    def _strategies(self) -> Work[tuple[StrategyRow, ...]]:
        earned: dict[str, Pnl] = {}
        for pnl in self._desk.trading.books.strategy_pnl():
            earned[pnl.name] = pnl
            yield
        rows = []
        for state in self._desk.signals.strategies.states():
            own = earned.get(state.name)
            rows.append(
                StrategyRow(
                    name=state.name,
                    family="technical",
                    enabled=state.enabled,
                    weight=state.weight,
                    signals=state.signals,
                    last_ns=state.last_ns,
                    error=state.error,
                    budget_pct=state.budget_pct,
                    origin=state.origin,
                    realized=money(own.realized) if own else "",
                    unrealized=money(own.unrealized) if own else "",
                    fees=money(own.fees) if own else "",
                )
            )
        return tuple(rows)


def _worth(amount: Decimal, rate: Decimal | None) -> Decimal | None:
    """In the account's currency: rows of several are read, sorted and added up beside each other."""
    return None if rate is None else multiply(amount, rate)


def own_trailing(trading: Trading) -> dict[str, Decimal]:
    """By symbol: where the first of a person's own trailing stops that reduce its position would be set off
    now."""
    found: dict[str, Decimal] = {}
    for identity, level in trading.trailing().items():
        order = trading.blotter.get(identity)
        if order is not None and order.request.reduce_only:
            nearest = max if order.request.side is Side.SELL else min
            found[order.request.symbol] = nearest(level, found.get(order.request.symbol, level))
    return found


def _on_ticks(price: Decimal, instrument: Instrument | None) -> Decimal:
    """An average, as fine as the symbol's prices are."""
    return price if instrument is None else price.quantize(instrument.tick_size)


def feed_row(feed: Watched, now_ns: int, clocks: ClockOffset | None = None, most_skew_ns: int = 0) -> FeedRow:
    """``clocks``: for a feed of the market; None for what is watched beside it. ``most_skew_ns``: the limit
    on the clocks' difference, 0 where it is not judged, as on a tape."""
    stats = feed.stats
    latency = None if clocks is None else clocks.latency_ns(feed.venue)
    offset = None if clocks is None else clocks.skew_ns(feed.venue)
    age = (now_ns - stats.last_data_ns) / 1e6 if stats.last_data_ns else None
    return FeedRow(
        venue=feed.venue,
        state=stats.state.value,
        detail=stats.detail,
        age_ms=None if age is None else max(0.0, round(age, 1)),
        reconnects=stats.reconnects,
        messages=stats.messages,
        gaps=stats.gaps,
        latency_ms=None if latency is None else round(latency[0] / 1e6, 1),
        latency_p99_ms=None if latency is None else round(latency[1] / 1e6, 1),
        clock_offset_ms=None if offset is None else round(offset / 1e6, 1),
        backfilled=stats.backfilled,
        malformed=stats.malformed,
        duplicates=stats.duplicates,
        reordered=stats.reordered,
        books=stats.books,
        books_broken=stats.books_broken,
        resyncs=stats.resyncs,
        handovers=stats.handovers,
        best_effort=stats.best_effort,
        market=clocks is not None,
        clock_off=bool(most_skew_ns) and offset is not None and abs(offset) > most_skew_ns,
    )


def opportunity_row(opportunity: Opportunity, status: str) -> OpportunityRow:
    return OpportunityRow(
        id=opportunity.opportunity_id,
        symbol=opportunity.symbol,
        side=opportunity.side.value,
        # Rounded once, where it is shown: else 0.375 is another number here than in the headline.
        score=opportunity.score,
        confidence=opportunity.confidence,
        sources=opportunity.sources,
        reason=opportunity.reason,
        status=status,
        created_ns=opportunity.created_ns,
        expires_ns=opportunity.expires_ns,
        merged=opportunity.merged,
    )
