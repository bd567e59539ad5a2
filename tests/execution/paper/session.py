"""A random session at the paper venue, checked after every step against the rules of trading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.config import PaperConfig
from engine.events import (
    NS,
    Amendment,
    ChangeKind,
    Fill,
    Funding,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Pending,
    Purpose,
    Side,
    TimeInForce,
    TriggerSource,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.order import WORKING, Order
from engine.execution.paper import PaperVenue
from tests.execution.paper.script import MS, SYMBOL, T0, known

_TICK = Decimal("0.01")
sides = st.sampled_from([Side.BUY, Side.SELL])
ticks = st.integers(9_900, 10_100)
sizes = st.integers(1, 4_000)

plain_orders = st.tuples(
    st.just("order"),
    sides,
    st.sampled_from(list(OrderType)),
    sizes,
    ticks,
    ticks,
    st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD]),
    st.sampled_from(list(TriggerSource)),
    st.booleans(),
    st.booleans(),
)
steps = st.lists(
    st.one_of(
        plain_orders,
        st.tuples(st.just("bracket"), sides, sizes, ticks),
        st.tuples(st.just("pair"), sides, sizes, ticks),
        st.tuples(st.just("quote"), ticks, st.integers(1, 30), st.integers(0, 3_000), st.integers(0, 3_000)),
        st.tuples(st.just("quote"), ticks, st.integers(1, 30), st.integers(0, 3_000), st.integers(0, 3_000)),
        st.tuples(st.just("print"), ticks, st.integers(0, 3_000), st.sampled_from([-1, 0, 1])),
        st.tuples(st.just("stale")),
        st.tuples(st.just("again")),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("amend"), st.integers(0, 40), sizes, ticks),
        st.tuples(st.just("time"), st.integers(1, 4_000)),
    ),
    min_size=5,
    max_size=60,
)
latencies = st.sampled_from([(0.0, 0.0), (20.0, 5.0), (3.0, 40.0)])


class Session:
    """Plays steps; ``restart_at``: before that step the venue is left, and another takes up its state.

    ``kill``: after which hand-overs of reports, by number, the state is kept, and the venue killed; the
    journal goes as far as the kill.
    """

    def __init__(
        self, latency: tuple[float, float], restart_at: int = -1, kill: tuple[int, int] = (0, 0)
    ) -> None:
        self._config = PaperConfig(
            entry_latency_ms=latency[0], response_latency_ms=latency[1], order_ttl_s=5.0
        )
        self.venue = PaperVenue(self._config, known())
        self.blotter = Blotter()
        self.journal: list[Report] = []
        self.position = Decimal(0)
        self._restart_at = restart_at
        self._keep_at, self._kill_at = kill
        self._kept: dict[str, Any] | None = None
        self._handed = 0
        self._now = T0
        self._count = 0
        self._quote: tuple[float, float, float, float] | None = None
        self._shown: Counter[Side] = Counter()
        """Thousandths left of the quote."""
        self._quote_id = self._trade_id = self._traded_ns = 0
        self._print: tuple[float, float, int] = (100.0, 0.0, 0)

    def play(self, script: Sequence[tuple[Any, ...]]) -> None:
        for number, (kind, *values) in enumerate(script):
            if number == self._restart_at:
                self.restart()
            self._now += 7 * MS
            getattr(self, f"do_{kind}")(*values)
            self._take(self.venue.due(self._now))
            self.check()
        self._now += NS
        self._take(self.venue.due(self._now))
        self.check()

    def restart(self) -> None:
        self._take_up(self._state())
        assert self.venue.notes() == []

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self.venue.state()))
        return state

    def _take_up(self, state: dict[str, Any] | None) -> None:
        self.venue = PaperVenue(self._config, known())
        self.venue.restore(self.blotter, state, {SYMBOL: self.position}, self._now)

    def check(self) -> None:
        """The venue and the fold of its reports are of one mind, and nothing is filled beyond what may be."""
        waiting = self.venue.waiting()
        assert all(waiting.values())
        open_orders = {order.client_order_id for order in self.blotter.open_orders()}
        assert set(waiting) <= open_orders, "what is done at the venue is reported, at the latest later"
        account = self.venue.account(self._now)
        assert account.positions.get(SYMBOL, Decimal(0)) == self.position
        for known_order in account.orders:
            order = self._order(known_order.client_order_id)
            assert (known_order.filled, known_order.state) == (order.filled, order.state)
            assert known_order.quantity == order.quantity
        for order in self.blotter:
            self._check_links(order)

    def _check_links(self, order: Order) -> None:
        children = [one for one in self.blotter if one.request.parent_id == order.client_order_id]
        if children:
            assert sum((one.filled for one in children), Decimal(0)) <= order.filled
        siblings = [self._order(name) for name in order.request.siblings]
        if siblings and not order.request.parent_id:
            together = order.filled + sum((one.filled for one in siblings), Decimal(0))
            assert together <= max(one.request.quantity for one in (order, *siblings))

    # --- steps ---

    def _order_name(self) -> str:
        self._count += 1
        return f"td-{self._count}"

    def _send(self, *requests: OrderRequest) -> None:
        for request in requests:
            state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
            name = request.client_order_id
            self.blotter.apply(OrderEvent(name, SYMBOL, OrderState.INITIALIZED, "", self._now, request))
            self.blotter.apply(OrderEvent(name, SYMBOL, state, "", self._now))
        if len(requests) == 1:
            self._take(self.venue.submit(requests[0], self._now))
        else:
            self._take(self.venue.submit_list(requests, self._now))

    def _request(self, side: Side, kind: OrderType, size: int, **fields: Any) -> OrderRequest:
        return OrderRequest(
            client_order_id=fields.pop("name", None) or self._order_name(),
            symbol=SYMBOL,
            side=side,
            type=kind,
            quantity=Decimal(size).scaleb(-3),
            purpose=Purpose.ENTRY,
            reduce_only=fields.pop("reduce_only", False),
            decision_ns=self._now,
            decision_price=100.0,
            **fields,
        )

    def do_order(
        self,
        side: Side,
        kind: OrderType,
        size: int,
        price: int,
        stop: int,
        force: TimeInForce,
        trigger: TriggerSource,
        post_only: bool,
        reduce_only: bool,
    ) -> None:
        trailing = kind is OrderType.TRAILING_STOP
        self._send(
            self._request(
                side,
                kind,
                size,
                price=price * _TICK if kind.limited else None,
                stop_price=stop * _TICK if kind.triggered and not trailing else None,
                trail=Decimal("0.30") if trailing else None,
                time_in_force=force,
                expire_ns=self._now + NS if force is TimeInForce.GTD else 0,
                trigger=trigger,
                post_only=post_only and kind.limited and force in (TimeInForce.GTC, TimeInForce.GTD),
                reduce_only=reduce_only,
            )
        )

    def do_bracket(self, side: Side, size: int, price: int) -> None:
        parent, stop, target = (self._order_name() for _ in range(3))
        away = side.sign * 40 * _TICK
        leave = {"parent_id": parent, "reduce_only": True}
        self._send(
            self._request(side, OrderType.LIMIT, size, name=parent, price=price * _TICK),
            self._request(
                side.opposite, OrderType.STOP, size, name=stop, siblings=(target,),
                stop_price=price * _TICK - away, **leave,
            ),
            self._request(
                side.opposite, OrderType.LIMIT, size, name=target, siblings=(stop,),
                price=price * _TICK + away, **leave,
            ),
        )  # fmt: skip

    def do_pair(self, side: Side, size: int, price: int) -> None:
        first, second = self._order_name(), self._order_name()
        self._send(
            self._request(
                side, OrderType.LIMIT, size, name=first, price=price * _TICK, siblings=(second,)
            ),
            self._request(
                side, OrderType.STOP, size, name=second, siblings=(first,),
                stop_price=(price + side.sign * 30) * _TICK,
            ),
        )  # fmt: skip

    def do_quote(self, bid: int, spread: int, bid_size: int, ask_size: int) -> None:
        self._quote_id += 1
        self._quote = bid / 100, bid_size / 1000, (bid + spread) / 100, ask_size / 1000
        self._shown = Counter({Side.BUY: ask_size, Side.SELL: bid_size})
        self._tick()

    def do_print(self, price: int, size: int, aggressor: int) -> None:
        self._trade_id += 1
        self._traded_ns = self._now
        self._print = price / 100, size / 1000, aggressor
        self._tick(printed=size)

    def do_stale(self) -> None:
        before = len(self.journal)
        self._tick(stale=True)
        late = [r for r in self.journal[before:] if isinstance(r, Fill) and r.ns == self._now]
        assert not late, "a stale quote fills nothing"

    def do_again(self) -> None:
        self._tick()

    def _tick(self, *, stale: bool = False, printed: int = 0) -> None:
        if self._quote is None:
            return
        (bid, bid_size, ask, ask_size), (last, size, aggressor) = self._quote, self._print
        taken, handed = {side: self._filled_now(side) for side in Side}, self._handed
        self._take(
            self.venue.on_quote(
                SYMBOL, bid, bid_size, ask, ask_size, last, self._now, self._quote_id, stale=stale,
                trade_id=self._trade_id, last_size=size, traded_ns=self._traded_ns, aggressor=aggressor,
            )
        )  # fmt: skip
        if handed < self._kill_at <= self._handed:
            return
        state = self.venue.state()
        unreported = [
            (report["side"], Decimal(report["quantity"]))
            for parcels in state["outbox"].values()
            for parcel in parcels
            for report in parcel["reports"]
            if report["event"] == "Fill" and report["ns"] == self._now
        ]
        made = {
            side: self._filled_now(side)
            - taken[side]
            + sum((quantity for of, quantity in unreported if of == side), Decimal(0))
            for side in Side
        }
        for side in Side:
            # A print fills what rests on either side; what is displayed fills the rest.
            room = Decimal(self._shown[side] + printed).scaleb(-3)
            assert made[side] <= room, "never more than is displayed and printed"
            self._shown[side] = int((room - made[side]).scaleb(3)) if not printed else self._shown[side]

    def _filled_now(self, side: Side) -> Decimal:
        fills = [r for r in self.journal if isinstance(r, Fill) and r.side is side and r.ns == self._now]
        return sum((fill.quantity for fill in fills), Decimal(0))

    def do_cancel(self, number: int) -> None:
        order = self.blotter.get(f"td-{number}")
        if order is None or order.state.terminal or order.pending is Pending.CANCEL:
            return
        if order.state in WORKING:
            self._ask(order, ChangeKind.CANCEL_ASKED)
        self._take(self.venue.cancel(order.client_order_id, self._now))

    def do_amend(self, number: int, size: int, price: int) -> None:
        order = self.blotter.get(f"td-{number}")
        if order is None or order.state not in WORKING or order.pending is not Pending.NONE:
            return
        limited = order.request.type.limited
        amendment = Amendment(Decimal(size).scaleb(-3), price * _TICK if limited else None)
        self._ask(order, ChangeKind.UPDATE_ASKED, amendment)
        self._take(self.venue.amend(order.client_order_id, amendment, self._now))

    def _ask(self, order: Order, kind: ChangeKind, amendment: Amendment | None = None) -> None:
        self.blotter.apply(OrderChange(order.client_order_id, SYMBOL, kind, "", self._now, amendment))

    def do_time(self, ms: int) -> None:
        self._now += ms * MS

    # --- reports ---

    def _take(self, reports: Sequence[Report]) -> None:
        for report in reports:
            assert not isinstance(report, Funding)
            order = self._order(report.client_order_id)
            self.journal.append(report)
            late = isinstance(report, OrderChange) and report.kind is not ChangeKind.UPDATED
            if late and (order.state.terminal or order.pending is Pending.NONE):
                continue  # what was asked was overtaken by the order's end
            filled = order.filled
            self.blotter.apply(report)  # raises on what is illegal
            if isinstance(report, Fill):
                assert order.filled > filled, "no fill is told twice"
                self._move(report, order)
        self._handed += 1
        if self._handed == self._keep_at:
            self._kept = self._state()
        if self._handed == self._kill_at:
            self._take_up(self._kept)
            self._quote_id += 1  # no quote of a new run is one of the old run
            bid_size, ask_size = (0, 0) if self._quote is None else (self._quote[1], self._quote[3])
            self._shown = Counter({Side.BUY: round(ask_size * 1000), Side.SELL: round(bid_size * 1000)})

    def _move(self, fill: Fill, order: Order) -> None:
        after = self.position + fill.quantity * fill.side.sign
        if order.request.reduce_only:
            assert self.position * after >= 0 and abs(after) < abs(self.position), "it only reduces"
        self.position = after

    def _order(self, name: str) -> Order:
        order = self.blotter.get(name)
        assert order is not None
        return order
