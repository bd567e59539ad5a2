"""Feeds: how good the market data is, by venue and by symbol, and what was not believed; asked anew."""

from __future__ import annotations

from collections.abc import Sequence

from console.export_files import Export
from console.link_protocol import Link
from console.screens.reader import Reader
from console.table_csv import exported
from console.view import DeskView
from engine.api.protocol import QuarantineRow, SymbolDataRow
from engine.errors import LinkError
from widgets.data_health import feed_lines, quarantine_lines, symbol_data_lines
from widgets.lines import Line, faded

REFRESH_S = 1.0
SHOWN = 50
"""Newest rows of what was set aside."""


class FeedsScreen(Reader):
    DEFAULT_CSS = """
    FeedsScreen > .dialog { width: 96%; max-width: 180; }
    """

    def __init__(self, link: Link, view: DeskView, *, stale_s: float) -> None:
        super().__init__("Feeds", [(("asking the engine…", "muted"),)])
        self._link, self._view, self._stale_s = link, view, stale_s
        self._symbols: Sequence[SymbolDataRow] | None = None
        self._aside: Sequence[QuarantineRow] | None = None
        self._fault = ""

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            self._symbols = await self._link.data()
            self._aside = await self._link.quarantine(SHOWN)
            self._fault = ""
        except LinkError as error:
            self._fault = str(error)
        self._draw()

    def exports(self) -> Sequence[Export]:
        feeds = sorted(self._view.feeds.values(), key=lambda feed: (not feed.market, feed.venue))
        return exported(
            (("feeds", feeds), ("symbols", self._symbols or ()), ("set-aside", self._aside or ()))
        )

    def _draw(self) -> None:
        width, view = self.lines_width, self._view
        if width <= 0:
            return
        loading = view.status.loading if view.status is not None else ""
        lines = feed_lines(list(view.feeds.values()), width, loading, self._stale_s)
        lines += symbol_data_lines(self._symbols, width)
        lines += quarantine_lines(self._aside, width)
        said: list[Line] = []
        if self._fault:
            said, lines = [((self._fault, "bad"),)], [faded(line) for line in lines]
        self.show([*said, *lines])
