"""Alerts on the link.

An alert that fires is an ``Alert`` event of the journal with the source ``SOURCE``: no console misses it.
"""

from __future__ import annotations

import msgspec

from engine.alert_rule import AlertRule

SOURCE = "alert"


class AlertRow(msgspec.Struct, frozen=True):
    id: str
    rule: AlertRule
    text: str
    """The rule in words."""
    on: bool
    armed: bool
    """It may fire; else it waits until the value is back on its own side."""
    fired: int
    last_ns: int
    """When it fired last; 0: never."""
    now: float | None
    """What it looks at, at the last look; None: not known, or it is off."""
    stale: bool = False
    """``now`` is a price of a while ago."""


class AlertPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


class AlertReply(msgspec.Struct, frozen=True):
    ok: bool
    text: str
    id: str = ""
    """Of a new one."""
