"""Alerts over the link."""

from __future__ import annotations

from console.requests import Requests, quoted
from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertPatch, AlertReply, AlertRow
from engine.api.protocol import Reply

PATH = "/v1/alerts"


class AlertRequests(Requests):
    """Implements ``console.alert_link.AlertsLink``."""

    async def alerts(self) -> list[AlertRow]:
        return await self._request("GET", PATH, list[AlertRow])

    async def add_alert(self, rule: AlertRule) -> AlertReply:
        return await self._once("POST", PATH, AlertReply, rule)

    async def switch_alert(self, id: str, on: bool) -> Reply:
        return await self._request("POST", f"{PATH}/{quoted(id)}", Reply, AlertPatch(on))

    async def remove_alert(self, id: str) -> Reply:
        return await self._request("DELETE", f"{PATH}/{quoted(id)}", Reply)
