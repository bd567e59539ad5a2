"""What ccxt tells, as events: its unified structures, checked figure by figure.

Described at https://docs.ccxt.com/#/README?id=market-structure, …#public-trades, …#order-book-structure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.events import Candle, Quote, Trade
from engine.feeds.base import InstrumentSpec
from engine.feeds.book import Text
from engine.feeds.contract import Contract
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

MS = 1_000_000
_MAX_ID = (1 << 63) - 1
_DECIMAL_PLACES, _SIGNIFICANT_DIGITS, _TICK_SIZE = 2, 3, 4
_SPOT = Contract(1.0, False)
FLAWS = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What a structure that is none makes these functions raise."""


def figure(value: Any, *, least: float = 0.0) -> float:
    """Positive and finite; ``least`` -1: 0 as well. Raises ValueError or TypeError."""
    number = float(value)
    if not (max(least, 0.0) < number < 1e18 or (least < 0 and number == 0)):
        raise ValueError(f"not a figure: {clean(value, 40)}")
    return number


def time_ns(ms: Any, recv_ns: int) -> int:
    """Of a time in ms; ``recv_ns`` where the venue tells none."""
    if ms is None:
        return recv_ns
    ns = int(ms) * MS
    if not 0 <= ns <= MAX_NS:
        raise ValueError("a time outside of 1970 to 2262")
    return ns


def trade_id(value: Any) -> int:
    """A number of its own for each id; -1 where there is none."""
    text = str(value or "")
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    if not text:
        return -1
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()) & _MAX_ID


def contract(market: Mapping[str, Any]) -> Contract:
    """What the venue's amounts count."""
    if not market.get("contract"):
        return _SPOT
    return Contract(figure(market.get("contractSize") or 1), bool(market.get("inverse")))


def trade(symbol: str, row: Mapping[str, Any], unit: Contract, recv_ns: int) -> Trade:
    price = figure(row["price"])
    side = {"buy": 1, "sell": -1}.get(str(row.get("side")), 0)
    size, event_ns = unit.base_units(figure(row["amount"]), price), time_ns(row.get("timestamp"), recv_ns)
    return Trade(symbol, trade_id(row.get("id")), price, size, side, event_ns, recv_ns)


def quote(symbol: str, row: Mapping[str, Any], unit: Contract, recv_ns: int) -> Quote | None:
    """None where a side is not told."""
    if row.get("bid") is None or row.get("ask") is None:
        return None
    bid, ask = figure(row["bid"]), figure(row["ask"])
    sizes = [
        math.nan if row.get(key) is None else unit.base_units(figure(row[key], least=-1), price)
        for key, price in (("bidVolume", bid), ("askVolume", ask))
    ]
    return Quote(symbol, bid, sizes[0], ask, sizes[1], time_ns(row.get("timestamp"), recv_ns), recv_ns)


def candle(symbol: str, interval_s: int, row: Sequence[Any], recv_ns: int) -> Candle:
    """ccxt does not say whether it is final."""
    open_ns = time_ns(int(row[0]), 0)
    first, high, low, close = (figure(one) for one in row[1:5])
    volume = figure(row[5], least=-1) if row[5] is not None else math.nan
    return Candle(symbol, interval_s, open_ns, first, high, low, close, volume, False, recv_ns, recv_ns)


def levels(side: Sequence[Sequence[Any]], count: int, unit: Contract) -> list[Text]:
    """The best ``count`` of a side, in base units."""
    found = []
    for row in side[:count]:
        price = figure(row[0])
        found.append((repr(price), repr(unit.base_units(figure(row[1], least=-1), price))))
    return found


def _step(value: Any, mode: int) -> Decimal:
    """0 where it is not told, or goes with the price."""
    if value is None or mode == _SIGNIFICANT_DIGITS:
        return Decimal(0)
    step = Decimal(1).scaleb(-int(value)) if mode == _DECIMAL_PLACES else Decimal(str(value))
    return step.normalize() if step.is_finite() and step > 0 else Decimal(0)


def spec(venue: str, native: str, market: Mapping[str, Any], mode: int) -> InstrumentSpec | None:
    """None where the venue tells no grid. ``mode``: how ccxt tells precision for it."""
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    tick, lot = _step(precision.get("price"), mode), _step(precision.get("amount"), mode)
    unit = contract(market)
    if unit.inverse:
        lot = Decimal("0.00000001")  # what a contract is in base units goes with the price
    else:
        lot *= Decimal(str(unit.value))
    if tick <= 0 or lot <= 0:
        return None
    least = (limits.get("cost") or {}).get("min")
    most = None if unit.inverse else (limits.get("amount") or {}).get("max")
    return InstrumentSpec(
        symbol=f"{venue}:{clean(native, 40)}",
        tick_size=tick,
        lot_size=lot.normalize(),
        min_notional=Decimal(str(least)) if least else Decimal(0),
        quote_currency=clean(market.get("quote") or "", 20),
        max_quantity=Decimal(str(most)) * Decimal(str(unit.value))
        if most and not unit.inverse
        else Decimal(0),
    )
