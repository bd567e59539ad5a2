"""Alerts over the link."""

from __future__ import annotations

from typing import Protocol

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertReply, AlertRow
from engine.api.protocol import Reply


class AlertsLink(Protocol):
    """Raises LinkError, one line."""

    async def alerts(self) -> list[AlertRow]: ...

    async def add_alert(self, rule: AlertRule) -> AlertReply: ...

    async def switch_alert(self, id: str, on: bool) -> Reply: ...

    async def remove_alert(self, id: str) -> Reply: ...
