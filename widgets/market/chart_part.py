"""The chart in its place: which bars it shows, which study, how far back."""

from __future__ import annotations

from engine.api.market_protocol import CandleRow
from widgets.lines import Line
from widgets.market.chart import Chart, chart_lines, room_for
from widgets.market.part import MarketPart
from widgets.market.prices import decimals_of
from widgets.market.studies import STUDIES, next_study


class ChartPart(MarketPart):
    """``scrolled``: so many of the newest bars are not shown."""

    NAME = "Chart"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.study = STUDIES[1]
        self.lines_built = 0
        """How often a chart was really drawn."""
        self._room = 1
        """How many bars there is room for."""
        self._newest_ns = 0
        self._built: tuple[object, list[Line]] | None = None

    def next_study(self) -> str:
        """Another one of what the desk tells of. Returns its name."""
        frame = self.detail.frame
        self.study = next_study(self.study, frame.indicators if frame is not None else ())
        self.update_lines()
        return self.study

    def content(self, width: int, height: int) -> list[Line]:
        """Drawn anew only when something that it depends on has changed."""
        chart = self._chart(width)
        depends = (chart, width, height)
        if self._built is None or self._built[0] != depends:
            self.lines_built += 1
            self._built = depends, chart_lines(chart, width, height)
        return self._built[1]

    def _chart(self, width: int) -> Chart:
        frame, detail = self.detail.frame, self.detail
        assert frame is not None
        bars = [detail.bars[ns] for ns in sorted(detail.bars)]
        self._keep_in_sight(bars)
        shown = tuple(bars[: len(bars) - self.scrolled])
        newest = shown[-1].close if shown else 0.0
        last = detail.trades[-1].price if detail.trades else newest
        around = self.around
        chart = Chart(
            shown,
            frame.indicators,
            self.study,
            around.position + around.orders,
            tuple(detail.fills),
            None if self.scrolled or not shown else last,
            decimals_of(frame.tick_size, (newest,)),
            detail.interval_s,
            self.scrolled,
            bool(around.stale) or self.faded,
        )
        self._room = max(room_for(chart, width), 1)
        return chart._replace(bars=shown[-self._room :])

    def _keep_in_sight(self, bars: list[CandleRow]) -> None:
        """Scrolled back, the same bars stay in sight while others come."""
        newest_ns = bars[-1].open_ns if bars else 0
        if self.scrolled and newest_ns > self._newest_ns:
            self.scrolled += sum(bar.open_ns > self._newest_ns for bar in bars)
        self._newest_ns = newest_ns
        self.scrolled = min(self.scrolled, max(len(bars) - 1, 0))

    # --- the keys of a table: up is back in time -------------------------------------------------

    def move_by(self, lines: int) -> None:
        self.move_to(self.scrolled - lines)

    def move_home(self) -> None:
        self.move_to(self.scroll_most()[1])

    def move_end(self) -> None:
        self.move_to(0)

    def page_lines(self) -> int:
        """Half of what is seen."""
        return max(1, self._room // 2)

    def scroll_most(self) -> tuple[int, int]:
        return 0, max(0, len(self.detail.bars) - self._room)
