"""The desk's gateways: the paper venue, the brokers, and the comparison with all of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from engine.api.protocol import Reply
from engine.config import Config
from engine.errors import ConfigError
from engine.events import Alert, RiskState
from engine.execution.exact import add, multiply
from engine.execution.gateway import VenueAccount
from engine.execution.order import PAPER, Order
from engine.execution.webhook import WebhookRefused
from engine.text import clean
from engine.wiring.broker import Brokers
from engine.wiring.decimal_text import plain
from engine.wiring.desk import Desk
from engine.wiring.reconciliation import SOURCE, Reconciliation


class Gateways:
    """Joins the brokers to a desk: made before its journal is folded; then ``take_up``, then ``run``."""

    def __init__(
        self,
        config: Config,
        desk: Desk,
        *,
        clock: Callable[[], int],
        failed: Callable[[Exception], None],
        keep: Callable[[str, object], None],
    ) -> None:
        """``failed`` takes our own bugs; ``keep(name, value)`` keeps a setting. Raises ConfigError."""
        self._config = config
        self._desk = desk
        self._clock = clock
        self._keep = keep
        self.brokers = Brokers(
            config,
            clock=clock,
            on_reports=desk.trading.take,
            alert=desk.alert,
            failed=failed,
            rng=random.Random(),
        )
        for name, gateway in self.brokers.gateways.items():
            desk.trading.add_gateway(gateway, self.brokers.symbols(name))
        self.reconciliation: Reconciliation | None = None

    def take_up(self, settings: Mapping[str, Any], now_ns: int) -> None:
        """Go on where the last run ended; the journal is folded, nothing trades yet.

        Raises ConfigError where the configuration sends a symbol's orders elsewhere than to where it is held,
        or has open orders: nobody could cancel these, and an exit would find no position there, or open one.
        """
        blotter = self._desk.trading.blotter
        self._refuse_another_gateway(now_ns)
        orders: dict[str, Order] = {}
        for order in blotter.open_orders():
            for one in (order, *blotter.of_list(order.request.list_id)):
                orders[one.client_order_id] = one
        self.brokers.restore(list(orders.values()), blotter, now_ns)
        if self._desk.trading.gate.state is not RiskState.ACTIVE and not self._config.engine.hands_off:
            self._desk.trading.cancel_entries()  # the engine may have died between a halt and its cancels
        self._compare_with_all(settings)

    def _refuse_another_gateway(self, now_ns: int) -> None:
        for symbol, places in self._places(now_ns).items():
            route = self._route(symbol)
            (gateway, (what, end)), *others = places.items()
            if others:
                self._refuse_several(symbol, places, now_ns)
            elif gateway != route:
                text = f"{what}, and orders of {symbol} would go to {route}: {self._advice(symbol, gateway)}"
                raise ConfigError(f"{text} until {end}")

    def _places(self, now_ns: int) -> dict[str, dict[str, tuple[str, str]]]:
        """By symbol and gateway: what is there, and what has to come before its orders may go elsewhere."""
        trading, held = self._desk.trading, self._held()
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for known in trading.blotter.open_orders():
            order = trading.written(known.client_order_id) or known
            if not order.state.terminal:
                gateway = order.request.gateway
                what = f"order {order.client_order_id} is open at {gateway}"
                found.setdefault(order.request.symbol, {}).setdefault(gateway, (what, "it has ended"))
        for position in trading.ledger.positions():
            symbol, quantity = position.symbol, position.quantity
            at = {name: size.copy_sign(quantity * size) for name, size in held.get(symbol, {}).items()}
            enough = [name for name, size in at.items() if size >= abs(quantity)]
            what = f"{plain(abs(quantity))} {symbol} are held at"
            if enough:
                gateway = route if (route := self._route(symbol)) in enough else enough[0]
                found.setdefault(symbol, {}).setdefault(gateway, (f"{what} {gateway}", "it is flat"))
                continue
            where = ", ".join(f"{name} {plain(size)}" for name, size in held.get(symbol, {}).items() if size)
            self._tell(f"{what} several gateways ({where}): an exit reaches one", now_ns)
        return found

    def _refuse_several(self, symbol: str, places: Mapping[str, tuple[str, str]], now_ns: int) -> None:
        """What no route puts right is for a person, with a desk that does nothing by itself: the paper venue
        is always there, and a broker has to be reached."""
        told = " and ".join(what for what, _ in places.values())
        broker = next(name for name in places if name != PAPER)
        if self._config.engine.hands_off and self._route(symbol) == broker:
            self._tell(f"{told}: cancel one, for an exit reaches {broker} alone", now_ns)
            return
        advice = "" if self._route(symbol) == broker else f"{self._advice(symbol, broker)}, "
        raise ConfigError(f"{told}: {advice}start with engine.hands_off=true, and cancel one")

    def _tell(self, text: str, now_ns: int) -> None:
        self._desk.commit((Alert("error", "positions", text, now_ns),), lambda: None)

    def _route(self, symbol: str) -> str:
        return self.brokers.route(symbol) or PAPER

    def _advice(self, symbol: str, gateway: str) -> str:
        """How the symbol's orders go to that gateway."""
        if gateway != PAPER:
            return f"enable brokers.{gateway} with {symbol} among its symbols"
        return f"take it out of brokers.{self._route(symbol)}.symbols"

    def _held(self) -> dict[str, dict[str, Decimal]]:
        """By symbol and gateway, what fills have made of it, signed."""
        held: dict[str, dict[str, Decimal]] = {}
        for order in self._desk.trading.blotter:
            if order.filled:
                at = held.setdefault(order.request.symbol, {})
                signed = multiply(order.filled, order.request.side.sign)
                at[order.gateway] = add(at.get(order.gateway, Decimal(0)), signed)
        return held

    def _compare_with_all(self, settings: Mapping[str, Any]) -> None:
        desk = self._desk
        reconciliation = Reconciliation(
            desk.trading.blotter,
            every_s=self._config.brokers.reconcile_s,
            clock=self._clock,
            alert=desk.alert,
            restrict=self._entries_off,
            keep=self._keep,
            settings=settings,
        )

        venue = desk.trading.paper

        async def paper(first_ns: int) -> VenueAccount:
            return venue.account(desk.now_ns)

        reconciliation.add(PAPER, paper, currency=self._quote_currency, paper=venue.account(desk.now_ns))
        alpaca = self.brokers.alpaca
        if alpaca is not None:
            reconciliation.add(
                alpaca.name,
                alpaca.account,
                currency=lambda symbol: alpaca.currencies.get(symbol, "USD"),
                unresolved=alpaca.gateway.unresolved,
                fee_share=alpaca.fee_share,
                away=alpaca.away,
            )
            alpaca.gateway.taken_in_kind = partial(reconciliation.taken_in_kind, alpaca.name)
            alpaca.reconnected = lambda: reconciliation.wake(alpaca.name)
        desk.trading.booking.on_booked = reconciliation.booked
        self.reconciliation = reconciliation

    def _quote_currency(self, symbol: str) -> str:
        instrument = self._desk.instruments.get(symbol)
        return instrument.quote_currency if instrument is not None else ""

    def _entries_off(self, reason: str) -> None:
        if self._desk.trading.gate.state is not RiskState.HALTED and not self._config.engine.hands_off:
            self._desk.trading.set_state(RiskState.REDUCING, SOURCE, reason)

    async def run(self) -> None:
        """Trade and compare, until canceled."""
        assert self.reconciliation is not None
        await asyncio.gather(self.brokers.run(), self.reconciliation.run())

    def settled(self) -> bool:
        """Of no order at a broker it is open what it was answered."""
        alpaca = self.brokers.alpaca
        return alpaca is None or not alpaca.gateway.unresolved()

    def text(self) -> str:
        """How the brokers are reached, one line; "" without any."""
        return self.brokers.text()

    def order_update(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """An order update by webhook. Raises WebhookRefused."""
        webhook = self.brokers.webhooks.get(gateway)
        if webhook is None:
            raise WebhookRefused(404, f"no gateway {clean(gateway, 40)} that takes updates is enabled")
        reports = webhook.receive(headers, body, self._clock())
        self._desk.trading.take(reports)
        return Reply(True, f"{len(reports)} reports" if reports else "nothing new")
