"""Decimals as people read them."""

from __future__ import annotations

from decimal import Decimal

_CENT = Decimal("0.01")
_FINEST = Decimal("1e-8")


def plain(value: Decimal) -> str:
    """Decimal text without exponent or trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal | None) -> str:
    """To the cent; "" for what is unknown."""
    return "" if value is None else format(value.quantize(_CENT), "f")


def small_money(value: Decimal) -> str:
    """To the cent; below one as fine as coins are counted, since a cent of them may be much."""
    return plain(value.quantize(_FINEST)) if abs(value) < 1 else money(value)
