"""The live engine's trading as the API sees it: orders, flatten, limits, the account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.api.page import NEWEST
from engine.api.page_port import Part
from engine.api.protocol import Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    EquityCurve,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    ListPreview,
    OrderList,
    OrderPreview,
    OrderReply,
    OrderTicket,
    Performance,
    ReconciliationRow,
    TargetsDetail,
)
from engine.errors import (
    ConfigError,
    NotReadyError,
    OutcomeUnknownError,
    StoreError,
    TickdeskError,
    UnknownNameError,
)
from engine.events import OrderRequest
from engine.execution.order import Order
from engine.execution.webhook import WebhookRefused
from engine.risk.limit_kinds import shown
from engine.risk.limits import DESK, STRATEGY, SYMBOL
from engine.slices import Work, in_slices
from engine.wiring.account_rows import account_detail
from engine.wiring.flatten import Flattening
from engine.wiring.limit_rows import limit_rows
from engine.wiring.order_pages import order_page
from engine.wiring.placed import list_reply, placed_before, placed_reply
from engine.wiring.target_rows import targets_detail
from engine.wiring.tickets import Tickets, denied_words, find

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine
    from engine.wiring.reconciliation import Reconciliation
    from engine.wiring.trading import Trading

AT_ONCE = 50
"""Rows of a page that are made while ticks wait."""
ASKED = "cancel asked for"
"""In place of a state: its gateway has not answered."""
ANSWER_S = 1.0
"""So long the receipt of a cancel-all waits for the answers of gateways."""
_LOOK_S = 0.02


class LiveTrading:
    """Implements ``engine.api.trading_port.TradingPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._tickets = Tickets(engine.desk)
        self._flattening = Flattening(
            engine.desk,
            settled=lambda: engine.writing.settled,
            failed=lambda: engine.writing.failure is not None,
            ready=lambda: engine.ready,
            stands=self._stands,
        )

    def _stands(self) -> str:
        playback = self._engine.playback
        return "" if playback is None else playback.stands()

    @property
    def _trading(self) -> Trading:
        return self._engine.desk.trading

    # --- orders ---

    async def place(self, ticket: OrderTicket, who: str) -> OrderReply:
        self._engine.writing.refuse_when_failed()
        placed = self._tickets.placed(ticket)
        if placed:
            await self._engine.writing.durable()
            return self._placed_before(placed)
        self._refuse_early()
        requests = self._tickets.requests(ticket, who)
        if len(requests) == 1:
            instrument = find(self._engine.desk, requests[0].symbol)
            verdicts = [self._trading.submit(requests[0], instrument)]
        else:
            verdicts = self._trading.submit_list(requests)
        await self._kept(requests)
        return placed_reply(requests, verdicts)

    async def place_list(self, wanted: OrderList, who: str) -> OrderReply:
        self._engine.writing.refuse_when_failed()
        placed = self._tickets.placed(wanted)
        if placed:
            await self._engine.writing.durable()
            return self._placed_before(placed)
        self._refuse_early()
        requests = self._tickets.list_requests(wanted, who)
        verdicts = self._trading.submit_list(requests)
        await self._kept(requests)
        return list_reply(requests, verdicts)

    def _refuse_early(self) -> None:
        """An order would carry the clock of the history that warms the desk up, and be judged by its prices;
        that of a desk that stops would wait for the next run's.

        Raises NotReadyError until the desk runs, and when it stops.
        """
        if self._engine.stopping.is_set():
            raise NotReadyError("NOT DONE: the engine stops")
        if not self._engine.ready:
            raise NotReadyError

    async def _kept(self, requests: Sequence[OrderRequest]) -> None:
        """Wait until what was placed is durable. Raises OutcomeUnknownError, which names it; StoreError where
        it was not even taken to be written."""
        try:
            await self._written()
        except OutcomeUnknownError as error:
            # It may be sent yet: who asks anew, without a token, would have it twice.
            first = requests[0].client_order_id
            raise OutcomeUnknownError(f"order {first}: {error}; look at it before it is sent anew") from None

    async def _written(self) -> None:
        """Raises as ``_kept``, without the name."""
        await self._engine.writing.durable()
        self._engine.writing.refuse_when_failed()

    def _placed_before(self, ids: list[str]) -> OrderReply:
        """The same again: how its orders stand; nothing is placed."""
        orders = [order for order in map(self._trading.blotter.get, ids) if order is not None]
        if len(orders) < len(ids):
            raise StoreError("the order is on its way to the disk: ask again")
        return placed_before(orders)

    def preview(self, ticket: OrderTicket, who: str) -> OrderPreview:
        self._refuse_early()
        return self._tickets.preview(self._tickets.requests(ticket, who))

    async def preview_list(self, wanted: OrderList, who: str) -> ListPreview:
        self._refuse_early()
        return await in_slices(self._tickets.previewing_list(self._tickets.list_requests(wanted, who)))

    async def orders(self, symbol: str, state: str, limit: int, before: int = NEWEST) -> Part[OrderRow]:
        if symbol:
            symbol = find(self._engine.desk, symbol).symbol
        found, rest = order_page(self._trading.blotter, symbol, state, limit, before)
        return await in_slices(self._making_rows(found)), rest

    def _making_rows(self, orders: Sequence[Order]) -> Work[tuple[OrderRow, ...]]:
        rows, made = self._engine.view.order_rows, []
        waiting, trailing = self._trading.waiting(), self._trading.trailing()
        for at, order in enumerate(orders, 1):
            made.append(rows.row(order, waiting, trailing))
            if not at % AT_ONCE:
                yield
        return tuple(made)

    def order(self, client_order_id: str) -> OrderRow | None:
        """None: the desk knows none of this id."""
        found = self._trading.blotter.get(client_order_id)
        if found is None:
            return None
        trading = self._trading
        return self._engine.view.order_rows.row(found, trading.waiting(), trading.trailing())

    def preview_amendment(self, client_order_id: str, patch: AmendPatch) -> OrderPreview:
        self._refuse_early()
        return self._tickets.preview_amendment(client_order_id, patch)

    async def amend(self, client_order_id: str, patch: AmendPatch, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        self._refuse_early()
        amendment = self._tickets.amendment(patch)
        verdict = self._trading.amend(client_order_id, amendment, f"asked by {who}")
        await self._written()
        if not verdict.approved:
            return Reply(False, f"order {client_order_id}: {denied_words(verdict)}")
        return Reply(True, f"order {client_order_id}: change asked for")

    async def cancel(self, client_order_id: str, who: str) -> Reply:
        self._trading.cancel(client_order_id, f"asked by {who}")
        await self._engine.writing.durable()
        ended = self._ended(client_order_id)
        stands = self._stands() if ended == ASKED else ""
        return Reply(True, "; ".join(filter(None, [f"order {client_order_id}: {ended}", stands])))

    def _ended(self, client_order_id: str) -> str:
        order = self._trading.blotter.get(client_order_id)
        return order.state.value if order is not None and order.state.terminal else ASKED

    async def cancel_all(self, symbol: str, who: str) -> Reply:
        known = find(self._engine.desk, symbol).symbol if symbol else None
        ids = self._trading.cancel_all(known, f"asked by {who}")
        await self._engine.writing.durable()
        until = time.monotonic() + ANSWER_S
        while any(self._ended(identity) == ASKED for identity in ids) and time.monotonic() < until:
            if self._stands() or self._engine.writing.failure is not None:
                break
            await asyncio.sleep(_LOOK_S)
        ended = sum(self._ended(identity) != ASKED for identity in ids)
        left = len(ids) - ended
        asked = f"; {self._stands() or f'the answers to {left} are on their way'}" if left else ""
        return Reply(True, f"canceled {ended}/{len(ids)}{asked}" if ids else "no order is at work")

    async def flatten(self, patch: FlattenPatch, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return await self._flattening.flatten(patch, who)

    async def kill(self, who: str) -> Reply:
        """Also a desk that can write nothing any more asks its gateways to cancel."""
        if self._engine.writing.failure is not None:
            self._trading.cancel_all(None, f"kill switch, {who}")
            self._engine.writing.refuse_when_failed()
        return await self._flattening.kill(who)

    # --- limits ---

    def limits(self) -> tuple[LimitRow, ...]:
        return limit_rows(self._engine.desk)

    async def set_limit(self, patch: LimitPatch, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        patch = msgspec.structs.replace(patch, scope=self._owner(patch))
        change = self._trading.limits.set(patch.scope, patch.name, patch.value, who)
        what = f"{patch.name} of {patch.scope}"
        if change is None:
            return Reply(True, f"{what} is so already")
        await self._written()
        before = change.previous or "none of its own"
        return Reply(True, f"{what}: {before} → {change.value or self._fallen_back(patch)}")

    def _fallen_back(self, patch: LimitPatch) -> str:
        """The limit that holds once one changed live is taken back, and whose it is."""
        limits = self._trading.limits
        own = limits.configured(patch.scope, patch.name)
        if own is not None:
            return f"{shown(own)}, as configured"
        above = limits.value(DESK, patch.name)
        return "none of its own" if above is None else f"none of its own; the desk's {shown(above)} holds"

    def _owner(self, patch: LimitPatch) -> str:
        """The scope, its symbol as the desk has it. Raises ConfigError for a strategy, OrderError for a
        symbol, that the desk does not have; a limit of one that is gone can still be taken back.
        """
        desk, scope = self._engine.desk, patch.scope
        try:
            if scope.startswith(STRATEGY):
                desk.signals.strategies.detail(scope.removeprefix(STRATEGY))
            elif scope.startswith(SYMBOL):
                return SYMBOL + find(desk, scope.removeprefix(SYMBOL)).symbol
        except UnknownNameError as error:
            if patch.value is not None:
                raise ConfigError(str(error)) from None  # what is asked for by its name are the limits
        except TickdeskError:
            if patch.value is not None:
                raise
        return scope

    # --- the account ---

    def account(self) -> AccountDetail:
        return account_detail(self._trading.books)

    async def performance(self) -> Performance:
        return await self._engine.performance.performance()

    def equity(self, points: int) -> EquityCurve:
        return self._engine.performance.equity(points)

    def targets(self) -> TargetsDetail:
        return targets_detail(self._engine.desk.targets)

    def reconciliation(self) -> tuple[ReconciliationRow, ...]:
        compared = self._compared
        return () if compared is None else compared.rows()

    async def reconcile(self, who: str) -> Reply:
        compared = self._compared
        if compared is None:
            return Reply(False, "a tape has no gateway to compare with")
        text = await compared.compare()
        return Reply(not compared.drifts, text)

    async def accept_cash(self, gateway: str, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        compared = self._compared
        if compared is None:
            return Reply(False, "a tape has no gateway to compare with")
        reply = await compared.accept_cash(gateway, who)
        await self._written()
        return reply

    @property
    def _compared(self) -> Reconciliation | None:
        gateways = self._engine.gateways
        return None if gateways is None else gateways.reconciliation

    def order_update(self, gateway: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        gateways = self._engine.gateways
        if gateways is None:
            return 404, "a tape has no brokers"
        try:
            return 200, gateways.order_update(gateway, headers, body).text
        except WebhookRefused as error:
            return error.status, str(error)
