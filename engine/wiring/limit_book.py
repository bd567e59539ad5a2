"""Limits changed by a person while the desk runs: what tightens works at once, what loosens when durable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.api.trading_protocol import LimitRow
from engine.errors import ConfigError
from engine.events import LimitChange
from engine.portfolio.ledger import Ledger
from engine.risk.limit_book import LimitBook
from engine.risk.limit_kinds import shown
from engine.risk.limits import DESK, STRATEGY, SYMBOL
from engine.text import clean
from engine.wiring.order_journal import Commit
from engine.wiring.order_work import OrderWork

log = logging.getLogger("engine.limits")


class LiveLimits:
    """The limits of one desk, their changes journaled. Every method runs on the desk's thread."""

    def __init__(
        self,
        book: LimitBook,
        ledger: Ledger,
        work: OrderWork,
        commit: Commit,
        *,
        now_ns: Callable[[], int],
        strategies: Callable[[], Sequence[str]],
        symbols: Callable[[], Sequence[str]],
    ) -> None:
        """``strategies()``, ``symbols()``: those that the desk has, which alone can be given limits."""
        self._book = book
        self._ledger = ledger
        self._work = work
        self._commit = commit
        self._now_ns = now_ns
        self._strategies = strategies
        self._symbols = symbols
        self._loosening: dict[tuple[str, str], LimitChange] = {}
        """On their way to the disk; overtaken by any later change of the same limit."""

    def set(
        self,
        scope: str,
        name: str,
        value: float | None,
        who: str,
        done: Callable[[], None] = lambda: None,
    ) -> LimitChange | None:
        """Change a limit; ``done`` is called when the change is durable. None: it is so already.

        ``value`` None: back to the configuration's, or to the scope above. Raises ConfigError, one line that
        says what is allowed, and changes nothing.
        """
        self._check_scope(scope)
        key = scope, name
        change = self._book.propose(scope, name, value, who, self._now_ns())
        overtaken = self._loosening.pop(key, None)
        if change is None:
            if overtaken is None:
                return None
            # The journal says looser by now, or soon: what stands must be its last word.
            standing = self._book.live_text(scope, name)
            change = LimitChange(scope, name, overtaken.value, standing, who, self._now_ns())
            self._commit((change,), done)
            return change
        if not self._book.loosens(change):
            self._book.apply(change)
            self._commit((change,), done)
            return change
        self._loosening[key] = change

        def durable() -> None:
            if self._loosening.get(key) is change:
                del self._loosening[key]
                self._book.apply(change)
            done()

        self._commit((change,), durable)
        return change

    def restore(self, change: LimitChange) -> None:
        """Take up a journaled change; one that the configuration does not allow any more is logged."""
        why = self._book.restore(change)
        if why:
            log.warning("limit not taken up: %s", why)

    def rows(self) -> tuple[LimitRow, ...]:
        """Every limit as it stands, with what is used of the desk's."""
        used = self._used()
        return tuple(
            LimitRow(
                row.scope,
                row.name,
                shown(row.value),
                "" if row.default is None else shown(row.default),
                row.hard,
                row.unit,
                row.about,
                used.get(row.name, "") if row.scope == DESK else "",
            )
            for row in self._book.rows()
        )

    def _check_scope(self, scope: str) -> None:
        for prefix, kind, known in (
            (STRATEGY, "strategy", self._strategies),
            (SYMBOL, "symbol", self._symbols),
        ):
            name = scope.removeprefix(prefix)
            if scope.startswith(prefix) and name not in known():
                raise ConfigError(f"the desk has no {kind} {clean(name, 80)}")

    def _used(self) -> dict[str, str]:
        """In the unit of each limit; without what is unknown."""
        now, ledger = self._now_ns(), self._ledger
        equity, day_pnl, drawdown_pct, gross, net = ledger.standing(now)
        used = {"max_open_orders": str(self._work.count())}
        if drawdown_pct is not None:
            used["max_drawdown_pct"] = f"{drawdown_pct:.2f}"
        if equity is None or not equity > 0:
            return used
        used["max_gross_pct"] = f"{gross / equity * 100:.2f}"
        used["max_net_pct"] = f"{abs(net) / equity * 100:.2f}"
        values = [(p.quantity, ledger.unit_value(p.symbol)) for p in ledger.positions()]
        largest = max(
            (abs(quantity) * unit for quantity, unit in values if unit is not None), default=Decimal(0)
        )
        used["max_position_pct"] = f"{largest / equity * 100:.2f}"
        if day_pnl is not None and equity > day_pnl:
            loss = f"{max(-day_pnl, Decimal(0)) / (equity - day_pnl) * 100:.2f}"
            used["daily_loss_reduce_pct"] = used["daily_loss_halt_pct"] = loss
        return used
