"""Numbers that a person gives: possible at all, and on the instrument's grid. None is rounded silently."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal

from engine.errors import OrderError
from engine.execution.exact import EXACT
from engine.instruments import Instrument

_DOWN = Context(prec=60, rounding=ROUND_DOWN)
_LARGEST = Decimal("1e15")
_FINEST = -18
"""Decimal places."""


def possible(name: str, value: Decimal) -> Decimal:
    """``value`` again. Raises OrderError unless it is a number above zero that a desk can mean."""
    if not value.is_finite() or value <= 0:
        raise OrderError(f"{name} {value} is not a number above zero: give one")
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    if value > _LARGEST or exponent < _FINEST:
        raise OrderError(f"{name} {value} is beyond 1e15 or has more than 18 decimal places: check it")
    return value


def on_ticks(name: str, price: Decimal, instrument: Instrument) -> Decimal:
    """``price`` again. Raises OrderError, which names the nearest ones, unless it is on the tick grid."""
    return _on_grid(name, possible(name, price), instrument.tick_size, f"{instrument.symbol}'s tick")


def on_lots(quantity: Decimal, instrument: Instrument) -> Decimal:
    """``quantity`` again. Raises OrderError, which names the nearest ones, unless it is on the lot grid."""
    return _on_grid(
        "quantity", possible("quantity", quantity), instrument.lot_size, f"{instrument.symbol}'s lot"
    )


def lots_worth(budget: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    """The most whole lots that cost no more than ``budget`` at ``price``; zero when one costs more."""
    lots = _DOWN.divide(budget, EXACT.multiply(price, instrument.lot_size))
    return EXACT.multiply(lots.to_integral_value(ROUND_DOWN), instrument.lot_size)


def _on_grid(name: str, value: Decimal, step: Decimal, of: str) -> Decimal:
    if not EXACT.remainder(value, step):
        return value
    below = EXACT.multiply(EXACT.divide(value, step).to_integral_value(ROUND_DOWN), step)
    above = EXACT.add(below, step)
    nearest = f"{below:f} or {above:f}" if below else f"{above:f}"
    raise OrderError(f"{name} {value:f} is not a multiple of {of} {step:f}: take {nearest}")
