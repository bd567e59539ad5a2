"""Alerts over the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import quote

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertPatch, AlertReply, AlertRow
from engine.api.protocol import Reply

PATH = "/v1/alerts"


class AlertsLink(Protocol):
    """Raises LinkError, one line."""

    async def alerts(self) -> list[AlertRow]: ...

    async def add_alert(self, rule: AlertRule) -> AlertReply: ...

    async def switch_alert(self, id: str, on: bool) -> Reply: ...

    async def remove_alert(self, id: str) -> Reply: ...


class AlertRequests:
    """The alerts of a link that can ``_request``."""

    _request: Callable[..., Awaitable[Any]]

    async def alerts(self) -> list[AlertRow]:
        rows: list[AlertRow] = await self._request("GET", PATH, list[AlertRow])
        return rows

    async def add_alert(self, rule: AlertRule) -> AlertReply:
        reply: AlertReply = await self._request("POST", PATH, AlertReply, rule)
        return reply

    async def switch_alert(self, id: str, on: bool) -> Reply:
        reply: Reply = await self._request("POST", f"{PATH}/{quote(id, safe='')}", Reply, AlertPatch(on))
        return reply

    async def remove_alert(self, id: str) -> Reply:
        reply: Reply = await self._request("DELETE", f"{PATH}/{quote(id, safe='')}", Reply)
        return reply
