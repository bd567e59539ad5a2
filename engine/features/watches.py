"""What a feature engine watches for between two bar closes: a rise, an exit's level, a time to wake."""

from __future__ import annotations

import math

from engine.features.desk_memory import ROW_BYTES, ROW_WORDS, DeskMemory
from engine.features.state import DESK, NEVER, STATE, byte_of, word_of
from engine.features.triggers import RISE_BIT, WAKE_BIT

_WAKE_NS = word_of(STATE, "wake_ns")
_RISE_CHANGE, _RISE_VOLUME, _RISE_NOTIONAL, _RISE_TRADES, _EXIT_STOP, _EXIT_TARGET = (
    word_of(STATE, name)
    for name in ("rise_change", "rise_volume", "rise_notional", "rise_trades", "exit_stop", "exit_target")
)
_EXIT_BEST, _EXIT_SHARE, _EXIT_SLACK = (
    word_of(STATE, name) for name in ("exit_best", "exit_share", "exit_slack")
)
_EXIT_SIDE, _EXIT_ARMED, _RISE_ARMED = (
    byte_of(STATE, name) for name in ("exit_side", "exit_armed", "rise_armed")
)
_NOW, _PENDING, _PENDING_SYMBOL = (word_of(DESK, name) for name in ("now_ns", "pending", "pending_symbol"))
_TRACE = 1e-12
"""Of a price: more than the rounding of its products, less than a tick."""


class Watches(DeskMemory):
    """Sets and clears them."""

    def watch_rise(
        self,
        index: int,
        min_change_pct: float,
        min_volume: float,
        min_notional: float = 0.0,
        min_trades: int = 1,
    ) -> None:
        """RISE when the window's change, volume, volume x VWAP and trades all reach these (percent, base
        units, quote currency), and none is missing in it; change 0 or NaN: never.

        It fires once, then again only after the change has been below half of ``min_change_pct``.
        """
        row, levels, words = index * ROW_WORDS, self._floats, self._words
        if not min_change_pct > 0.0:
            levels[row + _RISE_CHANGE] = math.nan
            self._forget(index, RISE_BIT)
            return
        watched = levels[row + _RISE_CHANGE], levels[row + _RISE_VOLUME], levels[row + _RISE_NOTIONAL]
        if (*watched, words[row + _RISE_TRADES]) != (min_change_pct, min_volume, min_notional, min_trades):
            levels[row + _RISE_CHANGE], levels[row + _RISE_VOLUME] = min_change_pct, min_volume
            levels[row + _RISE_NOTIONAL], words[row + _RISE_TRADES] = min_notional, min_trades
            self._bytes[index * ROW_BYTES + _RISE_ARMED] = 1

    def watch_exit(
        self,
        index: int,
        side_sign: int,
        stop: float,
        target: float,
        *,
        best: float = math.nan,
        trail: float = math.nan,
        slack: float = 0.0,
    ) -> None:
        """EXIT once, when a position (+1 long, -1 short) can be left at a level: ``stop`` or worse,
        ``target`` or better, or the share ``trail`` worse than the best price since. NaN is none. Judged at
        ``live_quote``.

        ``best``: the best price so far, from where on it follows the market, also while nothing is armed; NaN
        follows nothing. ``slack``: how much before the trailing level EXIT comes already (price units), for
        who rounds that level to a grid and judges for himself.
        """
        row = index * ROW_WORDS
        self._floats[row + _EXIT_STOP], self._floats[row + _EXIT_TARGET] = stop, target
        self._floats[row + _EXIT_BEST], self._floats[row + _EXIT_SLACK] = best, slack
        # A trace nearer than told: rounding must not let the level be missed.
        self._floats[row + _EXIT_SHARE] = (1.0 - side_sign * trail) * (1.0 + side_sign * _TRACE)
        self._bytes[index * ROW_BYTES + _EXIT_SIDE] = side_sign
        self._bytes[index * ROW_BYTES + _EXIT_ARMED] = 1

    def best_price(self, index: int) -> float:
        """The best price that the watched position could have been left at; NaN when none is followed."""
        return self._floats[index * ROW_WORDS + _EXIT_BEST]

    def exit_armed(self, index: int) -> bool:
        """Whether an EXIT may come: ``watch_exit`` was called, and none came since."""
        return self._bytes[index * ROW_BYTES + _EXIT_ARMED] != 0

    def mute_exit(self, index: int) -> None:
        """No EXIT until ``watch_exit``; the best price is followed on."""
        self._bytes[index * ROW_BYTES + _EXIT_ARMED] = 0

    def clear_exit(self, index: int) -> None:
        """Nothing is held: no EXIT, and nothing is followed."""
        self._bytes[index * ROW_BYTES + _EXIT_SIDE] = 0
        self._bytes[index * ROW_BYTES + _EXIT_ARMED] = 0
        self._floats[index * ROW_WORDS + _EXIT_BEST] = math.nan

    def wake_at(self, index: int, ns: int) -> None:
        """WAKE after each tick of the symbol from clock ``ns`` on, until cleared."""
        self._words[index * ROW_WORDS + _WAKE_NS] = ns
        if ns > self._desk_words[_NOW]:
            self._forget(index, WAKE_BIT)

    def clear_wake(self, index: int) -> None:
        self.wake_at(index, NEVER)

    def _forget(self, index: int, bit: int) -> None:
        if self._desk_words[_PENDING_SYMBOL] == index:
            self._desk_words[_PENDING] &= ~bit
