"""What happens around the market (positions, options, moods) to signals: the modules that rest on no bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.events import ContextEvent, Family, Signal
from engine.quant.open_interest import OpenInterestModule
from engine.quant.opinion import Opinion
from engine.quant.options import OptionsModule
from engine.quant.sentiment import SentimentModule
from engine.symbols import base_currency


class ContextModule(Protocol):
    """One family. It learns from its own events, and is asked for an opinion of an underlying."""

    name: str
    family: Family
    ttl_ns: int

    def on_event(self, event: ContextEvent) -> bool:
        """Learn. True when the event was for this module and may have changed its opinion."""

    def opinion(self, underlying: str, now_ns: int) -> Opinion | None:
        """None: without data there is no opinion, which is not the same as 0."""


class ContextSet:
    """All context modules. A symbol's underlying is its base asset."""

    def __init__(self) -> None:
        self.modules: tuple[ContextModule, ...] = (
            OpenInterestModule(),
            OptionsModule(),
            SentimentModule(),
        )

    def on_events(self, events: Sequence[ContextEvent], symbols: Sequence[str]) -> list[Signal]:
        """The signals of ``symbols`` (``"<venue>:<NATIVE>"``) that the events of one answer give reason for.

        Only symbols whose underlying an event is about; "" is about all. At most one signal per module and
        symbol, as of the newest event, in the order of ``symbols``.
        """
        found: list[Signal] = []
        for module in self.modules:
            heard = [event for event in events if module.on_event(event)]
            if heard:
                about = {event.underlying for event in heard}
                found += self._signals(module, about, max(event.recv_ns for event in heard), symbols)
        return found

    def _signals(
        self, module: ContextModule, about: set[str], now_ns: int, symbols: Sequence[str]
    ) -> Iterator[Signal]:
        opinions: dict[str, Opinion | None] = {}
        for symbol in symbols:
            base = underlying_of(symbol)
            if not base or not ("" in about or base in about):
                continue
            if base not in opinions:
                opinions[base] = module.opinion(base, now_ns)
            opinion = opinions[base]
            if opinion is not None:
                score, confidence, reason = opinion
                yield Signal(
                    symbol, module.name, module.family, score, confidence, now_ns, module.ttl_ns, reason
                )


def underlying_of(symbol: str) -> str:
    """The base asset of ``"<venue>:<NATIVE>"``; "" when it cannot be told."""
    return base_currency(symbol.partition(":")[2])
