"""Which orders fill on a quote or a print, how much, and at what price."""

from __future__ import annotations

from decimal import Decimal

from engine.events import OrderState, OrderType, Side, TimeInForce
from engine.execution.paper.display import Display, Print
from engine.execution.paper.executions import Executions
from engine.execution.paper.fees import MAKER, TAKER
from engine.execution.paper.orders import ZERO, OpenOrders, Phase, Working
from engine.execution.paper.outbox import Report
from engine.execution.paper.queue import Place
from engine.execution.paper.triggers import reference, set_off
from engine.execution.paper.wording import no_size, plain, source

_ARRIVED, _MARKET, _BUY = Phase.ARRIVED, OrderType.MARKET, Side.BUY


class Matching:
    """``rest``: what a market order leaves beyond the visible depth waits for fresh size."""

    def __init__(self, orders: OpenOrders, executions: Executions, *, rest: bool) -> None:
        self._orders = orders
        self._executions = executions
        self._rest = rest

    # --- triggers ---

    def watch(self, symbol: str, display: Display, now_ns: int, out: list[Report]) -> None:
        """Set off what the market has reached."""
        for order in self._orders.of(symbol):
            if not (order.watches and order.working):
                continue
            if order.request.reduce_only and not self._executions.clamp_one(order, now_ns, out):
                continue
            order.phase = Phase.WATCHING
            price = reference(order, display)
            if price is None:
                order.note = f"no {source(order)} to judge it by"
                continue
            order.note = ""
            if not set_off(order, price):
                continue
            order.triggered = True
            order.phase = Phase.ARRIVED
            order.fresh_ns = now_ns
            order.after_print = display.prints
            self._executions.accept(order, now_ns, out)
            why = f"the {source(order)}, {plain(price)}, reached {plain(order.stop_price or ZERO)}"
            out.append(order.event(OrderState.TRIGGERED, why, now_ns))

    # --- quotes ---

    def on_quote(self, symbol: str, display: Display, fresh: bool, now_ns: int, out: list[Report]) -> None:
        """Fill against what is displayed, what rests first. ``fresh``: it is a new quote."""
        orders = self._orders.of(symbol)
        if len(orders) > 1:
            orders.sort(key=_precedence)
        for order in orders:
            if order.phase is Phase.ARRIVED and not order.watches:
                self._judge(order, display, now_ns, out)
            elif order.phase is Phase.TAKING:
                self._take(order, display, now_ns, out)
                self._explain(order, display)
            elif order.phase is Phase.RESTING:
                self._meet(order, display, fresh, now_ns, out)

    def fill_alone(self, order: Working, display: Display, now_ns: int, out: list[Report]) -> bool:
        """``on_quote`` for the only order of a symbol, where it is an accepted one to market, nothing of it
        filled, and the best level holds more. False, and nothing is changed, where it is not."""
        request = order.request
        if (
            order.phase is not _ARRIVED or request.type is not _MARKET or not order.accepted
            or order.filled or order.lost or request.parent_id or request.siblings or request.post_only
        ):  # fmt: skip
            return False
        side = display.asks if request.side is _BUY else display.bids
        price, size, quantity = side.price, side.size, order.quantity - order.filled
        if price is None or size is None or not side.left(price, size) > quantity:
            return False
        if request.reduce_only and self._executions.reducible(order) < quantity:
            return False
        side.take(price, quantity, now_ns)
        self._executions.fill(order, quantity, price, TAKER, now_ns, out)
        return True

    def _judge(self, order: Working, display: Display, now_ns: int, out: list[Report]) -> None:
        """An order that arrived, or was set off, meets the market."""
        executions, request = self._executions, order.request
        if request.reduce_only and not executions.clamp_one(order, now_ns, out):
            return
        against = display.against(order.buying)
        if order.limit is not None and against.price is None and display.beside(order.buying).price is None:
            order.note = "no quote to judge it by"
            return
        crossing = against.price is not None and _reaches(order, against.price)
        if request.post_only and crossing:
            why = f"POST_ONLY it would take at {against.price}"
            executions.end(order, OrderState.REJECTED, why, now_ns, out)
            return
        executions.accept(order, now_ns, out)
        if request.time_in_force is TimeInForce.FOK:
            visible = sum((size for _, size in self._reachable(order, display, now_ns)), ZERO)
            if visible < order.leaves:
                why = f"FOK only {plain(visible)} of {plain(order.leaves)} displayed"
                executions.end(order, OrderState.CANCELED, why, now_ns, out)
                return
        self._take(order, display, now_ns, out)
        if order.phase is Phase.DONE:
            return
        if crossing and not _at_once(order) and order.limit is not None and against.size:
            # All of the display was taken: what comes next decides whether the rest takes or rests. The same
            # offer displayed again comes to nobody: who takes of it pays for that.
            order.note = no_size(order, "quote")
            return
        self._settle(order, display, "visible depth", now_ns, out)

    def _settle(self, order: Working, display: Display, beyond: str, now_ns: int, out: list[Report]) -> None:
        """What did not fill on arrival ends, rests or waits."""
        left = plain(order.leaves)
        if _at_once(order):
            why = f"{order.request.time_in_force.value.upper()} {left} did not fill on arrival"
            self._executions.end(order, OrderState.CANCELED, why, now_ns, out)
        elif order.limit is not None:
            self._queue(order, display, now_ns)
        elif self._rest:
            order.phase = Phase.TAKING
            self._explain(order, display)
        else:
            why = f"{left} left beyond the {beyond}"
            self._executions.end(order, OrderState.CANCELED, why, now_ns, out)

    def _queue(self, order: Working, display: Display, now_ns: int) -> None:
        """What did not fill rests behind what is displayed at its price."""
        assert order.price is not None
        order.phase = Phase.RESTING
        order.note = ""
        order.after_print = display.prints
        order.place = Place(display.beside(order.buying).displayed(order.price, now_ns))

    def _take(self, order: Working, display: Display, now_ns: int, out: list[Report]) -> None:
        """Walk the displayed levels as far as the limit allows."""
        side = display.against(order.buying)
        for price, left in self._reachable(order, display, now_ns):
            quantity = min(left, self._executions.fillable(order))
            if quantity <= 0:
                return
            side.take(price, quantity, now_ns)
            self._executions.fill(order, quantity, price, TAKER, now_ns, out)
            if order.phase is Phase.DONE:
                return

    def _reachable(self, order: Working, display: Display, now_ns: int) -> list[tuple[Decimal, Decimal]]:
        levels = display.against(order.buying).levels(now_ns)
        return [level for level in levels if _reaches(order, level[0])]

    def _meet(self, order: Working, display: Display, fresh: bool, now_ns: int, out: list[Report]) -> None:
        """The display moves an order up its queue, or crosses its price: then it fills there."""
        assert order.place is not None and order.price is not None
        order.note = ""
        if fresh:
            order.place.shown(display.beside(order.buying).displayed(order.price, now_ns), now_ns)
        side = display.against(order.buying)
        if side.price is None or not _reaches(order, side.price):
            return  # at nearly every tick
        for price, left in self._reachable(order, display, now_ns):
            quantity = min(left, self._executions.fillable(order))
            if quantity <= 0:
                return
            order.place.swept()
            side.take(price, quantity, now_ns)
            self._executions.fill(order, quantity, order.price, MAKER, now_ns, out)
            if order.phase is Phase.DONE:
                return

    def _explain(self, order: Working, display: Display) -> None:
        if order.phase is not Phase.TAKING or not display.quoted:
            return
        side = display.against(order.buying)
        if side.price is None:
            order.note = f"no price to {order.request.side.value} at in the quote"
        else:
            order.note = no_size(order, "quote")

    def stale(self, symbol: str, now_ns: int, out: list[Report]) -> None:
        """The quote is too old to be believed: nothing fills, and what cannot wait ends."""
        for order in self._orders.of(symbol):
            if not order.working:
                continue
            order.note = "the quote is stale"
            if order.phase is Phase.ARRIVED and not order.watches and _at_once(order):
                why = f"{order.request.time_in_force.value.upper()} {order.note}"
                self._executions.end(order, OrderState.CANCELED, why, now_ns, out)

    # --- prints ---

    def on_print(self, symbol: str, display: Display, trade: Print, now_ns: int, out: list[Report]) -> None:
        """Fill resting orders that a print reached: the better price first, then the earlier order."""
        reached = [
            order
            for order in self._orders.of(symbol)
            if order.phase is Phase.RESTING and order.price is not None and _reaches(order, trade.price)
        ]
        reached.sort(
            key=lambda order: (
                -abs((order.price or ZERO) - trade.price),
                order.arrival_ns,
                order.sequence,
            )
        )
        ours = {True: ZERO, False: ZERO}
        for order in reached:
            if order.phase is not Phase.RESTING or not self._counts(order, display, trade):
                continue
            assert order.place is not None and order.price is not None
            if order.price != trade.price:
                order.place.swept()
                available = trade.left
            elif trade.aggressor == order.request.side.sign:
                continue  # the taker was on our side: it met the other side of the book
            else:
                beyond = order.place.traded(trade.size, now_ns) - ours[order.buying]
                available = min(trade.left, beyond)
            quantity = min(available, self._executions.fillable(order))
            if quantity <= 0:
                continue
            trade.left -= quantity
            if order.price == trade.price:
                ours[order.buying] += quantity
            self._executions.fill(order, quantity, order.price, MAKER, now_ns, out)

    def take_print(self, symbol: str, display: Display, trade: Print, now_ns: int, out: list[Report]) -> None:
        """Where nobody quotes, a print stands for what is displayed: what takes, takes from it."""
        for order in self._orders.of(symbol):
            if order.phase is Phase.ARRIVED and not order.watches:
                self._judge_by_print(order, display, trade, now_ns, out)
            elif order.phase is Phase.TAKING and self._counts(order, display, trade):
                self._take_print(order, trade, now_ns, out)

    def _judge_by_print(
        self, order: Working, display: Display, trade: Print, now_ns: int, out: list[Report]
    ) -> None:
        executions, request = self._executions, order.request
        if not self._counts(order, display, trade):
            if order.limit is None:
                order.phase = Phase.TAKING  # set off by this very print
            return
        if request.reduce_only and not executions.clamp_one(order, now_ns, out):
            return
        crossing = _reaches(order, trade.price)
        if request.post_only and crossing:
            why = f"POST_ONLY it would take at {trade.price}"
            executions.end(order, OrderState.REJECTED, why, now_ns, out)
            return
        executions.accept(order, now_ns, out)
        if request.time_in_force is TimeInForce.FOK and (not crossing or trade.left < order.leaves):
            executions.end(
                order,
                OrderState.CANCELED,
                f"FOK only {plain(trade.left)} of {plain(order.leaves)} printed",
                now_ns,
                out,
            )
            return
        if crossing:
            self._take_print(order, trade, now_ns, out)
        if order.phase is Phase.DONE:
            return
        self._settle(order, display, "print", now_ns, out)

    def _take_print(self, order: Working, trade: Print, now_ns: int, out: list[Report]) -> None:
        quantity = min(trade.left, self._executions.fillable(order))
        if quantity <= 0:
            order.note = no_size(order, "print")
            return
        trade.left -= quantity
        self._executions.fill(order, quantity, trade.price, TAKER, now_ns, out)

    def _counts(self, order: Working, display: Display, trade: Print) -> bool:
        """Whether the print came after the order."""
        return trade.ns >= order.arrival_ns and display.prints > order.after_print


def _precedence(order: Working) -> tuple[bool, Decimal, int, int]:
    """Resting orders by price, then the others; each by time."""
    resting = order.phase is Phase.RESTING and order.price is not None
    price = order.price * -order.request.side.sign if resting and order.price is not None else ZERO
    return not resting, price, order.arrival_ns if resting else 0, order.sequence


def _reaches(order: Working, price: Decimal) -> bool:
    """Whether the order may fill at ``price``."""
    limit = order.limit
    return limit is None or (price <= limit if order.buying else price >= limit)


def _at_once(order: Working) -> bool:
    return order.request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
