"""The bus: workers, who owns what, streams and their lag; asked anew."""

from __future__ import annotations

from collections.abc import Sequence

from console.export_files import Export
from console.link_protocol import Link
from console.screens.asking_reader import AskingReader
from console.table_csv import exported
from engine.bus.inspect import Inspection
from widgets.bus import bus_lines
from widgets.lines import Line


class BusScreen(AskingReader):
    DEFAULT_CSS = """
    BusScreen > .dialog { width: 96%; max-width: 180; }
    """

    def __init__(self, link: Link) -> None:
        super().__init__("Bus")
        self._link = link
        self._found: Inspection | None = None

    async def ask(self) -> None:
        self._found = await self._link.bus()

    def exports(self) -> Sequence[Export]:
        found = self._found
        return exported(
            (("workers", found.workers if found else ()), ("leases", found.leases if found else ()))
        )

    def told(self, width: int) -> list[Line]:
        return [] if self._found is None else bus_lines(self._found, width)
