"""A person at the desk: every kind of ticket, changes of mind, limits, states, strategies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random

import msgspec

from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.errors import ConfigError, OrderError
from engine.events import NS, Amendment, OrderType, RiskState, Side, TimeInForce, TriggerSource
from engine.execution.ids import ticket_order_id
from engine.execution.order import Order
from engine.execution.order_list import one_cancels_other
from engine.execution.ticket import Ticket
from engine.risk.limits import DESK, SYMBOL
from engine.wiring.exit_limits import SCOPE
from tests.chaos.sessions.desk import SeededDesk

_LIMITS = (
    *("max_order_notional_pct", "max_position_pct", "max_gross_pct", "max_net_pct", "price_collar_pct"),
    *("max_open_orders_per_symbol", "max_open_orders", "max_orders_per_s", "stale_data_s"),
    *("daily_loss_reduce_pct", "daily_loss_halt_pct", "duplicate_window_s", "clock_skew_s"),
)
_WAITING = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT)


class Person:
    """Acts on one desk. What the desk refuses in words is no fault; what it must not do is asserted."""

    def __init__(self, session: SeededDesk, rng: Random) -> None:
        self.session = session
        self.rng = rng
        self.did: Counter[str] = Counter()
        self.flattening_ns = 0
        """Until then exits are sent for all positions, as a flatten and the kill switch do."""
        self._tokens: list[Ticket] = []
        self._acts: list[tuple[int, Callable[[], None]]] = [
            (30, self.order),
            (14, self.bracket),
            (8, self.one_of_two),
            (12, self.amend),
            (10, self.cancel),
            (2, self.cancel_all),
            (4, self.set_state),
            (1, self.kill_switch),
            (2, self.flatten_all),
            (6, self.close_part),
            (5, self.change_limit),
            (3, self.change_exits),
            (3, self.switch_strategy),
            (1, self.reweigh),
            (3, self.send_again),
            (1, self.block),
        ]

    def act(self) -> None:
        """One of them."""
        if self.session.desk.trading.gate.state is not RiskState.ACTIVE and self.rng.random() < 0.5:
            self.did["resume"] += 1
            self.session.desk.trading.set_state(RiskState.ACTIVE, "ann", "go on")
            return
        weights = [weight for weight, _ in self._acts]
        (act,) = self.rng.choices([act for _, act in self._acts], weights)
        self.did[act.__name__] += 1
        act()

    def go_on(self) -> None:
        """What goes on by itself: a flatten is repeated until it is done."""
        session = self.session
        if session.now_ns < self.flattening_ns:
            if session.desk.trading.flat:
                self.flattening_ns = 0
            else:
                session.desk.trading.flatten()

    # --- orders

    def order(self) -> None:
        rng = self.rng
        symbol, side = self._symbol(), rng.choice(list(Side))
        mid = self._mid(symbol)
        if mid is None:
            return
        kind = rng.choice((OrderType.MARKET, OrderType.MARKET, *([OrderType.LIMIT] * 3), *_WAITING))
        waits = kind.triggered and rng.random() < 0.95
        force = rng.choice((TimeInForce.GTC, TimeInForce.GTD) if waits else (TimeInForce.GTC, *TimeInForce))
        level = self._trigger(symbol, kind, side, mid) if kind.triggered else self._near(symbol, mid)
        reduces = self.session.desk.trading.ledger.quantity(symbol) * side.sign < 0
        ticket = Ticket(
            symbol=symbol,
            side=side,
            type=kind,
            price=self._limit(symbol, kind, level, side),
            stop_price=level if kind.triggered and kind is not OrderType.TRAILING_STOP else None,
            trail=self._distance(symbol, mid) if kind is OrderType.TRAILING_STOP else None,
            trigger=rng.choice(list(TriggerSource)),
            time_in_force=force,
            expire_ns=self.session.desk.now_ns + int(rng.uniform(0.01, 8.0) * NS)
            if force is TimeInForce.GTD
            else 0,
            post_only=kind is OrderType.LIMIT
            and force in (TimeInForce.GTC, TimeInForce.GTD)
            and rng.random() < 0.3,
            reduce_only=rng.random() < (0.3 if reduces else 0.03),
            token=f"t{rng.randrange(10**9)}" if rng.random() < 0.3 else "",
        )
        self._place(self._sized(ticket, mid))

    def bracket(self) -> None:
        rng = self.rng
        symbol, side = self._symbol(), rng.choice(list(Side))
        mid = self._mid(symbol)
        if mid is None:
            return
        kind = rng.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.STOP))
        level = self._near(symbol, mid)
        away = side.sign
        both = rng.random()
        ticket = Ticket(
            symbol=symbol,
            side=side,
            type=kind,
            price=level if kind is OrderType.LIMIT else None,
            stop_price=self._trigger(symbol, kind, side, mid) if kind is OrderType.STOP else None,
            trigger=rng.choice(list(TriggerSource)),
            stop_loss=mid - away * self._distance(symbol, mid) if both < 0.8 else None,
            take_profit=mid + away * self._distance(symbol, mid) if both > 0.2 else None,
        )
        self._place(self._sized(ticket, mid))

    def one_of_two(self) -> None:
        trading = self.session.desk.trading
        symbol = self._symbol()
        mid, position = self._mid(symbol), trading.ledger.quantity(symbol)
        if mid is None:
            return
        side = Side.SELL if position > 0 else Side.BUY
        quantity = abs(position) or self._lots(symbol, Decimal(500) / mid)
        stop = mid + side.sign * self._distance(symbol, mid)
        target = mid - side.sign * self._distance(symbol, mid)
        pair = (
            Ticket(symbol=symbol, side=side, type=OrderType.STOP, quantity=quantity, stop_price=stop),
            Ticket(symbol=symbol, side=side, type=OrderType.LIMIT, quantity=quantity, price=target),
        )
        view = self.session.view(symbol)
        try:
            self.session.send(one_cancels_other([(ticket, view) for ticket in pair]))
        except OrderError:
            self.did["refused"] += 1

    def send_again(self) -> None:
        """The same token is the same order: nothing is placed twice."""
        if not self._tokens:
            return
        session, ticket = self.session, self.rng.choice(self._tokens)
        trading = session.desk.trading
        known = len(trading.work.sent) + len(trading.work.denied) + len(trading.blotter)
        already = trading.work.known(ticket_order_id(ticket.token))
        told = len(session.verdicts)
        try:
            session.place(ticket)
        except OrderError:
            self.did["refused"] += 1
        now = len(trading.work.sent) + len(trading.work.denied) + len(trading.blotter)
        if already:
            assert now == known, f"placed twice: {ticket}"
            del session.verdicts[told:]  # of the second one, which by now may be no exit any more

    def _place(self, ticket: Ticket) -> None:
        trading = self.session.desk.trading
        state = trading.gate.state
        try:
            verdicts = self.session.place(ticket)
        except OrderError:
            self.did["refused"] += 1
            return
        if ticket.token:
            self._tokens.append(ticket)
        self.did["approved" if verdicts[0].approved else f"denied {verdicts[0].code}"] += 1
        if state is not RiskState.ACTIVE:
            order = trading.work.sent.get(verdicts[0].client_order_id)
            assert order is None or order.reduce_only, f"an entry while {state.value}: {ticket}"

    # --- changes

    def amend(self) -> None:
        order = self._open()
        if order is None:
            return
        rng, symbol = self.rng, order.request.symbol
        mid = self._mid(symbol) or order.price or order.stop_price or Decimal(1)
        field = rng.choice(Amendment.__struct_fields__)
        value = {
            "quantity": self._lots(symbol, order.quantity * rng.choice((1, 2, 3, 6)) / 3),
            "trail": self._distance(symbol, mid),
        }.get(field, self._near(symbol, mid))
        try:
            self.session.desk.trading.amend(order.client_order_id, Amendment(**{field: value}), "ann")
        except OrderError:
            self.did["refused"] += 1

    def cancel(self) -> None:
        order = self._open()
        if order is None:
            return
        try:
            self.session.desk.trading.cancel(order.client_order_id, "ann")
        except OrderError as error:
            assert "on its way" in str(error) or "nothing is left" in str(error), error

    def cancel_all(self) -> None:
        symbol = self.rng.choice((None, self._symbol()))
        self.session.desk.trading.cancel_all(symbol, "ann")

    def set_state(self) -> None:
        state = self.rng.choice((RiskState.ACTIVE, RiskState.ACTIVE, *RiskState))
        self.session.desk.trading.set_state(state, "ann", "asked for")

    def kill_switch(self) -> None:
        trading = self.session.desk.trading
        trading.set_state(RiskState.HALTED, "ann", "kill switch")
        trading.cancel_all(None, "kill switch, ann")
        self.flattening_ns = self.session.now_ns + 15 * NS

    def flatten_all(self) -> None:
        trading = self.session.desk.trading
        if trading.gate.state is RiskState.ACTIVE or not trading.settled:
            halted = trading.gate.state is RiskState.HALTED
            trading.set_state(RiskState.HALTED if halted else RiskState.REDUCING, "ann", "flatten")
        trading.cancel_entries()
        self.flattening_ns = self.session.now_ns + 15 * NS

    def close_part(self) -> None:
        trading = self.session.desk.trading
        positions = trading.ledger.positions()
        if not positions:
            return
        symbol = self.rng.choice([position.symbol for position in positions])
        trading.cancel_entries(symbol)
        percent = Decimal(self.rng.choice((10, 33, 50, 100)))
        try:
            trading.close_part(symbol, percent, limited=self.rng.random() < 0.5)
        except OrderError as error:
            self.did["refused"] += 1
            assert "denied:" not in str(error) or "DUPLICATE_ID" in str(error), f"an exit was denied: {error}"

    def change_limit(self) -> None:
        rng, limits = self.rng, self.session.desk.trading.limits
        name = rng.choice(_LIMITS)
        scope = rng.choice((DESK, DESK, SYMBOL + self._symbol()))
        standing = self.session.desk.trading.gate.book.value(scope, name)
        factor = rng.choice((0.3, 0.7, 0.9, 1.0, 1.5, 2.0, 50.0))
        value = None if rng.random() < 0.35 else max(1.0, round((standing or 2.0) * factor, 3))
        try:
            limits.set(scope, name, value, "ann")
        except ConfigError:
            self.did["refused limit"] += 1
        else:
            if scope == DESK:
                now = self.session.desk.trading.gate.book.value(DESK, name)
                configured = getattr(self.session.config.risk, name)
                if name != "duplicate_window_s":
                    assert now is not None and now <= 2 * configured, f"{name} is {now}, beyond its range"

    def change_exits(self) -> None:
        rng = self.rng
        name = rng.choice(("stop_loss_pct", "take_profit_pct", "trailing_stop_pct", "max_holding_s"))
        value = rng.choice((None, 0.05, 0.3, 2.0, 5.0, -1.0))
        try:
            self.session.desk.trading.limits.set(SCOPE, name, value, "ann")
        except ConfigError:
            self.did["refused limit"] += 1

    def switch_strategy(self) -> None:
        rng, desk = self.rng, self.session.desk
        name = rng.choice(sorted(desk.signals.strategies.settings()))
        patch = StrategyPatch(enabled=rng.random() < 0.7, weight=rng.choice((None, 0.5, 2.0)))
        desk.tuning.set_strategy(name, patch, "ann")

    def reweigh(self) -> None:
        self.session.desk.tuning.set_weights(WeightsPatch(technical=self.rng.choice((10.0, 60.0))), "ann")

    def block(self) -> None:
        until_ns = self.session.now_ns + self.rng.choice((1, 3)) * NS
        self.session.desk.block(self.rng.choice(("", self._symbol())), "news", until_ns)

    # --- numbers

    def _symbol(self) -> str:
        return self.rng.choice(self.session.feed.symbols)

    def _open(self) -> Order | None:
        orders = self.session.desk.trading.blotter.open_orders()
        return self.rng.choice(orders) if orders else None

    def _mid(self, symbol: str) -> Decimal | None:
        """On ticks; None when the desk knows no price."""
        mid = self.session.view(symbol).mid
        return self._ticks(symbol, Decimal(repr(mid))) if math.isfinite(mid) and mid > 0 else None

    def _near(self, symbol: str, mid: Decimal) -> Decimal:
        bps = Decimal(self.rng.choice((-200, -30, -5, -1, 0, 0, 1, 5, 30, 200)))
        return self._ticks(symbol, mid * (1 + bps / 10_000))

    def _trigger(self, symbol: str, kind: OrderType, side: Side, mid: Decimal) -> Decimal:
        """Beyond the market, almost always: where the order goes off later."""
        if self.rng.random() < 0.05:
            return self._near(symbol, mid)
        away = side.sign * (-1 if kind is OrderType.TAKE_PROFIT else 1)
        return mid + away * self._distance(symbol, mid)

    def _distance(self, symbol: str, mid: Decimal) -> Decimal:
        return max(
            self._ticks(symbol, mid * Decimal(self.rng.choice((3, 5, 20, 100))) / 10_000), self._tick(symbol)
        )

    def _limit(self, symbol: str, kind: OrderType, level: Decimal, side: Side) -> Decimal | None:
        if kind is OrderType.STOP_LIMIT:
            return level + side.sign * self.rng.choice((0, 2, 20)) * self._tick(symbol)
        return level if kind is OrderType.LIMIT else None

    def _sized(self, ticket: Ticket, mid: Decimal) -> Ticket:
        """With one of the three sizes; often what closes a position, or a half of it."""
        rng, symbol, replace = self.rng, ticket.symbol, msgspec.structs.replace
        position = self.session.desk.trading.ledger.quantity(symbol)
        if position * ticket.side.sign < 0 and rng.random() < 0.4:
            half = self._lots(symbol, abs(position) / 2)
            return replace(ticket, quantity=abs(position) if rng.random() < 0.6 else half)
        notional = Decimal(rng.choice((50, 400, 2_000, 4_500, 15_000, 60_000)))
        how = rng.random()
        if how < 0.2:
            return replace(ticket, notional=notional)
        if how < 0.3:
            return replace(ticket, equity_pct=Decimal(rng.choice((1, 3, 10))))
        return replace(ticket, quantity=self._lots(symbol, notional / mid))

    def _tick(self, symbol: str) -> Decimal:
        instrument = self.session.desk.instruments.get(symbol)
        assert instrument is not None
        return instrument.tick_size

    def _ticks(self, symbol: str, price: Decimal) -> Decimal:
        tick = self._tick(symbol)
        return price // tick * tick

    def _lots(self, symbol: str, quantity: Decimal) -> Decimal:
        instrument = self.session.desk.instruments.get(symbol)
        assert instrument is not None
        return max(quantity // instrument.lot_size, Decimal(1)) * instrument.lot_size
