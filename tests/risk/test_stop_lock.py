"""Symbols that are locked after several stop-losses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.config import AccountConfig, ExitsConfig, RiskConfig
from engine.events import NS, Purpose
from engine.risk.gate import RiskGate
from engine.risk.stop_lock import StopLocks
from tests.risk.conftest import SYMBOL, T0, entry, exit_, view

BAR_S = 60.0
BAR = int(BAR_S * NS)


def locks(count: int = 4) -> StopLocks:
    return StopLocks(ExitsConfig(stop_lock_count=count), BAR_S)


def stop(
    found: StopLocks, n: int, ns: int, symbol: str = SYMBOL, purpose: Purpose = Purpose.STOP_LOSS
) -> int:
    return found.on_fill(exit_(client_order_id=f"td-{n}", symbol=symbol, purpose=purpose), ns)


def test_the_fourth_stop_within_24_bars_locks_for_four() -> None:
    found = locks()
    assert [stop(found, n, T0 + n * 8 * BAR) for n in range(3)] == [0, 0, 0]
    last = T0 + 24 * BAR
    assert stop(found, 3, last) == last + 4 * BAR
    assert found.until_ns(SYMBOL, last + 4 * BAR - 1) == last + 4 * BAR
    assert found.until_ns(SYMBOL, last + 4 * BAR) == 0
    assert found.until_ns("sim:ETH-USD", last) == 0


def test_a_stop_just_outside_the_window_does_not_count() -> None:
    found = locks()
    for n in range(3):
        stop(found, n, T0 + n * BAR)
    assert stop(found, 3, T0 + 24 * BAR + 1) == 0 and not found.any
    assert stop(found, 4, T0 + 25 * BAR) > 0, "four within 24 bars by now"


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.STOP_LOSS])
def test_only_stop_losses_count(purpose: Purpose) -> None:
    found = locks(count=1)
    assert stop(found, 1, T0, purpose=purpose) == 0 and not found.any
    assert stop(found, 2, T0) > 0


def test_an_order_counts_once_and_symbols_apart() -> None:
    found = locks(count=2)
    assert [stop(found, 1, T0 + n) for n in range(5)] == [0] * 5, "five fills of one stop"
    assert stop(found, 2, T0, symbol="sim:ETH-USD") == 0
    assert stop(found, 3, T0 + 9) > 0


def test_zero_never_locks() -> None:
    found = locks(count=0)
    assert [stop(found, n, T0) for n in range(20)] == [0] * 20


def gate() -> RiskGate:
    return RiskGate(RiskConfig(), AccountConfig(), ExitsConfig(), BAR_S)


def test_a_locked_symbol_takes_no_entry_until_it_is_over_and_every_exit() -> None:
    desk = gate()
    for n in range(4):
        desk.on_fill(exit_(client_order_id=f"td-{n}"), T0)
    verdict = desk.check(entry(client_order_id="td-new"), view())
    assert (verdict.code, verdict.detail) == ("SYMBOL_LOCKED", "locked for 240 s, limit < 4 stop-losses")
    assert desk.check(exit_(client_order_id="td-exit"), view(position=Decimal(10))).approved
    assert desk.check(entry(client_order_id="td-new", symbol="sim:ETH-USD"), view()).approved
    assert desk.check(entry(client_order_id="td-new"), view(now_ns=T0 + 4 * BAR)).approved


def test_checks_are_chosen_anew_when_the_first_lock_brings_its_own_and_not_at_every_fill() -> None:
    desk = gate()
    plans = [desk._market_entry]
    for n in range(6):
        desk.on_fill(exit_(client_order_id=f"td-{n}"), T0)
        plans.append(desk._market_entry)
    assert all(one is plans[0] for one in plans[:4]), "three stops lock nothing"
    assert plans[4] is not plans[0] and all(one is plans[4] for one in plans[4:])


def test_the_same_fills_again_after_a_restart_lock_the_same() -> None:
    before, after = gate(), gate()
    fills = [(exit_(client_order_id=f"td-{n}"), T0 + n * BAR) for n in range(4)]
    told = [before.on_fill(request, ns) for request, ns in fills]
    assert told == [after.on_fill(request, ns) for request, ns in fills] and told[-1] > 0
    now = view(now_ns=T0 + 5 * BAR)
    assert before.check(entry(), now) == after.check(entry(), now)
    assert after.check(entry(), now).code == "SYMBOL_LOCKED"


def test_a_clock_that_was_ahead_locks_no_longer_than_any() -> None:
    found = locks(1)
    stop(found, 0, T0 + 900 * 1440 * BAR)
    stop(found, 1, T0 - BAR, "sim:ETH-USD")
    found.not_after(T0)
    assert found.until_ns(SYMBOL, T0) == T0 + 4 * BAR and found.until_ns(SYMBOL, T0 + 4 * BAR) == 0
    assert found.until_ns("sim:ETH-USD", T0) == T0 + 3 * BAR
