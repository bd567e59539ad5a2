"""Dialogs that wait to be opened: made, dressed and laid out before somebody presses their key.

To mount the widgets of a dialog takes longer than to draw it. Each one is opened once, as one that is made at
its key: what was typed in it, or sent, goes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from textual._context import active_message_pump
from textual.screen import Screen

from console.crash_log import CONSOLE
from console.screens.calm import CalmScreen
from console.screens.covering import CoveringApp

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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._making: dict[Screen[Any], Exception | None] = {}
        """Those that are not there yet, and what went wrong in them."""

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
                CONSOLE.exception("no %s waits to be opened", kind.__name__)
            return
        if self._spares is not None:
            self._spares[kind] = spare

    def _is_leaving(self) -> bool:
        return self._exit or not self._running

    async def _made(self, kind: type[CalmScreen[Any]]) -> CalmScreen[Any]:
        rules = self.stylesheet.rules
        spare = self.spare_makers()[kind]()
        self._making[spare] = None
        try:
            await self._get_screen(spare)[1]
            for _ in range(_PASSES):
                spare.lay_out(self.size)
                await asyncio.sleep(0.005)
            if self.stylesheet.rules is not rules:
                self.stylesheet.update(spare)  # another theme came meanwhile
            spare.draw_ahead()
            if (error := self._making[spare]) is not None:
                raise error
        except Exception:
            self._drop(spare)
            raise
        finally:
            del self._making[spare]
        return spare

    def _handle_exception(self, error: Exception) -> None:
        """A dialog that nobody has opened may fail without the desk."""
        failed = _screen_at_work()
        if failed in self._making:
            self._making[failed] = error
            return
        for kind, spare in list((self._spares or {}).items()):
            if spare is failed and self._spares is not None:
                CONSOLE.error("the %s that waited to be opened failed", kind.__name__, exc_info=error)
                del self._spares[kind]
                self._drop(spare)
                return
        super()._handle_exception(error)

    def _drop(self, spare: Screen[Any]) -> None:
        if spare.is_running:
            spare.remove()
        else:
            # It takes no message any more, so that it cannot be told to go.
            spare.remove_children()
            self._unregister(spare)

    def refresh_css(self, animate: bool = True) -> None:
        super().refresh_css(animate)
        for spare in (self._spares or {}).values():
            self.stylesheet.update(spare, animate=animate)


def _screen_at_work() -> Screen[Any] | None:
    """The one whose message, or one of whose widgets', is being processed."""
    at = active_message_pump.get(None)
    while at is not None and not isinstance(at, Screen):
        at = at._parent
    return at
