"""One strategy as the set runs it: its switches and counters, its calls, and what it may return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.events import NS, Family, FeatureRow, Signal
from engine.strategies.apart import Apart
from engine.strategies.base import LONGEST_S, Strategy
from engine.strategies.settings import StrategyInfo, StrategyState, Switches, describe
from engine.text import clean

if TYPE_CHECKING:
    from engine.feature_table import FeatureTable
    from engine.strategies.base import Array, Bars, Mask

SLOW_CALLS = 3
"""A strategy is disabled after so many calls in a row above the limit: a first one may import something."""
MAX_TTL_NS = LONGEST_S * NS
_TECHNICAL = Family.TECHNICAL


class StrategyFault(Exception):
    """A strategy returned something that it may not, or took too long."""


class Entry:
    """A strategy with its switches. Whatever its methods raise comes through; the set disables it then."""

    __slots__ = (
        "_candidates",
        "_name",
        "_owned",
        "_slow",
        "apart",
        "broken",
        "budget_pct",
        "enabled",
        "error",
        "kind",
        "last_ns",
        "origin",
        "params",
        "signals",
        "strategy",
        "symbols",
        "weight",
    )

    def __init__(
        self,
        kind: type[Strategy],
        params: Strategy.Params,
        origin: str = "",
        apart: Apart | None = None,
    ) -> None:
        """``origin``: "" for a built-in one, else the file or entry point; ``apart``: its source's."""
        self.kind = kind
        self._name = kind.name
        self.params = params
        self.origin = origin
        self.apart = Apart() if apart is None else apart
        """All that runs of a user's strategy runs in it."""
        self.strategy = Strategy(params)
        """Does nothing, until ``renew``."""
        self.enabled = False
        self.broken = False
        """Stands for a source that could not be used; can never be enabled."""
        self.weight = 1.0
        self.symbols: frozenset[str] = frozenset()
        self.budget_pct = 0.0
        self.signals = 0
        self.last_ns = 0
        self.error = ""
        self._slow = 0
        self._owned: Array | None = None
        self._candidates: Callable[[FeatureTable], Mask | None] | None = None

    def renew(self, params: Strategy.Params, bars: Bars) -> None:
        """A new instance that remembers nothing. When its constructor raises, the old one stays."""
        strategy = self.apart.load(self._made, params, bars)
        self.params = params
        self.strategy = strategy
        self._slow = 0
        self._candidates = strategy.candidates if self.defines("candidates") else None

    def _made(self, params: Strategy.Params, bars: Bars) -> Strategy:
        strategy = self.kind(params)
        strategy.connect(bars)
        return strategy

    def set(self, switches: Switches) -> None:
        self.enabled, self.weight = switches.enabled, switches.weight
        self.budget_pct = switches.budget_pct
        self.restrict(frozenset(switches.symbols))

    def take_over(self, before: Entry) -> None:
        """Stand for another version of the strategy; a fault switched that off, not a person."""
        self.enabled = before.enabled or before.error != ""
        self.weight, self.budget_pct = before.weight, before.budget_pct
        self.signals, self.last_ns = before.signals, before.last_ns
        self.restrict(before.symbols)

    def restrict(self, symbols: frozenset[str]) -> None:
        """Symbols to see; none: all."""
        self.symbols = symbols
        self._owned = None

    def defines(self, method: str) -> bool:
        return getattr(self.kind, method) is not getattr(Strategy, method)

    # --- what is told of it ---

    def section(self) -> dict[str, Any]:
        """As the configuration would write it, defaults included."""
        return {
            "enabled": self.enabled,
            "weight": self.weight,
            "symbols": sorted(self.symbols),
            "budget_pct": self.budget_pct,
            **msgspec.to_builtins(self.params),
        }

    def state(self) -> StrategyState:
        return StrategyState(
            self._name,
            self.kind.description,
            self.enabled,
            self.weight,
            self.signals,
            self.last_ns,
            self.error,
            self.budget_pct,
            self.origin,
        )

    def detail(self) -> StrategyInfo:
        return StrategyInfo(
            self._name,
            self.kind.description,
            self.enabled,
            self.weight,
            tuple(sorted(self.symbols)),
            self.budget_pct,
            describe(self.params),
            self.origin,
            self.signals,
            self.last_ns,
            self.error,
        )

    # --- calls ---

    def on_bars(self, table: FeatureTable, found: list[Signal]) -> None:
        """Add the signals at a bar boundary to ``found``."""
        if self.symbols:
            table = self._own(table)
            if not len(table):
                return
        mask = None if self._candidates is None else self._candidates(self._shown(table))
        if mask is None:
            positions = list(range(len(table)))
        else:
            if self.origin and not _is_mask(mask, len(table)):
                raise StrategyFault(f"candidates must be an array of {len(table)} bools, not {_told(mask)}")
            if 1 not in mask.tobytes():  # a third of what NumPy takes to look at a few rows
                return
            positions = mask.nonzero()[0].tolist()
        self.on_positions(table, positions, found)

    def on_positions(self, table: FeatureTable, positions: Sequence[int], found: list[Signal]) -> None:
        """``on_bars`` of the rows at these positions."""
        filled = table.column("filled")
        for position in positions:
            if filled[position] != 1.0:
                signal = self.on_row(self.strategy.on_bar, table.row(position))
                if signal is not None:
                    found.append(signal)

    def on_row(self, method: Callable[[FeatureRow], Signal | None], row: FeatureRow) -> Signal | None:
        signal = method(row)
        if signal is not None:
            fits = (
                type(signal) is Signal
                and -1.0 <= signal.score <= 1.0
                and 0.0 <= signal.confidence <= 1.0
                and signal.ttl_ns > 0
                and signal.source == self._name
                and signal.family is _TECHNICAL
            )
            if not fits:
                self._check(signal)
            if signal.symbol != row.symbol:
                raise StrategyFault(f"signal for {signal.symbol!r} on a row of {row.symbol!r}")
            if self.origin:
                signal = _plain(signal, row.ns)
            self.signals += 1
            self.last_ns = row.ns
        return signal

    def on_scores(self, ns: int, scores: Mapping[str, float], found: list[Signal]) -> None:
        """Add the signals on a model's scores to ``found``."""
        own = {s: v for s, v in scores.items() if not self.symbols or s in self.symbols}
        scored = own.keys() if not self.origin else frozenset(own)
        signals = list(self.strategy.on_scores(ns, own))  # a generator can be walked once only
        for signal in signals:
            self._check(signal)
            if signal.symbol not in scored:
                raise StrategyFault(f"signal for {signal.symbol!r}, which was not scored")
        if self.origin:
            signals = [_plain(signal, ns) for signal in signals]
        found.extend(signals)
        if signals:
            self.signals += len(signals)
            self.last_ns = ns

    def took(self, seconds: float, limit_s: float) -> None:
        """Judge how long a call took. Raises StrategyFault after SLOW_CALLS above the limit in a row."""
        if seconds <= limit_s:
            self._slow = 0
            return
        self._slow += 1
        if self._slow >= SLOW_CALLS:
            raise StrategyFault(
                f"took {seconds * 1e3:.0f} ms for its symbols, {SLOW_CALLS} times in a row"
                f" (strategy_limit_ms = {limit_s * 1e3:g})"
            )

    def _shown(self, table: FeatureTable) -> FeatureTable:
        """What ``candidates`` gets: a user's may write to it, and must not change what others see."""
        if not self.origin or self.symbols:
            return table  # rows of its own symbols are a copy already
        import numpy as np

        return table.select(np.arange(len(table)))

    def _own(self, table: FeatureTable) -> FeatureTable:
        """The rows of the strategy's own symbols."""
        import numpy as np

        indices = table.indices
        owned = self._owned
        if owned is None or int(indices.max(initial=0)) >= len(owned):
            grown = np.full(2 * int(indices.max(initial=31)) + 2, -1, np.int8)
            if owned is not None:
                grown[: len(owned)] = owned
            self._owned = owned = grown
        flags = owned[indices]
        unknown = (flags < 0).nonzero()[0].tolist()
        if unknown:
            for position in unknown:
                owned[indices[position]] = table.symbol(position) in self.symbols
            flags = owned[indices]
        return table.select(flags.nonzero()[0])

    def _check(self, signal: Signal) -> None:
        """Say what is wrong with it."""
        if type(signal) is not Signal:
            raise StrategyFault(f"returned a {type(signal).__name__}, not a Signal or None")
        if not (-1.0 <= signal.score <= 1.0):
            raise StrategyFault(f"score {signal.score} is outside -1 to 1")
        if not (0.0 <= signal.confidence <= 1.0):
            raise StrategyFault(f"confidence {signal.confidence} is outside 0 to 1")
        if signal.ttl_ns <= 0:
            raise StrategyFault(f"ttl_ns {signal.ttl_ns} is not above 0")
        if signal.source != self.kind.name:
            raise StrategyFault(f"source {signal.source!r} is not the strategy's name")
        if signal.family is not _TECHNICAL:
            raise StrategyFault(f"family {signal.family} is not a strategy's: technical")


def _is_mask(found: object, rows: int) -> bool:
    """Whether it is what a user's ``candidates`` may return."""
    import numpy as np

    return isinstance(found, np.ndarray) and found.dtype.char == "?" and found.shape == (rows,)


def _told(found: object) -> str:
    """A few words on what is no mask."""
    import numpy as np

    return f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"


def _plain(signal: Signal, now_ns: int) -> Signal:
    """A user's signal in plain types, as it can be stored, with a reason of one line.

    NumPy's numbers are not: a score out of an indicator is often one.
    """
    ns, ttl_ns = signal.ns, signal.ttl_ns
    if type(ns) is not int or not 0 <= ns <= now_ns:
        raise StrategyFault(f"ns {clean(ns, 40)} is no time up to the row's, {now_ns}")
    if type(ttl_ns) is not int or ttl_ns > MAX_TTL_NS:
        raise StrategyFault(f"ttl_ns {clean(ttl_ns, 40)} is no whole number up to ten years, {MAX_TTL_NS}")
    score, confidence, reason = float(signal.score), float(signal.confidence), clean(signal.reason)
    return Signal(str(signal.symbol), signal.source, signal.family, score, confidence, ns, ttl_ns, reason)
