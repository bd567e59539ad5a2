"""Any sequence of orders, markets, slow disks, kills and restarts leaves every invariant standing."""

from __future__ import annotations

import os
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.config import AccountConfig
from engine.errors import OrderError
from engine.events import NS, Amendment, OrderType, Purpose, RiskState, Side, TimeInForce, TriggerSource
from engine.execution.build import OrderBuilder
from engine.execution.order import Order
from engine.execution.order_list import one_cancels_other
from engine.execution.ticket import Ticket
from tests.chaos.session import SYMBOLS, Session

DEEP = bool(os.environ.get("TICKDESK_CHAOS_STATEFUL"))
EXAMPLES, STEPS = (500, 50) if DEEP else (30, 30)

TICK = Decimal("0.01")
BUILDER = OrderBuilder(AccountConfig())

symbols = st.sampled_from(SYMBOLS)
sides = st.sampled_from(Side)
sizes = st.sampled_from([Decimal(text) for text in ("0.5", "1", "1.5", "2", "7")])
shown_sizes = st.sampled_from([Decimal(text) for text in ("0.3", "1", "4", "50")])
offsets = st.integers(-300, 300).map(lambda ticks: ticks * TICK)
small_offsets = st.integers(-5, 5).map(lambda ticks: ticks * TICK)


class Trading(RuleBasedStateMachine):
    """A person, a market and a machine that fails; what must hold is checked after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.mids = {symbol: Decimal(100) for symbol in SYMBOLS}
        self.placed: list[Ticket] = []
        self.busy = True
        """The market moves around each order: it is fresh before, and goes on after it has arrived."""

    @initialize()
    def open_market(self) -> None:
        for symbol in SYMBOLS:
            self.quote(symbol, Decimal(0), 1, Decimal(4), Decimal(4))
            self.trade(symbol, Decimal(0), Decimal(1))

    # --- the market

    @rule(symbol=symbols, move=offsets, spread=st.integers(1, 4), bid=shown_sizes, ask=shown_sizes)
    def quote(self, symbol: str, move: Decimal, spread: int, bid: Decimal, ask: Decimal) -> None:
        mid = self.mids[symbol] = max(self.mids[symbol] + move, Decimal(50))
        self.session.quote(symbol, mid - spread * TICK, mid + spread * TICK, bid, ask)

    @rule(symbol=symbols, move=small_offsets, size=shown_sizes)
    def trade(self, symbol: str, move: Decimal, size: Decimal) -> None:
        self.session.trade(symbol, self.mids[symbol] + move, size)

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 5.0, 30.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.session.advance(seconds)

    @rule(busy=st.sampled_from([True, True, False]))
    def market_goes(self, busy: bool) -> None:
        self.busy = busy

    def _pulse(self, symbol: str, seconds: float = 0.0) -> None:
        """In a busy market: the same prices again, some moments later."""
        if self.busy:
            self.session.advance(seconds)
            self.quote(symbol, Decimal(0), 1, Decimal(1), Decimal(1))
            self.trade(symbol, Decimal(0), Decimal(1))

    # --- a person

    def _place(self, ticket: Ticket) -> None:
        self._pulse(ticket.symbol)
        trading = self.session.desk.trading
        state = trading.gate.state
        reduces = trading.ledger.quantity(ticket.symbol) * ticket.side.sign < 0
        try:
            verdicts = self.session.place(ticket)
        except OrderError:
            return
        self._pulse(ticket.symbol, 0.04)
        self._pulse(ticket.symbol, 0.04)
        self.placed.append(ticket)
        if state is not RiskState.ACTIVE:
            assert reduces or not any(verdict.approved for verdict in verdicts), "an entry while halted"

    @rule(
        symbol=symbols,
        side=sides,
        quantity=sizes,
        force=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    )
    def market_order(self, symbol: str, side: Side, quantity: Decimal, force: TimeInForce) -> None:
        self._place(Ticket(symbol=symbol, side=side, quantity=quantity, time_in_force=force))

    @rule(
        symbol=symbols,
        side=sides,
        quantity=sizes,
        offset=offsets,
        force=st.sampled_from(TimeInForce),
        post_only=st.booleans(),
        reduce_only=st.booleans(),
    )
    def limit_order(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        offset: Decimal,
        force: TimeInForce,
        post_only: bool,
        reduce_only: bool,
    ) -> None:
        self._place(
            Ticket(
                symbol=symbol,
                side=side,
                type=OrderType.LIMIT,
                quantity=quantity,
                price=self.mids[symbol] + offset,
                time_in_force=force,
                expire_ns=self.session.now_ns + 10 * NS if force is TimeInForce.GTD else 0,
                post_only=post_only,
                reduce_only=reduce_only,
            )
        )

    @rule(
        symbol=symbols,
        side=sides,
        quantity=sizes,
        kind=st.sampled_from(
            [OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP]
        ),
        offset=offsets,
        trigger=st.sampled_from(TriggerSource),
    )
    def waiting_order(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        kind: OrderType,
        offset: Decimal,
        trigger: TriggerSource,
    ) -> None:
        level = self.mids[symbol] + offset
        trailing = kind is OrderType.TRAILING_STOP
        self._place(
            Ticket(
                symbol=symbol,
                side=side,
                type=kind,
                quantity=quantity,
                stop_price=None if trailing else level,
                price=level + 2 * side.sign * TICK if kind is OrderType.STOP_LIMIT else None,
                trail=abs(offset) or TICK if trailing else None,
                trigger=trigger,
            )
        )

    @rule(
        symbol=symbols,
        side=sides,
        quantity=sizes,
        limit=st.booleans(),
        stop=st.integers(5, 200),
        profit=st.integers(5, 200),
        both=st.booleans(),
    )
    def bracket(
        self, symbol: str, side: Side, quantity: Decimal, limit: bool, stop: int, profit: int, both: bool
    ) -> None:
        mid = self.mids[symbol]
        self._place(
            Ticket(
                symbol=symbol,
                side=side,
                type=OrderType.LIMIT if limit else OrderType.MARKET,
                quantity=quantity,
                price=mid if limit else None,
                stop_loss=mid - side.sign * stop * TICK,
                take_profit=mid + side.sign * profit * TICK if both else None,
            )
        )

    @rule(symbol=symbols, stop=st.integers(5, 200), profit=st.integers(5, 200))
    def one_of_two(self, symbol: str, stop: int, profit: int) -> None:
        position = self.session.desk.trading.ledger.quantity(symbol)
        side = Side.SELL if position > 0 else Side.BUY
        quantity, mid = abs(position) or Decimal(1), self.mids[symbol]
        pair = (
            Ticket(
                symbol=symbol,
                side=side,
                type=OrderType.STOP,
                quantity=quantity,
                stop_price=mid + side.sign * stop * TICK,
            ),
            Ticket(
                symbol=symbol,
                side=side,
                type=OrderType.LIMIT,
                quantity=quantity,
                price=mid - side.sign * profit * TICK,
            ),
        )
        view = self.session.view(symbol)
        try:
            self.session.send(one_cancels_other([(ticket, view) for ticket in pair]))
        except OrderError:
            return
        self._pulse(symbol, 0.04)

    @rule(number=st.integers(0, 1000))
    @precondition(lambda self: self.placed)
    def send_again(self, number: int) -> None:
        """The same token is the same order: nothing is placed twice."""
        session = self.session
        ticket = self.placed[number % len(self.placed)]
        token = f"again-{number % len(self.placed)}"
        trading = session.desk.trading
        known = len([*trading.work.sent]) + len(trading.blotter)
        for attempt in range(2):
            again = Ticket(symbol=ticket.symbol, side=ticket.side, quantity=Decimal(1), token=token)
            try:
                session.place(again)
            except OrderError:
                return
            now = len([*trading.work.sent]) + len(trading.blotter)
            assert now <= known + 1, "an order was placed twice"
            assert attempt or now >= known

    def _open(self, number: int) -> Order | None:
        orders = self.session.desk.trading.blotter.open_orders()
        return orders[number % len(orders)] if orders else None

    @rule(
        number=st.integers(0, 1000),
        field=st.sampled_from(Amendment.__struct_fields__),
        offset=offsets,
        quantity=sizes,
    )
    def amend(self, number: int, field: str, offset: Decimal, quantity: Decimal) -> None:
        order = self._open(number)
        if order is None:
            return
        value = {"quantity": quantity, "trail": abs(offset)}.get(
            field, self.mids[order.request.symbol] + offset
        )
        try:
            self.session.desk.trading.amend(order.client_order_id, Amendment(**{field: value}), "ann")
        except OrderError:
            return

    @rule(number=st.integers(0, 1000))
    def cancel(self, number: int) -> None:
        order = self._open(number)
        if order is None:
            return
        try:
            self.session.desk.trading.cancel(order.client_order_id, "ann")
        except OrderError as error:
            assert "on its way" in str(error) or "nothing is left" in str(error)

    @rule(symbol=st.none() | symbols)
    def cancel_all(self, symbol: str | None) -> None:
        self.session.desk.trading.cancel_all(symbol, "ann")

    @rule(symbol=symbols)
    def leave(self, symbol: str) -> None:
        """An exit of the whole position passes in any state, when none is at work."""
        trading = self.session.desk.trading
        position = trading.ledger.position(symbol)
        if not position.quantity or trading.work.exiting(symbol):
            return
        request = BUILDER.exit(position, Purpose.FLATTEN, self.session.desk.now_ns, float(self.mids[symbol]))
        if not trading.work.known(request.client_order_id):
            (verdict,) = self.session.send([request])
            assert verdict.approved, f"an exit was denied: {verdict.code} {verdict.detail}"
            self._pulse(symbol, 0.04)

    @rule(state=st.sampled_from([RiskState.ACTIVE, *RiskState]))
    def set_state(self, state: RiskState) -> None:
        self.session.desk.trading.set_state(state, "ann", "asked for")

    # --- the machine

    @rule()
    def slow_disk(self) -> None:
        self.session.hold = True

    @rule()
    def disk_catches_up(self) -> None:
        self.session.hold = False
        self.session.release()

    @rule(survive=st.integers(0, 5), really=st.integers(0, 3))
    def kill(self, survive: int, really: int) -> None:
        if really:
            return
        state = self.session.desk.trading.gate.state
        clean = not self.session.written
        self.session.restart(survive)
        assert not clean or self.session.desk.trading.gate.state is state, "a restart changed the risk state"

    # --- what must hold

    @invariant()
    def everything_holds(self) -> None:
        problems = self.session.problems()
        assert not problems, "\n".join(problems)

    def teardown(self) -> None:
        """It comes to an end: what is canceled ends, what is held can be left, what is stored is so."""
        if self.session.problems():
            return  # told already
        problems = self.session.quiet_problems()
        assert not problems, "\n".join(problems)
        trading = self.session.desk.trading
        canceled = trading.cancel_all(None, "the end")
        problems = self.session.quiet_problems()
        assert not problems, "\n".join(problems)
        still_open = trading.blotter.open_orders()
        assert not [order for order in still_open if order.client_order_id in canceled], still_open
        assert all(order.request.reduce_only for order in still_open), still_open  # exits of the desk's own
        for _ in range(20):
            if trading.flat:
                break
            trading.flatten()
            for symbol in SYMBOLS:
                self.session.advance(0.05)
                self.quote(symbol, Decimal(0), 1, Decimal(50), Decimal(50))
        assert trading.flat, (trading.ledger.positions(), trading.blotter.open_orders())
        problems = self.session.quiet_problems() + self.session.stored_problems()
        assert not problems, "\n".join(problems)


Trading.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(1800 if DEEP else 120)
class TestAnySequence(Trading.TestCase):  # type: ignore[name-defined,misc]
    """Keeps every invariant."""
