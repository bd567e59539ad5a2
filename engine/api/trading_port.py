"""What the API needs of the desk's trading: the wiring implements it, a test fakes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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


class TradingPort(Protocol):
    """Commands raise TickdeskError with one line for the person who asked, whom ``who`` names."""

    async def place(self, ticket: OrderTicket, who: str) -> OrderReply:
        """Answers when the order, or its denial, is on disk. The same token again places nothing."""
        ...

    def preview(self, ticket: OrderTicket, who: str) -> OrderPreview: ...

    async def place_list(self, wanted: OrderList, who: str) -> OrderReply:
        """The same with orders that belong together."""
        ...

    async def preview_list(self, wanted: OrderList, who: str) -> ListPreview: ...

    async def orders(self, symbol: str, state: str, limit: int, before: int) -> Part[OrderRow]:
        """Those with a number below ``before``, newest first, at most ``limit``; of one symbol, in one state
        (or ``open``), unless these are ""."""
        ...

    def order(self, client_order_id: str) -> OrderRow | None:
        """None where the desk knows none of this id."""
        ...

    def preview_amendment(self, client_order_id: str, patch: AmendPatch) -> OrderPreview:
        """Of what would still fill; nothing is asked for."""
        ...

    async def amend(self, client_order_id: str, patch: AmendPatch, who: str) -> Reply: ...

    async def cancel(self, client_order_id: str, who: str) -> Reply: ...

    async def cancel_all(self, symbol: str, who: str) -> Reply:
        """All open orders; of one symbol unless it is ""."""
        ...

    async def flatten(self, patch: FlattenPatch, who: str) -> Reply: ...

    async def kill(self, who: str) -> Reply: ...

    def limits(self) -> tuple[LimitRow, ...]: ...

    async def set_limit(self, patch: LimitPatch, who: str) -> Reply: ...

    def account(self) -> AccountDetail: ...

    async def performance(self) -> Performance:
        """Computed now."""
        ...

    def equity(self, points: int) -> EquityCurve:
        """At most ``points`` of it."""
        ...

    def targets(self) -> TargetsDetail: ...

    def reconciliation(self) -> tuple[ReconciliationRow, ...]: ...

    async def reconcile(self, who: str) -> Reply: ...

    async def accept_cash(self, gateway: str, who: str) -> Reply:
        """Answers when it is journaled who accepted what."""
        ...

    def order_update(self, gateway: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """An order update that a gateway's webhook brings: the HTTP status to answer with, and why."""
        ...
