"""Raw frames of a venue that lead to orders: symbol after symbol rises by 2.6 % and falls back."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.events import NS

ROUNDS = 22

_SYMBOLS = 10
_ROUND_S = 30
"""Each symbol rises once in so many seconds, in turn."""
_STEP_S = 0.2
"""Between two trades of a symbol; each follows a quote."""
_MOVE, _RISE_S, _FALL_S = 0.026, 2.0, 12.0
_START_NS = 1_767_225_600 * NS


def script(*, together: bool = False) -> Iterator[tuple[bytes, int]]:
    """(frame as the socket gives it, when it arrives in ns UTC), in order.

    ``together``: all symbols rise at once, not one after the other.
    """
    steps = int(ROUNDS * _ROUND_S / _STEP_S)
    gap = int(_STEP_S * NS / (2 * _SYMBOLS))
    now = _START_NS
    for step in range(steps):
        for symbol in range(_SYMBOLS):
            later_s = 0 if together else symbol * _ROUND_S / _SYMBOLS
            into_s = (step * _STEP_S - later_s) % _ROUND_S
            # A breath of noise, else the indicators have no width; the quote straddles the trade.
            price = 100 * (1 + _lift(into_s) + 1e-4 * math.sin(step * 1.7 + symbol))
            yield _quote(symbol, step, price), now
            yield _trade(symbol, step, price, now), now + gap
            now += 2 * gap


def _lift(into_s: float) -> float:
    if into_s < _RISE_S:
        return _MOVE * into_s / _RISE_S
    return max(0.0, _MOVE * (1 - (into_s - _RISE_S) / _FALL_S))


def _quote(symbol: int, step: int, price: float) -> bytes:
    return (
        f'{{"stream":"s{symbol}usdt@bookTicker","data":{{"u":{step},"s":"S{symbol}USDT",'
        f'"b":"{price - 0.005:.4f}","B":"310.50000000","a":"{price + 0.005:.4f}","A":"290.25000000"}}}}'
    ).encode()


def _trade(symbol: int, step: int, price: float, now: int) -> bytes:
    ms = now // 1_000_000
    return (
        f'{{"stream":"s{symbol}usdt@trade","data":{{"e":"trade","E":{ms},"s":"S{symbol}USDT","t":{step},'
        f'"p":"{price:.4f}","q":"4.20000000","T":{ms},"m":false,"M":true}}}}'
    ).encode()
