"""What the checks found, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.events import Check, OrderRequest, Verdict
from engine.risk.checks import Outcome, PreTradeCheck
from engine.risk.checks.check import Scoped
from engine.text import clean

CHECK_FAILED = "CHECK_FAILED"
"""Reason code of a check that raised: what cannot be evaluated is denied."""

_newest: dict[int, tuple[Sequence[PreTradeCheck], Sequence[Outcome], list[Check]]] = {}
"""By how many checks there were: these, what they found of the newest order, and how that was told. Of two
orders nearly half of it are the very same objects, none of which ever changes."""


class Judgement(msgspec.Struct):
    """What the checks found. It is put into words by ``verdict``, which may wait until the order has left.

    The words are of the moment of judging: nothing that they are made of changes later.
    """

    request: OrderRequest
    """As it was judged: an amended order is the one that it would become."""
    approved: bool
    checks: Sequence[PreTradeCheck]
    outcomes: Sequence[Outcome]
    """Of each of them."""
    ns: int
    scopes: Mapping[str, str] | None = None
    """Of limits that are a strategy's or a symbol's own, by name; None: none can be."""

    def code(self) -> str:
        """Of the first check that failed; "" when approved."""
        made = zip(self.checks, self.outcomes, strict=True)
        return next((check.code for check, outcome in made if not outcome[0]), "")

    def also(self, check: PreTradeCheck, outcome: Outcome) -> None:
        """Add the outcome of a check that was made afterwards; when it failed, the order is denied."""
        self.checks = [*self.checks, check]
        self.outcomes = [*self.outcomes, outcome]
        self.approved = self.approved and bool(outcome[0])

    def verdict(self) -> Verdict:
        """All checks with their values and limits; ``code`` is the first failed one's."""
        scopes = self.scopes
        try:
            told = self._plainly() if scopes is None else self._by_scope(scopes)
        except Exception:  # one of them has no words: each by itself
            made = zip(self.checks, self.outcomes, strict=True)
            told = [_told(check, outcome, scopes) for check, outcome in made]
        code = detail = ""
        if not self.approved:
            failed = next(check for check in told if not check.passed)
            code, detail = failed.code, f"{failed.value}, limit {failed.limit}"
        request = self.request
        return Verdict(
            request.client_order_id, request.symbol, self.approved, code, detail, tuple(told), self.ns
        )

    def _plainly(self) -> list[Check]:
        checks, outcomes, told = self.checks, self.outcomes, list[Check]()
        known = _newest.get(len(checks))
        if known is None or known[0] is not checks:
            for check, (passed, value, limit) in zip(checks, outcomes, strict=True):
                said, bound = check.tell(value, limit)
                told.append(Check(check.code, passed is True or bool(passed), said, bound))
        else:
            for check, outcome, before, one in zip(checks, outcomes, *known[1:], strict=True):
                passed, value, limit = outcome
                if passed is True and before[0] is True and value is before[1] and limit is before[2]:
                    told.append(one)
                else:
                    said, bound = check.tell(value, limit)
                    told.append(Check(check.code, passed is True or bool(passed), said, bound))
        if type(checks) is tuple:
            _newest[len(checks)] = checks, outcomes, told
        return told

    def _by_scope(self, scopes: Mapping[str, str]) -> list[Check]:
        made = zip(self.checks, self.outcomes, strict=True)
        return [_told_scoped(check, *outcome, scopes) for check, outcome in made]


def _told_scoped(
    check: PreTradeCheck, passed: bool, value: Any, limit: Any, scopes: Mapping[str, str]
) -> Check:
    """With the scope of a limit that is not the desk's."""
    scope = scopes.get(check.limit, "") if check.limit else ""
    if type(limit) is Scoped:
        limit, scope = limit
    said, bound = check.tell(value, limit)
    return Check(check.code, bool(passed), said, f"{bound} ({scope})" if scope else bound)


def _told(check: PreTradeCheck, outcome: Outcome, scopes: Mapping[str, str] | None) -> Check:
    passed, value, limit = outcome
    try:
        return _told_scoped(check, passed, value, limit, scopes or {})
    except Exception as error:  # what was judged stands: a number that has no words changes no verdict
        return Check(check.code, bool(passed), f"untold: {clean(repr(error), 120)}", "untold")


def raised(code: str) -> PreTradeCheck:
    """In place of a check that raised: tells of the error."""
    return PreTradeCheck(CHECK_FAILED, lambda case: (False, None, code), _tell_error)


def _tell_error(value: Any, limit: Any) -> tuple[str, str]:
    return f"{limit}: {clean(repr(value), 120)}", "can be evaluated"
