"""What the loss of the last console asks for."""

from __future__ import annotations

import pytest

from engine.config import RiskConfig
from engine.events import NS, RiskState
from engine.risk.console_watch import ConsoleWatch
from tests.risk.conftest import T0


def watch(on: str = "reducing") -> ConsoleWatch:
    return ConsoleWatch(RiskConfig(on_console_lost=on, console_lost_s=30.0))


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_the_last_console_away_for_long_enough_asks_once(state: RiskState) -> None:
    found = watch(state.value)
    found.on_consoles(1, T0)
    assert found.due(T0 + 3600 * NS) is None, "one is here"
    found.on_consoles(0, T0)
    assert found.due(T0 + 30 * NS - 1) is None
    assert found.due(T0 + 30 * NS) == (state, "no console for 30 s")
    assert found.due(T0 + 60 * NS) is None, "once"
    found.on_consoles(1, T0 + 60 * NS)
    found.on_consoles(0, T0 + 61 * NS)
    assert found.due(T0 + 91 * NS) is not None, "each loss anew"


def test_nothing_is_nothing() -> None:
    found = watch("nothing")
    found.on_consoles(1, T0)
    found.on_consoles(0, T0)
    assert found.due(T0 + 10**6 * NS) is None


def test_a_desk_that_never_had_a_console_lost_none() -> None:
    found = watch()
    found.on_consoles(0, T0)
    assert found.due(T0 + 10**6 * NS) is None


def test_one_of_several_going_is_no_loss_and_a_return_ends_the_wait() -> None:
    found = watch()
    found.on_consoles(2, T0)
    found.on_consoles(1, T0)
    assert found.due(T0 + 3600 * NS) is None
    found.on_consoles(0, T0)
    found.on_consoles(0, T0 + 20 * NS)
    assert found.due(T0 + 29 * NS) is None
    found.on_consoles(1, T0 + 29 * NS)
    assert found.due(T0 + 3600 * NS) is None


def test_time_that_steps_back_begins_the_wait_anew() -> None:
    found = watch()
    found.on_consoles(1, T0)
    found.on_consoles(0, T0)
    back = T0 - 3600 * NS
    assert found.due(back) is None and found.due(back + 30 * NS - 1) is None
    assert found.due(back + 30 * NS) is not None
