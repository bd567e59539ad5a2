"""Signals of a symbol: what is live for it, again and again while it is open."""

from __future__ import annotations

from console.link_protocol import Link
from console.screens.reader import Reader
from engine.errors import LinkError
from widgets import figures
from widgets.symbol_signals import signal_lines

REFRESH_S = 0.75


class SignalsScreen(Reader):
    def __init__(self, symbol: str, link: Link) -> None:
        super().__init__(
            f"Signals of {figures.symbol_parts(symbol)[1]}", [(("asking the engine…", "muted"),)]
        )
        self._symbol, self._link = symbol, link

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)

    async def _fill(self) -> None:
        try:
            signals = await self._link.signals(self._symbol)
        except LinkError as error:
            self.fail(str(error))
        else:
            self.show(signal_lines(signals))
