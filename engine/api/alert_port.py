"""What the API needs of the desk's alerts."""

from __future__ import annotations

from typing import Protocol

from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertReply, AlertRow
from engine.api.protocol import Reply


class AlertPort(Protocol):
    """Commands raise AlertError, one line."""

    def rows(self) -> tuple[AlertRow, ...]: ...

    def add(self, rule: AlertRule, who: str) -> AlertReply: ...

    def switch(self, id: str, on: bool, who: str) -> Reply: ...

    def remove(self, id: str, who: str) -> Reply: ...
