"""A user's call that does not come back is interrupted, and nothing else is."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.strategies.deadline import within
from engine.strategies.registry import StrategySet
from tests.strategies.rows import feature_row, hear

SOON_S = 0.05


def spin() -> None:
    while True:
        pass


def stubborn() -> str:
    """Catches whatever comes, twice."""
    for _ in range(2):
        try:
            spin()
        except BaseException:
            continue
    return "gave in"


def deaf() -> None:
    while True:
        try:
            spin()
        except Exception:
            continue


@pytest.mark.parametrize("call", [spin, deaf, lambda: time.sleep(60), threading.Event().wait])
def test_what_does_not_come_back_is_interrupted(call: Callable[[], object]) -> None:
    with pytest.raises(TimeoutError, match=r"did not come back within 0\.05 s") as caught:
        within(SOON_S, call)
    assert caught.value.__cause__ is not None and caught.value.__cause__.__traceback__ is not None


def test_it_is_interrupted_again_while_it_goes_on() -> None:
    assert within(SOON_S, stubborn) == "gave in"


def test_what_comes_back_gives_its_answer_and_leaves_the_alarm_clock_as_it_was() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    left = signal.getitimer(signal.ITIMER_REAL)
    assert within(60.0, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        within(60.0, divmod, 7, 0)
    assert signal.getsignal(signal.SIGALRM) is handler
    after = signal.getitimer(signal.ITIMER_REAL)
    assert (after[0] > 0) == (left[0] > 0) and after[0] <= left[0] and after[1] == left[1]


def test_an_alarm_beside_the_call_hits_nobody() -> None:
    """It may ring between the call's end and the clock's."""
    for number in range(2_000):
        try:
            assert within(1e-5 + number * 1e-9, sum, range(100)) == 4950
        except TimeoutError:
            pass
    assert sum(range(100_000)) == 4_999_950_000


def test_in_another_thread_it_is_waited_for() -> None:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(within(SOON_S, sum, [1, 2])))
    thread.start()
    thread.join()
    assert answers == [3]


LOOPS = """
from engine.strategies.base import Strategy


class Loops(Strategy):
    name = "loops"
    description = "never comes back"

    class Params(Strategy.Params):
        made: bool = False
        checked: bool = False

        def __post_init__(self):
            while self.checked:
                pass

    def __init__(self, params):
        super().__init__(params)
        while params.made:
            pass

    def on_bar(self, row):
        while True:
            pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "strategies"
    made.mkdir(mode=0o700)
    (made / "loops.py").write_text(LOOPS)
    return made


def test_an_endless_loop_switches_its_strategy_off(folder: Path) -> None:
    strategies = StrategySet({}, folder, timer=time.perf_counter_ns, stuck_s=SOON_S)
    printed_to = sys.stdout
    assert hear(strategies, feature_row()) == []
    assert sys.stdout is printed_to
    assert not strategies.enabled("loops") and strategies.enabled("rapid_rise")
    [(name, trace)] = strategies.take_errors()
    assert name == "loops" and "on_bar" in trace and "did not come back within 0.05 s" in trace


def test_one_that_cannot_be_made_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.strategies.apart._LOAD_S", SOON_S)
    settings = {"loops": {"made": True}}
    strategies = StrategySet(settings, folder, timer=time.perf_counter_ns, stuck_s=SOON_S)
    states = {state.name: state.error for state in strategies.states()}
    assert "did not come back within 0.05 s" in states["loops"]


def test_parameters_whose_check_does_not_come_back_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = StrategySet({}, folder, timer=time.perf_counter_ns, stuck_s=SOON_S)
    monkeypatch.setattr("engine.strategies.settings._CHECK_S", SOON_S)
    monkeypatch.setattr("engine.strategies.apart._LOAD_S", SOON_S)
    with pytest.raises(ConfigError, match=r"did not come back within 0\.05 s"):
        strategies.set_params("loops", {"checked": True})
    assert strategies.enabled("loops")
