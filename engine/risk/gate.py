"""The gate: every order request gets a verdict here, with each check, its value and its limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from engine.config import AccountConfig, RiskConfig
from engine.events import Check, OrderRequest, Purpose, RiskChange, RiskState, Verdict
from engine.risk.checks import ENTRY_CHECKS, EXIT_CHECKS, Case, Outcome, PreTradeCheck
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.view import RiskView
from engine.text import clean

_ENTRY = Purpose.ENTRY
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
        # Bound once, since an order waits while they are called.
        self._entry_checks = tuple(ENTRY_CHECKS), tuple([check.judge for check in ENTRY_CHECKS])
        self._exit_checks = tuple(EXIT_CHECKS), tuple([check.judge for check in EXIT_CHECKS])

    def check(self, request: OrderRequest, view: RiskView) -> Verdict:
        """Judge a request and say all of it at once: ``judge`` and ``Judgement.verdict`` in one."""
        return self.judge(request, view).verdict()

    def judge(self, request: OrderRequest, view: RiskView) -> Judgement:
        """Judge a request by every check, whatever the earlier ones said; changes nothing."""
        exits = request.reduce_only or request.purpose is not _ENTRY
        checks, judges = self._exit_checks if exits else self._entry_checks
        approved = True
        try:
            case = Case(request, view, self._limits, self._latch, self._pace, sized=not exits)
            outcomes = [judge(case) for judge in judges]
            for outcome in outcomes:
                if not outcome[0]:
                    approved = False
        except Exception:
            return self._judge_broken(request, view, checks, sized=not exits)
        return Judgement(request, approved, checks, outcomes, view.now_ns)

    def _judge_broken(
        self, request: OrderRequest, view: RiskView, checks: Sequence[PreTradeCheck], *, sized: bool
    ) -> Judgement:
        """Something raised: each check by itself, so that the others are heard all the same."""
        try:
            case = Case(request, view, self._limits, self._latch, self._pace, sized=sized)
        except Exception as error:
            return Judgement(request, False, [_raised("CASE")], [(False, error, "CASE")], view.now_ns)
        made: list[PreTradeCheck] = []
        outcomes: list[Outcome] = []
        for check in checks:
            try:
                outcomes.append(check.judge(case))
                made.append(check)
            except Exception as error:
                outcomes.append((False, error, check.code))
                made.append(_raised(check.code))
        return Judgement(request, False, made, outcomes, view.now_ns)

    def sent(self, request: OrderRequest, ns: int) -> None:
        """Count an approved order the moment it is sent, before anything comes back."""
        self._pace.sent(request, ns)

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


class Judgement:
    """What the checks found. It is put into words by ``verdict``, which may wait until the order has left.

    The words are of the moment of judging: nothing that they are made of changes later.
    """

    __slots__ = ("_checks", "_ns", "_outcomes", "_request", "approved")

    def __init__(
        self,
        request: OrderRequest,
        approved: bool,
        checks: Sequence[PreTradeCheck],
        outcomes: Sequence[Outcome],
        ns: int,
    ) -> None:
        self._request = request
        self.approved = approved
        self._checks = checks
        self._outcomes = outcomes
        self._ns = ns

    def verdict(self) -> Verdict:
        """All checks with their values and limits; ``code`` is the first failed one's."""
        made = list(zip(self._checks, self._outcomes, strict=True))
        try:
            told = tuple(
                [
                    Check(code, bool(passed), *tell(value, limit))
                    for (code, _, tell), (passed, value, limit) in made
                ]
            )
        except Exception:  # one of them has no words: each by itself
            told = tuple([_told(check, outcome) for check, outcome in made])
        code = detail = ""
        if not self.approved:
            failed = next(check for check in told if not check.passed)
            code, detail = failed.code, f"{failed.value}, limit {failed.limit}"
        request = self._request
        return Verdict(request.client_order_id, request.symbol, self.approved, code, detail, told, self._ns)


def _told(check: PreTradeCheck, outcome: Outcome) -> Check:
    passed, value, limit = outcome
    try:
        return Check(check.code, bool(passed), *check.tell(value, limit))
    except Exception as error:  # what was judged stands: a number that has no words changes no verdict
        return Check(check.code, bool(passed), f"untold: {clean(repr(error), 120)}", "untold")


def _raised(code: str) -> PreTradeCheck:
    """In place of a check that raised: tells of the error."""
    return PreTradeCheck(CHECK_FAILED, lambda case: (False, None, code), _tell_error)


def _tell_error(value: Any, limit: Any) -> tuple[str, str]:
    return f"{limit}: {clean(repr(value), 120)}", "can be evaluated"
