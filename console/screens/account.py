"""The account: what there is, how it did, and whether the gateways agree; asked anew while it is open."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import ClassVar, TypeVar

import msgspec
from textual.binding import Binding, BindingType

from console.export_files import Export
from console.link_protocol import TradingLink
from console.screens.asking_reader import AskingReader
from console.table_csv import exported
from console.view import DeskView
from engine.api.trading_protocol import AccountDetail, EquityCurve, Performance, ReconciliationRow
from engine.errors import LinkError
from widgets.account import account_lines, drift_lines, performance_lines
from widgets.equity import curve_lines
from widgets.lines import Line

POINTS = 240
"""Of the curve: two for every cell of the widest dialog."""
T = TypeVar("T")


class AccountScreen(AskingReader):
    EVERY_S = 2.0
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "compare", show=False, id="account_compare")]

    def __init__(self, link: TradingLink, view: DeskView) -> None:
        super().__init__("Account")
        self._link, self._view = link, view
        self._account: AccountDetail | None = view.account
        self._performance: Performance | None = None
        self._curve: EquityCurve | None = None
        self._gateways: list[ReconciliationRow] | None = None
        self._said: Line = ()
        """How the gateways compared."""

    async def ask(self) -> None:
        """Each part by itself: what one cannot tell does not hide the others."""
        fault: LinkError | None = None
        try:
            self._account = await self._link.account()
        except LinkError as error:
            fault = error
        self._gateways = await _known(self._link.reconciliation(), self._gateways)
        self._performance = await _known(self._link.performance(), self._performance)
        self._curve = await _known(self._link.equity(POINTS), self._curve)
        if fault is not None:
            raise fault

    def exports(self) -> Sequence[Export]:
        account, figures = self._account, self._performance
        drifts = [drift for row in self._gateways or () for drift in row.drifts]
        return exported(
            (
                ("balances", account.balances if account is not None else ()),
                ("exposure", account.exposures if account is not None else ()),
                ("pnl", account.pnl if account is not None else ()),
                ("performance", figures.rows if figures is not None else ()),
                ("equity", _points(self._curve)),
                ("drift", drifts),
            )
        )

    def told(self, width: int) -> list[Line]:
        gateways = drift_lines(self._gateways, self._view.now_ns)
        differs = any(row.drifts or row.error for row in self._gateways or ())
        lines = gateways[1:] if differs else []  # what is wrong comes first
        lines += account_lines(self._account, width)
        lines += [] if differs else gateways
        lines += curve_lines(self._curve, width)
        lines += performance_lines(self._performance, width)
        return [self._said, *lines] if self._said else lines

    def action_compare(self) -> None:
        """Compare with the gateways now."""
        self._said = (("comparing with the gateways…", "muted"),)
        self._draw()
        self.run_worker(self._compare(), group="compare", exclusive=True)

    async def _compare(self) -> None:
        try:
            reply = await self._link.reconcile()
            self._said = ((reply.text, "good" if reply.ok else "bad"),)
            self._gateways = await _known(self._link.reconciliation(), self._gateways)
        except LinkError as error:
            self._said = ((str(error), "bad"),)
        self._draw()


class EquityPoint(msgspec.Struct, frozen=True):
    ns: int
    equity: float
    drawdown_pct: float


def _points(curve: EquityCurve | None) -> list[EquityPoint]:
    if curve is None:
        return []
    return [EquityPoint(*point) for point in zip(curve.ns, curve.equity, curve.drawdown_pct, strict=False)]


async def _known(asked: Awaitable[T], before: T | None) -> T | None:
    """The answer; what was known before when there is none."""
    try:
        return await asked
    except LinkError:
        return before
