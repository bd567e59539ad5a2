"""Which automations watch a signal: an index by source and symbol, with wildcards, in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from engine.automation.parts import SignalTrigger
from engine.events import NS, Family, Signal

MAX_PLANS = 65_536
"""Pairs of source and symbol that are kept; far more than a desk has."""
_ANY = ""
_TECHNICAL = Family.TECHNICAL


class Watch:
    """A signal trigger, ready to be matched.

    ``number`` is the automation's place in order of name; ``last``, by symbol, when its cooldown began.
    """

    __slots__ = ("cooldown_ns", "last", "min_confidence", "min_score", "name", "number", "side", "trigger")

    def __init__(self, number: int, name: str, trigger: SignalTrigger, last: dict[str, int]) -> None:
        self.number = number
        self.name = name
        self.last = last
        self.trigger = trigger
        self.min_score = trigger.min_score
        self.min_confidence = trigger.min_confidence
        self.cooldown_ns = round(trigger.cooldown_s * NS)
        self.side = trigger.side


class _Side:
    """The watches of one direction, least demanding first."""

    __slots__ = ("thresholds", "watches")

    def __init__(self, watches: Iterable[Watch]) -> None:
        self.watches = sorted(watches, key=lambda watch: (watch.min_score, watch.number))
        self.thresholds = [watch.min_score for watch in self.watches]


class _Plan:
    """Who watches one source on one symbol."""

    __slots__ = ("buy", "sell")

    def __init__(self, watches: Iterable[Watch]) -> None:
        unique = sorted({watch.number: watch for watch in watches}.values(), key=lambda watch: watch.number)
        self.buy = _Side(watch for watch in unique if watch.side != "sell")
        self.sell = _Side(watch for watch in unique if watch.side != "buy")


class Index:
    """Matches signals with triggers: direction, sources, symbols, |score| and confidence. Keeps no state."""

    def __init__(self, watches: Iterable[Watch] = ()) -> None:
        self._by_source: dict[str, dict[str, list[Watch]]] = {}
        for watch in watches:
            for source in watch.trigger.sources or (_ANY,):
                by_symbol = self._by_source.setdefault(source, {})
                for symbol in watch.trigger.symbols or (_ANY,):
                    by_symbol.setdefault(symbol, []).append(watch)
        self._technical: dict[tuple[str, str], _Plan] = {}
        self._other: dict[tuple[str, str], _Plan] = {}

    def match(self, signal: Signal) -> list[Watch]:
        """The triggers that ``signal`` passes but for their cooldown, in no particular order."""
        technical = signal.family is _TECHNICAL
        key = signal.source, signal.symbol
        plan = (self._technical if technical else self._other).get(key)
        if plan is None:
            plan = self._plan(key, technical)
        score = signal.score
        if score > 0.0:
            side = plan.buy
        elif score < 0.0:
            side, score = plan.sell, -score
        else:
            return []
        watches = side.watches
        if not watches:
            return watches
        least = bisect_right(side.thresholds, score)
        if not least:
            return []
        confidence = signal.confidence
        if least == 1:
            return watches[:1] if watches[0].min_confidence <= confidence else []
        return [watch for watch in watches[:least] if watch.min_confidence <= confidence]

    def _plan(self, key: tuple[str, str], technical: bool) -> _Plan:
        source, symbol = key
        # Without sources an automation watches the strategies, not the quant modules.
        sources = (source, _ANY) if technical else (source,)
        places = (symbol, symbol.partition(":")[2], _ANY)
        found = [
            watch
            for one in sources
            for place in places
            for watch in self._by_source.get(one, {}).get(place, ())
        ]
        plans = self._technical if technical else self._other
        if len(plans) >= MAX_PLANS:
            plans.clear()
        plan = plans[key] = _Plan(found)
        return plan
