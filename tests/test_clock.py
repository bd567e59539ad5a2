"""The live clock beside a system clock that is set."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import clock
from engine.clock import LiveClock
from engine.events import NS


class Machine:
    """Its two clocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up_ns, self.set_ns = 7 * NS, 1_000_000 * NS
        self.held_up_s = 0.0
        """Once, right after a look at a clock."""
        both = SimpleNamespace(
            time_ns=lambda: self._look(self.system_ns), monotonic_ns=lambda: self._look(self.up_ns)
        )
        monkeypatch.setattr(clock, "time", both)

    def _look(self, ns: int) -> int:
        self.passes(self.held_up_s)
        self.held_up_s = 0.0
        return ns

    def passes(self, seconds: float) -> None:
        self.up_ns += round(seconds * NS)

    @property
    def system_ns(self) -> int:
        return self.set_ns + self.up_ns


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def follow(live: LiveClock, machine: Machine, seconds: float) -> list[int]:
    """What it says, looked at twice between two calls of ``resync``."""
    said = []
    for _ in range(round(seconds * 20)):
        live.resync()
        for _ in range(2):
            machine.passes(0.025)
            said.append(live())
    return said


def test_a_step_forward_is_adopted_also_a_small_one(machine: Machine) -> None:
    live = LiveClock()
    for step_s in (0.5, 1.5, 3_600.0):
        machine.set_ns += round(step_s * NS)
        assert live.resync() == round(step_s * NS)
        assert live() == machine.system_ns
    machine.set_ns += NS // 10  # not worth a jump
    live.resync()
    assert live() == machine.system_ns - NS // 10


@pytest.mark.parametrize("back_s", [1.5, 30.0])
def test_after_a_step_back_it_runs_slower_until_it_agrees_and_never_backwards(
    back_s: float, machine: Machine
) -> None:
    live = LiveClock()
    before = live()
    machine.set_ns -= round(back_s * NS)
    said = follow(live, machine, back_s * 10 + 1)
    assert all(later > earlier for earlier, later in zip([before, *said], said, strict=False))
    assert abs(live() - machine.system_ns) < NS // 50
    then = live()
    machine.passes(10.0)
    assert live() - then == 10 * NS, "it runs as before again"


def test_a_step_forward_ends_its_running_slower(machine: Machine) -> None:
    live = LiveClock()
    machine.set_ns -= 100 * NS
    last = follow(live, machine, 5)[-1]
    machine.set_ns += 200 * NS
    live.resync()
    assert live() == machine.system_ns > last
    follow(live, machine, 5)
    assert live() == machine.system_ns


def test_being_held_up_between_its_looks_at_both_clocks_is_no_step_forward(machine: Machine) -> None:
    live = LiveClock()
    machine.held_up_s = 1.0
    live.resync()
    assert live() == machine.system_ns
    follow(live, machine, 1)
    assert 0 <= machine.system_ns - live() <= NS // 50
