"""Flattening: cancel, close, verify, and say what is left. The kill switch is this, halted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from decimal import Decimal

from engine.api.protocol import Reply
from engine.api.trading_protocol import FlattenPatch
from engine.errors import NotReadyError, OrderError
from engine.events import OrderState, RiskState
from engine.execution.order import Order
from engine.research.daily import CLIENT as DAILY
from engine.wiring.decimal_text import plain
from engine.wiring.desk import Desk
from engine.wiring.tickets import find, number
from engine.wiring.trading import Trading

WAIT_S = 15.0
"""How long a market is given to take the positions."""
LIMIT_WAIT_S = 2.0
"""The same where a limit bounds the price: what rests then goes on resting."""
_LOOK_S = 0.02
ASKED = "flatten asked for"
_ALL = Decimal(100)
"""Percent."""
_RECENT = 200
"""Orders among which the newest exit of a symbol is looked for."""


class Flattening:
    """One desk's way to flat. ``settled()``: everything written is durable; ``failed()``: nothing will be.

    ``ready()``: the desk runs. Before that it takes entries off and cancels at once, and waits with what it
    has to sell or buy: an order would carry the clock of the history that warms the desk up. ``stands()``:
    why the market does nothing until a person lets it go on, "" while it goes on; then it is not waited for.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        settled: Callable[[], bool],
        failed: Callable[[], bool],
        ready: Callable[[], bool],
        stands: Callable[[], str] = lambda: "",
    ) -> None:
        self._desk = desk
        self._settled = settled
        self._failed = failed
        self._ready = ready
        self._stands = stands

    @property
    def _trading(self) -> Trading:
        return self._desk.trading

    async def kill(self, who: str) -> Reply:
        """Halt, cancel every order, close every position, verify. The text is the receipt."""
        trading, began = self._trading, time.monotonic()
        at_work = trading.work.ids()
        trading.set_state(RiskState.HALTED, who, "kill switch")
        trading.cancel_all(None, f"kill switch, {who}")
        return await self._close_all(at_work, began, "HALTED")

    async def flatten(self, patch: FlattenPatch, who: str) -> Reply:
        """Close what the patch names. Raises OrderError for what it cannot mean."""
        percent = number("percent", repr(patch.percent))
        if not 0 < percent <= _ALL:
            raise OrderError(f"percent {patch.percent:g}: give more than 0 and at most 100")
        if not patch.symbol and percent == _ALL and patch.type == "market":
            return await self._flatten_all(who)
        return await self._flatten_part(patch, percent)

    async def _flatten_all(self, who: str) -> Reply:
        """Entries off, entries canceled, every position closed."""
        trading, began = self._trading, time.monotonic()
        canceled = trading.entries()
        if who != DAILY or trading.gate.state is RiskState.ACTIVE or not trading.settled:
            # Not waited for: what is undurable is, below, and the exits need not stand behind it. Where a
            # session took entries off, they stay off beyond the next one, unless it flattens itself.
            halted = trading.gate.state is RiskState.HALTED
            trading.set_state(RiskState.HALTED if halted else RiskState.REDUCING, who, "flatten")
        trading.cancel_entries()
        return await self._close_all(canceled, began, "entries are off")

    async def _close_all(self, canceled: list[str], began: float, then: str) -> Reply:
        trading = self._trading
        trading.want_flat()
        asked: set[str] = set()
        while time.monotonic() - began < WAIT_S and not self._failed():
            asked |= {position.symbol for position in trading.ledger.positions()}
            if trading.flat and self._settled():
                break
            if self._ready():
                trading.flatten()
            await asyncio.sleep(_LOOK_S)
            if self._stands() and self._ready() and self._settled():
                break
        left = {position.symbol for position in trading.ledger.positions()}
        asked |= left
        receipt = f"{self._canceled(canceled)}, closed {len(asked) - len(left)}/{len(asked)}"
        if left or not trading.flat:
            what = ", ".join(sorted(left)) or "orders at work"
            return Reply(False, f"{receipt}, NOT FLAT: {what}: {self._waits(left)}")
        return Reply(True, f"{receipt}, verified flat in {time.monotonic() - began:.1f} s; {then}")

    async def _flatten_part(self, patch: FlattenPatch, percent: Decimal) -> Reply:
        """A symbol, a percentage, or at a limit: the trading state stays."""
        desk, trading, began = self._desk, self._trading, time.monotonic()
        while not self._ready():
            if time.monotonic() - began >= WAIT_S or self._failed():
                raise NotReadyError
            await asyncio.sleep(_LOOK_S)
        began = time.monotonic()
        if patch.symbol:
            symbols = [find(desk, patch.symbol).symbol]
        else:
            opened = [position.symbol for position in trading.ledger.positions()]
            opening = filter(None, map(trading.work.request, trading.entries()))
            symbols = list(dict.fromkeys([*opened, *(entry.symbol for entry in opening)]))
        # Also where nothing is held: what is on its way may fill yet.
        entries = {symbol: trading.entries(symbol) for symbol in symbols}
        for symbol in symbols:
            trading.cancel_entries(symbol, ASKED)
        canceled = [identity for ids in entries.values() for identity in ids]
        held = [symbol for symbol in symbols if trading.ledger.quantity(symbol)]
        name = patch.symbol or "the desk"
        if not held and not canceled:
            return Reply(True, f"{name} is flat already")
        limited = patch.type == "limit"
        whole = [] if limited or percent < _ALL else held
        sent: list[str] = []
        kept: list[str] = []
        filled = {symbol: self._filled(ids) for symbol, ids in entries.items()}
        for symbol in held:
            try:
                sent.append(trading.close_part(symbol, percent, limited=limited))
            except OrderError as error:
                if patch.symbol:
                    raise
                kept.append(str(error))
        wait = LIMIT_WAIT_S if limited else WAIT_S
        while time.monotonic() - began < wait and not self._failed():
            if self._settled():
                if self._stands():
                    break
                if all(map(self._over, sent)) and all(map(self._over, canceled)) and not self._beside(whole):
                    came = [symbol for symbol, ids in entries.items() if self._filled(ids) > filled[symbol]]
                    came = [symbol for symbol in came if trading.ledger.quantity(symbol)]
                    if percent < _ALL or not came:
                        break
                    for symbol in came:  # an entry was faster than its cancel
                        filled[symbol] = self._filled(entries[symbol])
                        try:
                            sent.append(trading.close_part(symbol, percent, limited=limited))
                        except OrderError as error:
                            kept.append(str(error))
            await asyncio.sleep(_LOOK_S)
        if sent or kept:
            return self._told(whole, sent, kept, canceled, began)
        return self._told_of_entries(name, symbols, canceled)

    def _told_of_entries(self, name: str, symbols: list[str], canceled: list[str]) -> Reply:
        """Nothing was held, and entries were at work."""
        if not all(map(self._over, canceled)):
            return Reply(False, f"{self._canceled(canceled)}, which may fill still: {self._waits()}")
        held = any(self._trading.ledger.quantity(symbol) for symbol in symbols)
        return Reply(not held, f"{self._canceled(canceled)}; {name} is {'not flat' if held else 'flat'}")

    def _beside(self, symbols: list[str]) -> bool:
        """Whether exits are at work there that close now."""
        return any(map(self._trading.work.exiting, symbols))

    def _told(
        self, whole: list[str], sent: list[str], kept: list[str], canceled: list[str], began: float
    ) -> Reply:
        """``whole``: where nothing was to be left. ``kept``: why nothing was sent of some positions."""
        wanted = len(sent) + len(kept)
        orders = [self._trading.blotter.get(identity) for identity in sent]
        filled = [order for order in orders if order is not None and order.state is OrderState.FILLED]
        kept = [*(_end(order) for order in orders if order is not None and _unfilled(order)), *kept]
        ended = len(filled) + len(kept)
        told = f"{self._canceled(canceled)}, " if canceled else ""
        receipt = f"{told}closed {len(filled)}/{wanted}"
        if ended < wanted:
            receipt += f", the rest is at work: {self._waits()}"
        elif not all(map(self._over, canceled)):
            receipt += f", entries may fill still: {self._waits()}"
        elif not kept and self._beside(whole):
            receipt += f", an exit from before is at work: {self._waits()}"
        elif left := [symbol for symbol in whole if self._trading.ledger.quantity(symbol)]:
            receipt += f", NOT FLAT: {', '.join(left)}"
        elif not kept:
            return Reply(True, f"{receipt} in {time.monotonic() - began:.1f} s")
        return Reply(False, "; ".join([receipt, *kept]))

    def _filled(self, ids: Iterable[str]) -> Decimal:
        """Of these orders together."""
        found = [self._trading.blotter.get(identity) for identity in ids]
        return sum((order.filled for order in found if order is not None), Decimal(0))

    def _over(self, client_order_id: str) -> bool:
        order = self._trading.blotter.get(client_order_id)
        return order is not None and order.state.terminal

    def _canceled(self, ids: list[str]) -> str:
        """Of the orders that a cancel was asked for: how many it ended."""
        found = [self._trading.blotter.get(identity) for identity in ids]
        states = [order.state for order in found if order is not None]
        filled = states.count(OrderState.FILLED)
        ended = sum(state.terminal for state in states) - filled
        return f"canceled {ended}/{len(ids)}" + (f" ({filled} filled first)" if filled else "")

    def _waits(self, left: Iterable[str] = ()) -> str:
        """What the rest waits for, or how the newest exits of what is ``left`` ended."""
        if not self._ready():
            return str(NotReadyError())
        if stands := self._stands():
            return stands
        ends = [self._refused(symbol) for symbol in sorted(left)]
        found = [*filter(None, ends), *sorted(set(self._trading.waiting().values()))]
        return "; ".join(found[:5]) or "the orders are on their way"

    def _refused(self, symbol: str) -> str:
        """How the symbol's newest exit ended without closing it; "": it did not."""
        recent = self._trading.blotter.recent(_RECENT)
        exits = (order for order in recent if order.request.symbol == symbol and order.request.reduce_only)
        newest = next(exits, None)
        return _end(newest) if newest is not None and _unfilled(newest) else ""


def _unfilled(order: Order) -> bool:
    """It ended, and not all of it was filled."""
    return order.state.terminal and order.state is not OrderState.FILLED


def _end(order: Order) -> str:
    part = f", {plain(order.filled)} of {plain(order.quantity)} filled" if order.filled else ""
    return f"{order.request.symbol}: its exit was {order.state.value}{part}: {order.reason}"
