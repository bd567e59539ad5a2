"""Times and numbers as reports write them."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.events import NS


def moment(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / NS, UTC):%Y-%m-%d %H:%M:%S}"


def number(value: float | None, digits: int = 2) -> str:
    """A dash for what cannot be told."""
    return "-" if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f} %"
