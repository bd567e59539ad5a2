"""The limits that can be changed while the desk runs: their ranges, units and meaning."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache, lru_cache
from typing import NamedTuple, cast

import msgspec
from msgspec import inspect

from engine.config import RiskConfig
from engine.config.values import LEAST

HARD_FACTOR = 2.0
"""So many times looser than configured a limit may become live; beyond that, a person edits the file."""

_EQUITY, _UNITS, _ORDERS, _PERCENT, _SECONDS = "% of equity", "units", "orders", "%", "s"


class LimitKind(NamedTuple):
    name: str
    """As in the configuration."""
    unit: str
    about: str
    looser_up: bool = True
    """A higher value allows more; otherwise a lower one does."""
    zero_is_none: bool = False
    least: float = 0.0
    """Of those where 0 is none: the smallest that is told from it."""
    factor: float = HARD_FACTOR


_KINDS = (
    LimitKind("max_order_notional_pct", _EQUITY, "largest entry"),
    LimitKind(
        "max_order_quantity",
        _UNITS,
        "largest entry, base units; 0: the venue's own",
        zero_is_none=True,
        least=1e-12,
    ),
    LimitKind("max_position_pct", _EQUITY, "largest position in a symbol"),
    LimitKind("max_gross_pct", _EQUITY, "all positions, longs and shorts added up"),
    LimitKind("max_net_pct", _EQUITY, "longs less shorts"),
    LimitKind("max_open_orders_per_symbol", _ORDERS, "open orders of a symbol"),
    LimitKind("max_open_orders", _ORDERS, "open orders in all"),
    LimitKind("price_collar_pct", _PERCENT, "farthest limit or trigger from the mid"),
    LimitKind("market_protection_pct", _PERCENT, "farthest market from the decision, and touch from the mid"),
    LimitKind("max_orders_per_s", "orders/s", "rate of orders, refilling the burst"),
    LimitKind("order_burst", _ORDERS, "orders at once before the rate counts"),
    LimitKind(
        "repeat_limit", _ORDERS, "same strategy, symbol and side within the window, then it is disabled"
    ),
    LimitKind("repeat_window_s", _SECONDS, "window of repeated orders", looser_up=False),
    LimitKind("duplicate_window_s", _SECONDS, "no identical entry within this long", looser_up=False),
    # Quotes older than configured are gone before risk sees them: live it can be tightened only.
    LimitKind("stale_data_s", _SECONDS, "oldest data of an entry", factor=1.0),
    LimitKind("clock_skew_s", _SECONDS, "largest difference of our clock and the venue's"),
    LimitKind("daily_loss_reduce_pct", _PERCENT, "loss of the day from which on only exits go"),
    LimitKind("daily_loss_halt_pct", _PERCENT, "loss of the day that halts"),
    LimitKind("max_drawdown_pct", _PERCENT, "below the highest equity, from where entries are denied"),
    LimitKind(
        "max_model_age_s", _SECONDS, "oldest model behind an entry; 0: any", zero_is_none=True, least=0.001
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}


class Range(NamedTuple):
    """What a limit may be."""

    low: float
    high: float
    whole: bool
    or_zero: bool
    """0 is allowed beside it."""

    def holds(self, value: float) -> bool:
        if not math.isfinite(value) or (self.whole and value != int(value)):
            return False
        if self.or_zero and value == 0:
            return True
        return self.low <= value <= self.high

    def __str__(self) -> str:
        whole = ", whole" if self.whole else ""
        zero = ", or 0" if self.or_zero else ""
        return f">= {shown(self.low)}, <= {shown(self.high)}{whole}{zero}"


def bounds_of(section: type[msgspec.Struct], name: str) -> Range:
    """Those of a section of the configuration."""
    kind = cast("inspect.FloatType | inspect.IntType", inspect.type_info(_types(section)[name]))
    high = kind.le if kind.lt is None else kind.lt - LEAST
    assert kind.ge is not None and high is not None
    return Range(float(kind.ge), float(high), isinstance(kind, inspect.IntType), False)


@cache
def _types(section: type[msgspec.Struct]) -> dict[str, object]:
    """Of the section's fields: to read them takes longer than all else that is done for a row of limits."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}


BOUNDS = {name: bounds_of(RiskConfig, name) for name in KINDS}


def hard_range(kind: LimitKind, configured: float | None, bounds: Range | None = None) -> Range:
    """Within which the limit can be changed live. ``configured`` None: the scope has none of its own, so that
    whatever it is given is tighter than what is above it. ``bounds``: of a limit that is not risk's."""
    bounds = BOUNDS[kind.name] if bounds is None else bounds
    if kind.zero_is_none:
        bounds = bounds._replace(low=kind.least)
        if configured is None or not configured:
            return bounds._replace(or_zero=configured is not None)
    if configured is None:
        return bounds
    if kind.looser_up:
        high = configured * kind.factor
        return bounds._replace(high=min(bounds.high, math.floor(high) if bounds.whole else high))
    return bounds._replace(low=max(bounds.low, configured / kind.factor))


@lru_cache(1_000)
def hard_text(kind: LimitKind, configured: float | None, bounds: Range | None = None) -> str:
    """``hard_range`` in words, for who looks again and again."""
    return str(hard_range(kind, configured, bounds))


def loosens(kind: LimitKind, before: float | None, after: float | None) -> bool:
    """Whether ``after`` allows more than ``before``; None is no limit of one's own."""
    if before is None or after is None:
        return after is None and before is not None
    if kind.zero_is_none and not (before and after):
        return bool(before)
    return after > before if kind.looser_up else after < before


def shown(value: float) -> str:
    """As the journal and people read it: exact, without an exponent."""
    return f"{Decimal(repr(float(value))).normalize():f}"
