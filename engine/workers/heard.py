"""What the strategies of all shards said, told to the desk where its own would have spoken."""

from __future__ import annotations

from collections.abc import Sequence

from engine.bus.messages import AtBar, AtRise
from engine.events import FeatureRow, Signal
from engine.feature_table import FeatureTable
from engine.strategies.registry import StrategySet
from engine.workers.join import Failed


class HeardSignals:
    """Stands for the strategies of a desk whose features workers run them.

    What is said in time is told at its very trigger, in the order of one process: by strategy, then by index.
    What comes after the trigger has passed is late: it counts from its symbol's next blend on. So is it with
    a strategy's failure: it is off from the very trigger on, in all shards.
    """

    def __init__(self, strategies: StrategySet) -> None:
        """``strategies``: the desk's own, which say who is on; none of them runs but on a model's scores."""
        self._strategies = strategies
        self._bars: dict[int, list[AtBar]] = {}
        self._rises: dict[tuple[int, int], AtRise] = {}
        self._failing: dict[tuple[int, int], list[Failed]] = {}
        """By (ns, index) of the trigger, that is to come."""
        self._failed: list[tuple[str, str]] = []
        self._index: dict[str, int] = {}
        self._bar_ns = self._now_ns = 0
        self._late: list[Signal] = []
        self.late = 0
        """Signals that came after their trigger."""

    def add_symbol(self, symbol: str, index: int) -> None:
        self._index[symbol] = index

    def take(self, said: Sequence[AtBar | AtRise], failed: Sequence[Failed] = ()) -> None:
        """In any order."""
        for fault in failed:
            self._failing.setdefault((fault.ns, fault.instrument), []).append(fault)
        self._fail_late()
        for one in said:
            if isinstance(one, AtBar):
                if one.ns <= self._bar_ns:
                    self._late.append(one.signal)
                else:
                    self._bars.setdefault(one.ns, []).append(one)
            elif one.ns < self._now_ns:
                self._late.extend(one.signals)
            else:
                self._rises[one.index, one.ns] = one

    def passed(self, now_ns: int) -> None:
        """The desk's clock is at ``now_ns``: what was said of before and has not been asked for is late."""
        self._now_ns = now_ns
        for key in [key for key in self._rises if key[1] < now_ns]:
            self._late.extend(self._rises.pop(key).signals)
        self._fail_late()

    def take_failed(self) -> list[tuple[str, str]]:
        """(strategy, traceback) of those whose trigger has passed; they are forgotten here."""
        failed, self._failed = self._failed, []
        return failed

    def _fail_late(self) -> None:
        for ns, index in list(self._failing):
            if ns <= self._bar_ns if index < 0 else ns < self._now_ns:
                late = self._failing.pop((ns, index))
                self._failed += [(fault.strategy, fault.trace) for fault in late]

    def _fail(self, ns: int, index: int) -> None:
        for fault in self._failing.pop((ns, index), ()) if self._failing else ():
            self._strategies.fail(fault.strategy, fault.trace)

    def take_late(self) -> list[Signal]:
        """Signals that came late, of strategies that are on; they are forgotten here."""
        if not self._late:
            return self._late
        late, self._late = self._late, []
        self.late += len(late)
        return [signal for signal in late if self._strategies.hear(signal)]

    def on_bars(self, table: FeatureTable) -> list[Signal]:
        self._bar_ns = table.ns
        self._fail(table.ns, -1)
        for ns in [ns for ns in self._bars if ns < table.ns]:
            self._late.extend(one.signal for one in self._bars.pop(ns))
        said = self._bars.pop(table.ns, [])
        said.sort(key=lambda one: (one.strategy, one.index))
        return [one.signal for one in said if self._strategies.hear(one.signal)]

    def on_rise(self, row: FeatureRow) -> list[Signal]:
        index = self._index[row.symbol]
        self._fail(row.ns, index)
        said = self._rises.pop((index, row.ns), None)
        return [] if said is None else [one for one in said.signals if self._strategies.hear(one)]
