"""Symbols rest after an exit, but from what a person asks for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.config import AccountConfig, ExitsConfig, RiskConfig
from engine.events import Amendment, Verdict
from engine.risk.gate import RiskGate
from tests.risk.conftest import SYMBOL, T0, entry, exit_, gate, view

BAR_S = 60.0
BAR = int(BAR_S * 1e9)


def desk(bars: int = 2) -> RiskGate:
    return RiskGate(RiskConfig(), AccountConfig(), ExitsConfig(cooldown_bars=bars), BAR_S)


def cooldown(verdict: Verdict) -> tuple[bool, str, str] | None:
    found = [check for check in verdict.checks if check.code == "COOLDOWN"]
    return (found[0].passed, found[0].value, found[0].limit) if found else None


def test_a_symbol_that_was_left_takes_no_entry_for_two_bars_and_every_exit() -> None:
    found = desk()
    assert cooldown(found.check(entry(), view())) is None, "nothing was ever left"
    found.on_exit(SYMBOL, T0)
    verdict = found.check(entry(), view(now_ns=T0 + BAR))
    assert (verdict.code, verdict.detail) == ("COOLDOWN", "rests for 60.0 s, limit 2 bars after an exit")
    assert not found.check(entry(), view(now_ns=T0 + 2 * BAR - 1)).approved
    assert found.check(entry(), view(now_ns=T0 + 2 * BAR)).approved
    assert found.check(exit_(client_order_id="td-exit"), view(position=Decimal(10))).approved
    other = found.check(entry(symbol="sim:ETH-USD"), view())
    assert other.approved and cooldown(other) == (True, "free", "2 bars after an exit")


@pytest.mark.parametrize(("who", "passes"), [("", False), ("automation:one", False), ("ann", True)])
def test_what_a_person_asks_for_passes(who: str, passes: bool) -> None:
    found = desk()
    found.on_exit(SYMBOL, T0)
    verdict = found.check(entry(who=who), view(now_ns=T0 + BAR))
    assert verdict.approved is passes
    told = cooldown(verdict)
    assert told is not None and told[0] is passes and (told[1] == "a person asks") is passes


def test_a_person_may_amend_an_entry_of_a_symbol_that_rests() -> None:
    found = desk()
    found.on_exit(SYMBOL, T0)
    larger = Amendment(quantity=Decimal(11))
    assert found.judge_amendment(entry(), larger, Decimal(0), view(now_ns=T0 + BAR)).approved


def test_no_bars_are_no_check() -> None:
    found = desk(bars=0)
    found.on_exit(SYMBOL, T0)
    verdict = found.check(entry(), view(now_ns=T0))
    assert verdict.approved and cooldown(verdict) is None


def test_by_default_it_is_two_bars_of_a_second() -> None:
    found = gate()
    found.on_exit(SYMBOL, T0)
    assert found.cooldown.until_ns(SYMBOL) == T0 + 2_000_000_000
    assert found.cooldown.until_ns("sim:ETH-USD") == 0


def test_a_clock_that_was_ahead_keeps_no_symbol_from_its_entries() -> None:
    found = desk()
    found.on_exit(SYMBOL, T0 + 900 * 1440 * BAR)
    found.on_exit("sim:ETH-USD", T0 - BAR)
    found.not_after(T0)
    assert found.cooldown.exited_ns == {SYMBOL: T0, "sim:ETH-USD": T0 - BAR}
    assert not found.check(entry(), view(now_ns=T0 + BAR)).approved
    assert found.check(entry(), view(now_ns=T0 + 2 * BAR)).approved
