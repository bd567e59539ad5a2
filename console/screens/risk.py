"""Risk in full: state, distance to the limits, denials, exposure, changes; asked anew while it is open."""

from __future__ import annotations

from collections.abc import Sequence

from console.link_protocol import TradingLink
from console.screens.reader import Reader
from console.view import DeskView
from engine.api.trading_protocol import AccountDetail, LimitRow
from engine.errors import LinkError
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

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            self._limits = await self._link.limits()
            self._account = await self._link.account()
            self._fault = ""
        except LinkError as error:
            self._fault = str(error)
        self._draw()

    def _draw(self) -> None:
        width, view = self.lines_width, self._view
        if width <= 0:
            return
        found = None
        if self._limits is not None:
            found = gauges(self._limits, self._account, view.strategies.values())
        drops = view.status.drops if view.status is not None else {}
        lines = state_lines(view.status)
        lines += limit_lines(found, width)
        lines += change_lines(view.risk_changes)
        lines += denial_lines(drops, view.orders.values())
        lines += exposed_lines(self._account, width)
        said: list[Line] = []
        if self._fault:
            said, lines = [((self._fault, "bad"),)], [faded(line) for line in lines]
        self.show([*said, *lines])
