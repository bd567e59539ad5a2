"""Several consoles at one desk, and an engine that is killed under them."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.control_protocol import ControlDetail
from tests.e2e import terminal
from tests.e2e.engine import RunningEngine, options
from tests.e2e.terminal import ENTER, ESCAPE, Terminal

pytestmark = pytest.mark.pty

QUIET = options(simulated__history_s=60, opportunities__min_score=1.0)
AT_ONCE_S = 3.0
"""Busy machines included; a person sees it sooner."""


def test_one_controls_the_others_watch_and_a_restart_of_the_engine_changes_neither(tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "state"))
    with (
        RunningEngine(tmp_path / "state", *QUIET) as engine,
        Terminal("attach", *where, columns=80, rows=24) as first,
    ):
        first.wait("BTC-USD")
        with (
            Terminal("attach", *where, columns=120, rows=36) as second,
            Terminal("--read-only", *where, columns=80) as reader,
        ):
            second.wait("K takes over")
            reader.wait("READ ONLY")
            reader.press("H")
            reader.wait("sends nothing")
            second.press("X")
            second.wait("controls the desk: K takes over")

            # Taken over, after one question: told at once, and journaled.
            second.press("K")
            second.wait("Take over")
            second.press("j" + ENTER)
            first.wait("WATCHING", AT_ONCE_S)
            first.wait("taken over from", AT_ONCE_S)
            second.wait(lambda text: "WATCHING" not in text)
            access = sorted(row.access for row in control(engine.state_dir).consoles)
            assert access == ["read-only", "seat", "watch"]
            assert "taken over from" in (engine.state_dir / "engine.log").read_text()

            # A ticket is half filled when the engine is killed; everybody is told, and it stays.
            second.press("1g" + "o")
            second.wait("Order · PAPER")
            second.press("jjjj0.0625")
            second.wait("0.0625")
            engine.signal(signal.SIGKILL)
            killed = time.monotonic()
            for screen in (first, second, reader):
                screen.wait("ENGINE GONE", AT_ONCE_S)
            print(f"\nthree consoles knew that the engine is gone after {time.monotonic() - killed:.2f} s")
            assert "0.0625" in second.text and "BTC-USD" in first.text
            engine.wait()
            engine.start()
            for screen in (first, second, reader):
                screen.wait(lambda text: "ENGINE GONE" not in text)
            second.wait("Order · PAPER")
            assert "0.0625" in second.text
            second.press(ESCAPE)

            # Who controlled does so again, whoever came back first.
            first.wait("WATCHING")
            reader.wait("READ ONLY")
            second.wait(lambda text: "WATCHING" not in text and "3 consoles" in text)

            reader.press("q")
            reader.wait("Detach")
            assert "stop" not in reader.text.partition("Detach")[2].partition("╰")[0]
            reader.press(ENTER)
            assert reader.end() == 0
        assert engine.health().status.risk_state == "active"
        first.wait("nobody controls", 20)


def control(state_dir: Path) -> ControlDetail:
    return ask(state_dir, "GET", "/v1/control", ControlDetail)


FAULTY = """
import sys
from textual import work
from console.screens.desk import DeskScreen

def action_freeze(self):
    token = "hunter2"
    raise ZeroDivisionError(f"ours, of token={token}")

DeskScreen.action_freeze = action_freeze
from console.cli import main
sys.exit(main())
"""
IN_A_WORKER = FAULTY.replace("def action", "@work\nasync def action")


@pytest.mark.parametrize(("program", "kind"), [(FAULTY, "ZeroDivisionError"), (IN_A_WORKER, "WorkerFailed")])
def test_a_fault_of_the_console_is_one_line_and_a_log_and_the_engine_goes_on(
    program: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setattr(terminal, "COMMAND", [sys.executable, "-c", program])
    with (
        RunningEngine(state, *QUIET) as engine,
        Terminal("attach", "--state-dir", str(state), columns=200) as console,
    ):
        console.wait("BTC-USD")
        console.press("f")
        assert console.end() == 70
        said = console.text
        assert "goes on" in said and f"internal error ({kind})" in said
        assert "Traceback" not in said and "hunter2" not in said
        (log,) = state.glob("crash-*.log")
        assert "in action_freeze" in log.read_text() and "hunter2" not in log.read_text()
        assert engine.state().status.risk_state == "active"
