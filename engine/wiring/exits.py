"""Exits: orders that close positions, at a crossed level, by time, by reversal or because a person asks."""

from __future__ import annotations

from collections.abc import Iterable

from engine.config import Config
from engine.events import Purpose
from engine.execution.build import OrderBuilder
from engine.features.engine import FeatureEngine
from engine.instruments import Instruments
from engine.portfolio.position import Position
from engine.risk.state import originates
from engine.wiring.exit_watch import Crossed
from engine.wiring.order_flow import OrderFlow


class ExitOrders:
    """Sends an exit for what no other exit of the position closes already."""

    def __init__(
        self, config: Config, instruments: Instruments, features: FeatureEngine, flow: OrderFlow
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._flow = flow
        self._builder = OrderBuilder(config.account)
        self._hands_off = config.engine.hands_off

    def on_exit(self, index: int) -> None:
        """The kernel saw a level crossed."""
        symbol = self._instruments[index].symbol
        if not self.send_if_crossed(symbol):
            self._arm(symbol)

    def sweep(self, symbol: str) -> None:
        """Judge the position's levels beside the kernel, and have it watch them if nobody does."""
        if not self.send_if_crossed(symbol) and not self._flow.work.exiting(symbol):
            self._arm(symbol)

    def sweep_all(self, positions: Iterable[Position]) -> None:
        """``sweep`` of each of them."""
        flow = self._flow
        for position in positions:
            target = originates(flow.gate.state, Purpose.TAKE_PROFIT)
            if self._hands_off or not flow.watch.rests(position.symbol, target=target):
                self.sweep(position.symbol)

    def sweep_refused(self) -> None:
        """``sweep`` of what a broker refused to close, when it may be asked again."""
        for symbol in self._flow.refused_exits.over():
            self.sweep(symbol)

    def _arm(self, symbol: str) -> None:
        """Levels that the trading state does not let be acted on are not watched: each tick would tell."""
        if self._hands_off:
            return self._flow.watch.mute(symbol)
        target = originates(self._flow.gate.state, Purpose.TAKE_PROFIT)
        self._flow.watch.arm(symbol, target=target)

    def send_if_crossed(self, symbol: str) -> bool:
        """Close the position when its market is beyond a level; False when it is not, or is not acted on."""
        return self._leave(symbol, self._flow.watch.crossed(symbol))

    def send_if_overdue(self, symbol: str) -> bool:
        """Close the position when it was held for long enough; False when not, or it is not acted on."""
        return self._leave(symbol, self._flow.watch.overdue(symbol, self._features.now_ns))

    def _leave(self, symbol: str, crossed: Crossed | None) -> bool:
        if crossed is None or self._hands_off or not originates(self._flow.gate.state, crossed.purpose):
            return False
        self.send(symbol, crossed.purpose, crossed.reason)
        return True

    def send(self, symbol: str, purpose: Purpose, reason: str) -> None:
        """Close what exits at work leave of the symbol's position, if any; its entries are canceled.

        A part that is being closed, however long that takes, keeps no stop from the rest.
        """
        flow = self._flow
        position = flow.ledger.position(symbol)
        instrument = self._instruments.get(symbol)
        closing = flow.work.closing(symbol)
        if instrument is None or abs(position.quantity) <= closing:
            return
        if flow.refused_exits.waits(symbol):
            flow.watch.mute(symbol)
            return
        flow.cancel_entries(symbol)
        quote = self._features.live_quote(instrument.index)
        bid, _, ask, _, last = quote
        mid = (bid + ask) / 2 if bid == bid else last
        now = self._features.now_ns
        request = self._builder.exit(position, purpose, now, mid, closing=closing, reason=reason)
        flow.watch.mute(symbol)
        flow.submit(request, instrument, quote)

    def flatten(self) -> None:
        """Send exits for what no exit at work closes of the open positions."""
        for position in self._flow.ledger.positions():
            self.send(position.symbol, Purpose.FLATTEN, "flatten asked for")
