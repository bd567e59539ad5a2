"""Risk in full: state, distance to the limits, denials, exposure, changes; asked anew while it is open."""

from __future__ import annotations

from collections.abc import Sequence

from console.link_protocol import TradingLink
from console.screens.asking_reader import AskingReader
from console.screens.desk_banner import past_words
from console.view import DeskView
from engine.api.trading_protocol import AccountDetail, LimitRow
from engine.errors import LinkError
from engine.events import RiskChange
from widgets.figures import day_of
from widgets.gauges import gauges
from widgets.lines import Line
from widgets.risk_detail import change_lines, denial_lines, exposed_lines, limit_lines, state_lines


class RiskScreen(AskingReader):
    DEFAULT_CSS = """
    RiskScreen > .dialog { width: 96%; max-width: 140; }
    """

    def __init__(self, link: TradingLink, view: DeskView) -> None:
        super().__init__("Risk")
        self._link, self._view = link, view
        self._limits: Sequence[LimitRow] | None = view.limits
        self._account: AccountDetail | None = view.account
        self._changes: Sequence[RiskChange] | None = None
        self._told = 0
        """How many the stream had brought when they were asked for."""

    def on_mount(self) -> None:
        self.set_interval(self.EVERY_S, self._draw)  # an answer may be long in coming: it says so, too

    async def ask(self) -> None:
        try:
            self._limits = await self._link.limits()
            self._account = await self._link.account()
            told = self._view.risk_changes
            if self._changes is None or told != self._told:
                self._changes, self._told = await self._link.risk_changes(), told
        except LinkError:
            self._told = -1
            raise

    @property
    def trouble(self) -> str:
        return past_words(self._view) or self._fault

    def told(self, width: int) -> list[Line]:
        view = self._view
        found = None
        if self._limits is not None:
            found = gauges(self._limits, self._account, view.strategies.values(), stale=view.is_worth_stale)
        drops = view.status.drops if view.status is not None else {}
        lines = state_lines(view.status, stale=view.is_worth_stale)
        lines += limit_lines(found, width)
        lines += change_lines(self._changes)
        lines += denial_lines(drops, view.orders.values(), day_of(view.now_ns))
        return lines + exposed_lines(self._account, width)
