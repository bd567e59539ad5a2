"""Venue timestamps to integer nanoseconds, exactly: no float on the way."""

from __future__ import annotations

from datetime import UTC, datetime

MAX_NS = (1 << 63) - 1
"""A packed tick holds 64 bits: the year 2262."""

_seconds: dict[str, int] = {}
_KEPT = 4096


def rfc3339_ns(text: str) -> int:
    """``2021-04-17T16:43:30.244075Z`` (0 to 9 decimals, Z or a numeric offset) to ns since the epoch.

    Raises ValueError for anything else.
    """
    head = text[:19]
    seconds = _seconds.get(head)
    if seconds is None:
        if len(head) != 19 or head[10] not in "Tt ":
            raise ValueError(f"not a timestamp: {head}")
        seconds = int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp())
        if len(_seconds) >= _KEPT:
            _seconds.clear()
        _seconds[head] = seconds
    tail = text[19:]
    if tail.endswith(("Z", "z")):
        fraction, offset = tail[:-1], 0
    else:
        sign = max(tail.rfind("+"), tail.rfind("-"))
        if sign < 0 or len(tail) - sign != 6 or tail[sign + 3] != ":":
            raise ValueError(f"timestamp without a zone: {text[:40]}")
        fraction, zone = tail[:sign], tail[sign:]
        offset = (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (1 if zone[0] == "+" else -1)
    return _bounded((seconds - offset) * 1_000_000_000 + (_fraction_ns(fraction[1:]) if fraction else 0))


def decimal_seconds_ns(text: str) -> int:
    """``1618678142.557535`` to ns since the epoch. Raises ValueError for anything else."""
    whole, _, fraction = text.partition(".")
    if not whole.isdigit():
        raise ValueError(f"not a time in seconds: {text[:40]}")
    return _bounded(int(whole[:20]) * 1_000_000_000 + (_fraction_ns(fraction) if fraction else 0))


def _bounded(ns: int) -> int:
    if not 0 <= ns <= MAX_NS:
        raise ValueError("a time outside of 1970 to 2262")
    return ns


def _fraction_ns(digits: str) -> int:
    if not digits.isdigit() or not digits.isascii():
        raise ValueError(f"not a fraction of a second: {digits[:20]}")
    return int(digits[:9].ljust(9, "0"))
