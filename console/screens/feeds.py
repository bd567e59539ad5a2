"""Feeds: how good the market data is, by venue and by symbol, and what was not believed; asked anew."""

from __future__ import annotations

from collections.abc import Sequence

from console.export_files import Export
from console.link_protocol import Link
from console.screens.asking_reader import AskingReader
from console.table_csv import exported
from console.view import DeskView
from engine.api.protocol import QuarantineRow, SymbolDataRow
from widgets.data_health import feed_lines, quarantine_lines, symbol_data_lines
from widgets.figures import day_of
from widgets.lines import Line

SHOWN = 50
"""Newest rows of what was set aside."""


class FeedsScreen(AskingReader):
    DEFAULT_CSS = """
    FeedsScreen > .dialog { width: 96%; max-width: 180; }
    """

    def __init__(self, link: Link, view: DeskView, *, stale_s: float) -> None:
        super().__init__("Feeds")
        self._link, self._view, self._stale_s = link, view, stale_s
        self._symbols: Sequence[SymbolDataRow] | None = None
        self._aside: Sequence[QuarantineRow] | None = None

    async def ask(self) -> None:
        self._symbols = await self._link.data()
        self._aside = await self._link.quarantine(SHOWN)

    def exports(self) -> Sequence[Export]:
        feeds = sorted(self._view.feeds.values(), key=lambda feed: (not feed.market, feed.venue))
        return exported(
            (("feeds", feeds), ("symbols", self._symbols or ()), ("set-aside", self._aside or ()))
        )

    def told(self, width: int) -> list[Line]:
        view = self._view
        loading = view.status.loading if view.status is not None else ""
        lines = feed_lines(list(view.feeds.values()), width, loading, self._stale_s)
        lines += symbol_data_lines(self._symbols, width)
        return lines + quarantine_lines(self._aside, width, day_of(view.now_ns))
