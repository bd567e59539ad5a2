"""Signals and automations for tests."""

from __future__ import annotations

from typing import Any

from engine.automation.definition import Definition, parse
from engine.events import NS, Family, Signal

T0 = 1_700_000_000 * NS
BTC, ETH = "binance:BTCUSDT", "coinbase:ETH-USD"


def signal(
    symbol: str = BTC,
    source: str = "rapid_rise",
    score: float = 0.8,
    *,
    confidence: float = 0.7,
    at_s: float = 0.0,
    family: Family = Family.TECHNICAL,
) -> Signal:
    return Signal(symbol, source, family, score, confidence, T0 + round(at_s * NS), 60 * NS, "because")


def watch(
    name: str = "one", *, steps: list[dict[str, Any]] | None = None, active: bool = True, **trigger: Any
) -> Definition:
    """An automation that watches signals; it notifies, unless ``steps`` say otherwise."""
    return made(name, {"type": "signal", **trigger}, steps, active)


def periodic(
    name: str = "clock", *, steps: list[dict[str, Any]] | None = None, active: bool = True, **trigger: Any
) -> Definition:
    return made(name, {"type": "periodic", **trigger}, steps, active)


def made(name: str, trigger: dict[str, Any], steps: list[dict[str, Any]] | None, active: bool) -> Definition:
    steps = steps or [{"type": "notify", "text": "hello"}]
    return parse(name, {"active": active, "trigger": trigger, "steps": steps})
