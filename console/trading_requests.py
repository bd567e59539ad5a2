"""Trading over the link: the state, orders, limits, the account."""

from __future__ import annotations

import msgspec

from console.requests import RISK_S, Requests, quoted
from engine.api.protocol import (
    Reply,
    RiskPatch,
)
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    CancelPatch,
    EquityCurve,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    OrderPreview,
    OrderReply,
    OrderTicket,
    Performance,
    ReconciliationRow,
)
from engine.events import (
    RiskChange,
)

FLATTEN_S = 60.0
"""The market is given its time to take the positions."""


class TradingRequests(Requests):
    """Implements ``console.link_protocol.TradingLink``."""

    async def place(self, ticket: OrderTicket) -> OrderReply:
        return await self._request("POST", "/v1/orders", OrderReply, ticket)

    async def preview(self, ticket: OrderTicket) -> OrderPreview:
        return await self._request("POST", "/v1/orders/preview", OrderPreview, ticket)

    async def preview_amendment(self, id: str, patch: AmendPatch) -> OrderPreview:
        return await self._request("POST", f"/v1/orders/{quoted(id)}/preview", OrderPreview, patch)

    async def amend(self, id: str, patch: AmendPatch) -> Reply:
        return await self._request("POST", f"/v1/orders/{quoted(id)}", Reply, patch)

    async def cancel(self, id: str) -> Reply:
        return await self._request("DELETE", f"/v1/orders/{quoted(id)}", Reply, timeout_s=RISK_S)

    async def cancel_all(self, symbol: str = "") -> Reply:
        return await self._request("POST", "/v1/orders/cancel", Reply, CancelPatch(symbol))

    async def flatten(self, patch: FlattenPatch | None = None) -> Reply:
        if patch is None or patch.percent >= 100:
            # All twice is all: it waits for no key to be on disk.
            return await self._request(
                "POST", "/v1/flatten", Reply, patch or FlattenPatch(), timeout_s=FLATTEN_S
            )
        return await self._once("POST", "/v1/flatten", Reply, patch, timeout_s=FLATTEN_S)

    async def kill(self) -> Reply:
        return await self._request("POST", "/v1/kill", Reply, timeout_s=FLATTEN_S)

    async def limits(self) -> list[LimitRow]:
        return await self._request("GET", "/v1/limits", list[LimitRow])

    async def set_limit(self, patch: LimitPatch) -> Reply:
        return await self._request("POST", "/v1/limits", Reply, patch)

    async def risk_changes(self) -> list[RiskChange]:
        return await self._request("GET", "/v1/risk/changes", list[RiskChange])

    async def account(self) -> AccountDetail:
        return await self._request("GET", "/v1/account", AccountDetail)

    async def performance(self) -> Performance:
        return await self._request("GET", "/v1/performance", Performance)

    async def equity(self, points: int) -> EquityCurve:
        return await self._request("GET", f"/v1/equity?points={points}", EquityCurve)

    async def reconciliation(self) -> list[ReconciliationRow]:
        return await self._request("GET", "/v1/reconciliation", list[ReconciliationRow])

    async def reconcile(self) -> Reply:
        return await self._request("POST", "/v1/reconcile", Reply, timeout_s=30.0)

    async def set_risk(self, state: str, reason: str, expected: str | None = None) -> Reply:
        patch = msgspec.convert({"state": state, "reason": reason, "expected": expected}, RiskPatch)
        return await self._request("POST", "/v1/risk", Reply, patch, timeout_s=RISK_S)
