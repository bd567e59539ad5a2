"""The risk's details: what holds the desk back, why orders were denied, and in words that mean something."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import NS, RiskChange, RiskState
from engine.risk import legs
from engine.risk.checks import AMENDED_ENTRY, AMENDED_EXIT, ENTRY_CHECKS, EXIT_CHECKS
from engine.risk.judgement import CHECK_FAILED
from tests.console import sample_account as account
from tests.console import sample_desk as sample
from tests.console.sample_desk import NOW_NS
from widgets.codes import MEANINGS, meaning
from widgets.figures import date, day_of
from widgets.lines import Line
from widgets.risk_detail import change_lines, denial_lines, exposed_lines, limit_lines, state_lines


def text(lines: Sequence[Line]) -> str:
    return "\n".join("".join(cell for cell, _ in line) for line in lines)


def test_every_check_has_a_meaning() -> None:
    checks = (*ENTRY_CHECKS, *EXIT_CHECKS, *AMENDED_ENTRY, *AMENDED_EXIT, legs.LEG, legs.LIST)
    codes = {check.code for check in checks} | {CHECK_FAILED}
    assert codes <= MEANINGS.keys(), codes - MEANINGS.keys()
    assert meaning("SOMETHING_NEW") == ""


def test_the_state_says_what_still_leaves_and_what_rests() -> None:
    said = text(
        state_lines(
            sample.status(
                risk_state="halted",
                risk_reason="daily loss",
                locked=("sim:SOL-USD",),
                stale_symbols=2,
                drifts=1,
            )
        )
    )
    assert "HALTED" in said and "only stop-losses" in said and "daily loss" in said
    assert "stops: SOL-USD" in said and "2 symbols are stale" in said and "disagree in 1" in said
    assert "loss of the day -0.20 %, exits only from -3.00 %" in said
    assert "loss of the day ~-0.20 %" in text(state_lines(sample.status(), stale=True))
    assert "not known yet" in text(state_lines(None))
    unknown = text(state_lines(sample.status(equity="", daily_loss_pct=0.0, drawdown_pct=0.0)))
    assert "loss of the day unknown, exits only from -3.00 %  drawdown unknown" in unknown


def test_denials_by_count_with_the_newest_orders() -> None:
    said = text(denial_lines(sample.status().drops, sample.orders()))
    assert said.index("STALE_DATA") < said.index("POSITION_LIMIT")
    assert "SCORE" not in said, "that is no denial of the risk's"
    assert "buy 345 DOT-USD  STALE_DATA: 4.2 s, limit 3 s" in said
    assert "nothing was denied" in text(denial_lines({"risk:X": 0}, ()))
    tomorrow = day_of(NOW_NS) + 1
    assert date(NOW_NS)[5:] in text(denial_lines({"risk:X": 1}, sample.orders(), tomorrow))


def test_what_is_not_known_is_said() -> None:
    assert "not known yet" in text(limit_lines(None, 80)) and "not known yet" in text(exposed_lines(None, 80))
    assert "nothing is used" in text(limit_lines((), 80))
    assert "everything" in text(exposed_lines(account.account(), 80))


def test_changes_newest_first() -> None:
    def change(ns: int, state: RiskState) -> RiskChange:
        return RiskChange(state=state, previous=RiskState.ACTIVE, reason="why", who="risk", ns=ns)

    day = 86_400 * NS
    said = text(change_lines([change(NOW_NS, RiskState.HALTED), change(NOW_NS - day, RiskState.REDUCING)]))
    assert said.index("ACTIVE → HALTED") < said.index("ACTIVE → REDUCING") and "why  by risk" in said
    assert "2026-01-01 12:00:07" in said and "2025-12-31 12:00:07" in said, "other days are told apart"
    assert "never was another" in text(change_lines(())) and "not known" in text(change_lines(None))
