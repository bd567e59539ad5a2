"""Signals of a symbol: what is live for it, again and again while it is open."""

from __future__ import annotations

from console.link_protocol import Link
from console.screens.asking_reader import AskingReader
from engine.api.protocol import SymbolSignals
from widgets.lines import Line
from widgets.symbol_names import short_name
from widgets.symbol_signals import signal_lines


class SignalsScreen(AskingReader):
    EVERY_S = 0.75

    def __init__(self, symbol: str, link: Link) -> None:
        super().__init__(f"Signals of {short_name(symbol)}")
        self._symbol, self._link = symbol, link
        self._signals: SymbolSignals | None = None

    async def ask(self) -> None:
        self._signals = await self._link.signals(self._symbol)

    def told(self, width: int) -> list[Line]:
        return [] if self._signals is None else signal_lines(self._signals)
