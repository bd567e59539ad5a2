"""The bus: workers, who owns what, streams and their lag; asked anew."""

from __future__ import annotations

from collections.abc import Sequence

from console.export_files import Export
from console.link_protocol import Link
from console.screens.reader import Reader
from console.table_csv import exported
from engine.bus.inspect import Inspection
from engine.errors import LinkError
from widgets.bus import bus_lines
from widgets.lines import Line, faded

REFRESH_S = 1.0


class BusScreen(Reader):
    DEFAULT_CSS = """
    BusScreen > .dialog { width: 96%; max-width: 180; }
    """

    def __init__(self, link: Link) -> None:
        super().__init__("Bus", [(("asking the engine…", "muted"),)])
        self._link = link
        self._found: Inspection | None = None
        self._fault = ""

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            self._found = await self._link.bus()
            self._fault = ""
        except LinkError as error:
            self._fault = str(error)
        self._draw()

    def exports(self) -> Sequence[Export]:
        found = self._found
        return exported(
            (("workers", found.workers if found else ()), ("leases", found.leases if found else ()))
        )

    def _draw(self) -> None:
        width = self.lines_width
        if width <= 0:
            return
        lines: list[Line] = [] if self._found is None else bus_lines(self._found, width)
        said: list[Line] = []
        if self._fault:
            said, lines = [((self._fault, "bad"),)], [faded(line) for line in lines]
        if said or lines:
            self.show([*said, *lines])
