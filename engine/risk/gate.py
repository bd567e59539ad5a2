"""The gate: every order request gets a verdict here, with each check, its value and its limit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.config import AccountConfig, RiskConfig
from engine.events import Check, OrderRequest, Purpose, RiskChange, RiskState, Verdict
from engine.risk.checks import ENTRY_CHECKS, EXIT_CHECKS, Case
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.view import RiskView
from engine.text import clean

CHECK_FAILED = "CHECK_FAILED"
"""Reason code of a check that raised: what cannot be evaluated is denied."""


class RiskGate:
    """Pre-trade checks and the desk's trading state.

    Exits are judged by ``EXIT_CHECKS`` alone (is the order possible, does it reduce the position), in every
    state: stale data, a halt, losses or the throttle never keep a position open.
    """

    def __init__(self, config: RiskConfig, account: AccountConfig) -> None:
        self._limits = Limits(config, account)
        self._latch = StateLatch(self._limits)
        self._pace = Pace(self._limits)

    def check(self, request: OrderRequest, view: RiskView) -> Verdict:
        """Judge a request; changes nothing. All checks are listed; ``code`` is the first failed one's."""
        exits = request.reduce_only or request.purpose is not Purpose.ENTRY
        checks: list[Check] = []
        failed: Check | None = None
        try:
            case = Case(request, view, self._limits, self._latch, self._pace)
        except Exception as error:
            failed = _broken("CASE", error)
            return _verdict(request, failed, (failed,), view.now_ns)
        for code, judge in EXIT_CHECKS if exits else ENTRY_CHECKS:
            try:
                passed, value, limit = judge(case)
                check = Check(code, passed, value, limit)
            except Exception as error:
                check = _broken(code, error)
            if failed is None and not check.passed:
                failed = check
            checks.append(check)
        return _verdict(request, failed, tuple(checks), view.now_ns)

    def sent(self, request: OrderRequest, ns: int, sources: tuple[str, ...] = ()) -> None:
        """Count an approved order the moment it is sent, before anything comes back."""
        self._pace.sent(request, ns, sources)

    def remember(self, client_order_ids: Iterable[str]) -> None:
        """Ids used before a restart: they stay used for ever."""
        self._pace.remember(client_order_ids)

    @property
    def disabled(self) -> dict[str, str]:
        """Strategies that were disabled for repeating themselves, and why."""
        return dict(self._pace.disabled)

    def enable(self, source: str) -> bool:
        """A person lets a disabled strategy trade again; False when it was not disabled."""
        return self._pace.enable(source)

    # --- trading state

    @property
    def state(self) -> RiskState:
        return self._latch.state

    @property
    def reason(self) -> str:
        """Why the state is what it is; "" before the first change."""
        return self._latch.reason

    def request_state(self, state: RiskState, who: str, reason: str, ns: int) -> RiskChange | None:
        """Ask for a state: all may tighten, only a person (``who`` other than ``"risk"``) may loosen.

        None when nothing changes.
        """
        return self._latch.request(state, who, reason, ns)

    def restore(self, state: RiskState, reason: str = "") -> None:
        """Take up the state that was latched when the engine ended."""
        self._latch.restore(state, reason)

    def on_equity(self, day_pnl: Decimal, start_equity: Decimal, ns: int) -> RiskChange | None:
        """Judge the day's loss; a change when a limit is reached."""
        return self._latch.on_equity(day_pnl, start_equity, ns)


def _broken(code: str, error: Exception) -> Check:
    return Check(CHECK_FAILED, False, f"{code}: {clean(repr(error), 120)}", "can be evaluated")


def _verdict(request: OrderRequest, failed: Check | None, checks: tuple[Check, ...], ns: int) -> Verdict:
    return Verdict(
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        approved=failed is None,
        code="" if failed is None else failed.code,
        detail="" if failed is None else f"{failed.value}, limit {failed.limit}",
        checks=checks,
        ns=ns,
    )
