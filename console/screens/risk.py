"""Risk in full: state, distance to the limits, denials, exposure, changes; asked anew while it is open."""

from __future__ import annotations

from collections.abc import Sequence

from console.link_protocol import TradingLink
from console.screens.desk_banner import past_words
from console.screens.reader import Reader
from console.view import DeskView
from engine.api.trading_protocol import AccountDetail, LimitRow
from engine.errors import LinkError
from engine.events import RiskChange
from widgets.gauges import gauges
from widgets.lines import Line, faded
from widgets.risk_detail import change_lines, denial_lines, exposed_lines, limit_lines, state_lines

REFRESH_S = 1.0


class RiskScreen(Reader):
    DEFAULT_CSS = """
    RiskScreen > .dialog { width: 96%; max-width: 140; }
    """

    def __init__(self, link: TradingLink, view: DeskView) -> None:
        super().__init__("Risk", [(("asking the engine…", "muted"),)])
        self._link, self._view = link, view
        self._limits: Sequence[LimitRow] | None = view.limits
        self._account: AccountDetail | None = view.account
        self._fault = ""
        self._changes: Sequence[RiskChange] | None = None
        self._told = 0
        """How many the stream had brought when they were asked for."""

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)
        self.set_interval(REFRESH_S, self._draw)  # an answer may be long in coming: it says so, too

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            self._limits = await self._link.limits()
            self._account = await self._link.account()
            told = self._view.risk_changes
            if self._changes is None or told != self._told:
                self._changes, self._told = await self._link.risk_changes(), told
            self._fault = ""
        except LinkError as error:
            self._fault, self._told = str(error), -1
        self._draw()

    def _draw(self) -> None:
        width, view = self.lines_width, self._view
        if width <= 0:
            return
        found = None
        if self._limits is not None:
            found = gauges(self._limits, self._account, view.strategies.values(), stale=view.is_worth_stale)
        drops = view.status.drops if view.status is not None else {}
        lines = state_lines(view.status, stale=view.is_worth_stale)
        lines += limit_lines(found, width)
        lines += change_lines(self._changes)
        lines += denial_lines(drops, view.orders.values())
        lines += exposed_lines(self._account, width)
        said: list[Line] = []
        if trouble := past_words(view) or self._fault:
            said, lines = [((trouble, "bad"),)], [faded(line) for line in lines]
        self.show([*said, *lines])
