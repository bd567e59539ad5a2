"""The engine has a processor for itself: its gateway, its consoles and its own threads are on the others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Set
from pathlib import Path

import pytest

from engine import processor
from engine.gateway.tokens import Tokens
from tests.e2e.engine import RunningEngine, options
from tests.e2e.terminal import Terminal
from tests.e2e.test_gateway import free_port, gateways


def until(holds: Callable[[], bool], within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def threads(pid: int) -> list[set[int]]:
    """Where each thread may run, the first one left out."""
    found = {int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()} - {pid}
    return [os.sched_getaffinity(thread) for thread in found]


def is_crowded(state: Path) -> bool:
    """Whether others on this machine, such as tests, kept the loop from its processor so that it left it."""
    return "others crowd it" in (state / "engine.log").read_text()


def skip_if_crowded(state: Path) -> None:
    if is_crowded(state):
        pytest.skip("others on this machine crowd the desk's processor")


def is_bound(state: Path, pid: int, own: Set[int]) -> bool:
    return os.sched_getaffinity(pid) == own or is_crowded(state)


@pytest.mark.pty
@pytest.mark.usefixtures("two_processors")
def test_engine_gateway_and_console_are_on_different_processors(tmp_path: Path) -> None:
    state, allowed = tmp_path / "state", os.sched_getaffinity(0)
    before = processor.owned(allowed)  # those of other desks here
    Tokens(state).add("bot", "read", time.time_ns())
    given = options(engine__processor="own", api__listen=f"127.0.0.1:{free_port()}")
    with RunningEngine(state, *given) as engine:
        pid = engine.health().pid
        own = processor.owned(allowed) - before
        others = allowed - own - before
        assert len(own) == 1
        assert is_bound(state, pid, own)
        assert until(lambda: is_crowded(state) or all(mask == others for mask in threads(pid)))
        skip_if_crowded(state)
        assert until(lambda: bool(gateways(state)))
        assert until(lambda: os.sched_getaffinity(gateways(state)[0]) == others)
        assert f"the desk has processor {min(own)} for itself" in (state / "engine.log").read_text()
        with Terminal("attach", "--state-dir", str(state)) as screen:
            screen.wait("PAPER")
            assert os.sched_getaffinity(screen.process.pid) == others
            engine.signal(signal.SIGKILL)
            engine.wait()
            assert until(lambda: not processor.owned(own)), "whose it was is gone"
            engine.start()
            assert processor.owned(allowed) - before == own
            assert is_bound(state, engine.health().pid, own)
            assert os.sched_getaffinity(screen.process.pid) == others
            skip_if_crowded(state)


@pytest.mark.usefixtures("two_processors")
def test_an_engine_that_is_to_run_anywhere_does(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    before = processor.owned(allowed)
    with RunningEngine(tmp_path / "state", *options(engine__processor="any")) as engine:
        pid = engine.health().pid
        assert os.sched_getaffinity(pid) == allowed == set().union(*threads(pid))
        assert processor.owned(allowed) == before
