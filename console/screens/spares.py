"""Dialogs that wait to be opened: made, dressed and laid out before somebody presses their key.

To mount the widgets of a dialog takes longer than to draw it. Each one is opened once, as one that is made at
its key: what was typed in it, or sent, goes with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from console.screens.calm import CalmScreen
from console.screens.covering import CoveringApp

log = logging.getLogger("tickdesk.console")

FIRST_S = 0.5
"""After the start, until there are any."""
AGAIN_S = 0.06
"""After one was taken, until the next is made: it is drawn by then, and the next key has not come."""
_PASSES = 3
"""Of a layout: widgets fill themselves once they know their size."""

Spare = TypeVar("Spare", bound=CalmScreen[Any])


class SparesApp(CoveringApp):
    _spares: dict[type[CalmScreen[Any]], CalmScreen[Any]] | None = None
    """None: it has not begun to keep any."""

    def spare_makers(self) -> Mapping[type[CalmScreen[Any]], Callable[[], CalmScreen[Any]]]:
        """What is kept, by its class."""
        return {}

    def keep_spares(self) -> None:
        """From now on."""
        self._spares = {}
        for kind in self.spare_makers():
            self._stock_soon(kind, FIRST_S)

    def take_spare(self, kind: type[Spare]) -> Spare | None:
        """One that is then to be opened; None: none is ready."""
        spare = (self._spares or {}).pop(kind, None)
        if not isinstance(spare, kind):
            return None
        self._stock_soon(kind, AGAIN_S)
        return spare

    def _stock_soon(self, kind: type[CalmScreen[Any]], after_s: float) -> None:
        self.set_timer(after_s, lambda: self.run_worker(self._stock(kind), group="spares"))

    async def _stock(self, kind: type[CalmScreen[Any]]) -> None:
        """One that cannot be made now is made at its key."""
        if self._is_leaving():
            return
        try:
            spare = await self._made(kind)
        except Exception:
            if not self._is_leaving():
                log.exception("no %s waits to be opened", kind.__name__)
            return
        if self._spares is not None:
            self._spares[kind] = spare

    def _is_leaving(self) -> bool:
        return self._exit or not self._running

    async def _made(self, kind: type[CalmScreen[Any]]) -> CalmScreen[Any]:
        rules = self.stylesheet.rules
        spare = self.spare_makers()[kind]()
        await self._get_screen(spare)[1]
        for _ in range(_PASSES):
            spare.lay_out(self.size)
            await asyncio.sleep(0.005)
        if self.stylesheet.rules is not rules:
            self.stylesheet.update(spare)  # another theme came meanwhile
        spare.draw_ahead()
        return spare

    def refresh_css(self, animate: bool = True) -> None:
        super().refresh_css(animate)
        for spare in (self._spares or {}).values():
            self.stylesheet.update(spare, animate=animate)
