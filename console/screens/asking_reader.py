"""A dialog whose lines the engine is asked for anew, again and again while it is open."""

from __future__ import annotations

from typing import ClassVar

from console.screens.reader import Reader
from engine.errors import LinkError
from widgets.lines import Line, faded


class AskingReader(Reader):
    """What was known stays where no answer comes, as the past, under why that is."""

    EVERY_S: ClassVar[float] = 1.0

    def __init__(self, title: str) -> None:
        super().__init__(title, [(("asking the engine…", "muted"),)])
        self._fault = ""
        """Why the newest answer did not come; "": it did."""

    # --- what a subclass gives -------------------------------------------------------------------

    async def ask(self) -> None:
        """Keep what the engine answers. Raises LinkError."""
        raise NotImplementedError

    def told(self, width: int) -> list[Line]:
        """What is known, for lines of so many cells; empty: nothing yet."""
        raise NotImplementedError

    @property
    def trouble(self) -> str:
        """Why what is known is of the past; "": it is not."""
        return self._fault

    # --- asking and drawing ----------------------------------------------------------------------

    def on_mount(self) -> None:
        self.keep_asking(self.EVERY_S, self._fill)

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            await self.ask()
            self._fault = ""
        except LinkError as error:
            self._fault = str(error)
        self._draw()

    def _draw(self) -> None:
        width = self.lines_width
        if width <= 0:
            return
        lines, trouble = self.told(width), self.trouble
        if trouble:
            lines = [((trouble, "bad"),), *(faded(line) for line in lines)]
        if lines:
            self.show(lines)
