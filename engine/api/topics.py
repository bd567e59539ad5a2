"""What a client of the stream wants to be told: kinds of rows, events, the watched symbol's market."""

from __future__ import annotations

from engine.api.protocol import StateFrame

ROWS = (
    "feeds",
    "ticks",
    "opportunities",
    "positions",
    "orders",
    "strategies",
    "models",
    "automations",
    "logs",
)
"""Fields of a StateFrame. Conflated: a frame has what changed."""
STATUS, MARKET, EVENTS = "status", "market", "events"
"""The desk's status, with every frame; a symbol's market; what never is left out: orders, fills, risk."""
ALL = frozenset((STATUS, *ROWS, MARKET, EVENTS))


def parse(text: str) -> frozenset[str]:
    """Of ``orders,events``; "" is all. Raises ValueError, one line."""
    topics = frozenset(part.strip() for part in text.split(",")) if text else ALL
    unknown = sorted(topics - ALL)
    if unknown:
        raise ValueError(f"no topic {unknown[0]!r}: there are {', '.join(sorted(ALL))}")
    return topics


def says_something(frame: StateFrame, topics: frozenset[str]) -> bool:
    """Whether a frame is worth sending: the first is; where the status is a topic, each."""
    if frame.full or STATUS in topics or frame.gone:
        return True
    return any(getattr(frame, name) for name in ROWS)
