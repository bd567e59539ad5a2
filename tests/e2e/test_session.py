"""One whole session at the keyboard, from the first start to the stop, and what may go wrong in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.protocol import Health, OrderRow, StateFrame, StrategyDetail
from engine.config import BlendWeights
from tests.e2e.engine import options, run, stop_left_over
from tests.e2e.terminal import ENTER, ESCAPE, Terminal
from tests.e2e.tmux import Tmux, needs_tmux

pytestmark = pytest.mark.pty


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "state"
    yield where
    stop_left_over(where)


def state(state_dir: Path) -> StateFrame:
    return ask(state_dir, "GET", "/v1/snapshot", StateFrame)


def until(state_dir: Path, holds, terminal: Terminal | Tmux, timeout: float = 10.0) -> StateFrame:  # type: ignore[no-untyped-def]
    """Until the engine's state ``holds``, reading the screen meanwhile."""
    deadline = time.monotonic() + timeout
    while not holds(now := state(state_dir)):
        assert time.monotonic() < deadline, terminal.text
        terminal.read(0.1)
    return now


def strategy_on(frame: StateFrame, name: str) -> bool:
    return next(row.enabled for row in frame.strategies if row.name == name)


@needs_tmux
def test_a_session_in_tmux(state_dir: Path, tmp_path: Path) -> None:
    """Start, watch, explain, toggle, reload, order, halt, resume, flatten, detach, attach, stop; from the
    narrow screen to the wide one."""
    where = ("--state-dir", str(state_dir))
    with Tmux(tmp_path, 80, 24) as desk:
        desk.tickdesk(*where, *options(simulated__history_s=60))
        desk.wait("First steps", 90)
        desk.wait("BTC-USD")
        assert "PAPER" in desk.lines[0] and "ACTIVE" in desk.lines[0]
        desk.press("Escape")
        desk.wait(lambda text: "First steps" not in text)

        # Watched: prices move without a key.
        prices = desk.wait(lambda text: re.search(r"BTC-USD +[\d,]+\.\d\d", text))
        desk.wait(lambda text: text.split("BTC-USD")[-1] != prices.split("BTC-USD")[-1], 10)

        # An opportunity comes within seconds, and Enter explains it.
        desk.press("2")
        until(state_dir, lambda frame: frame.opportunities, desk, 30)
        desk.wait(lambda text: re.search(r"(BUY|SELL) +[+-]0\.\d\d", text), 10)
        desk.press("Enter")
        desk.wait("Explain")
        explained = desk.wait(
            lambda text: "asking the engine" not in text and re.search(r"score [+-]0", text)
        )
        assert "could not" not in explained and "cannot be reached" not in explained
        desk.press("Escape")
        desk.wait(lambda text: "╭─ Explain" not in text)

        # Space switches the strategy under the cursor.
        desk.press("5")
        desk.wait("[x] rapid_rise")
        desk.press(" ")
        until(state_dir, lambda frame: not strategy_on(frame, "rapid_rise"), desk)
        desk.wait("[ ] rapid_rise")
        desk.press("j", " ")
        until(state_dir, lambda frame: not strategy_on(frame, "golden_cross"), desk)
        desk.press("k", " ")
        until(state_dir, lambda frame: strategy_on(frame, "rapid_rise"), desk)

        # R loads the model and the strategies' files again while the ticks go on.
        until(state_dir, lambda frame: frame.models and frame.models[0].status == "active", desk, 30)
        ticks = state(state_dir).status.ticks
        desk.press("R")
        desk.wait(lambda text: "loaded again" in text and "nothing changed" in text, 20)
        assert state(state_dir).status.ticks > ticks

        # The same desk on the whole screen; a ticket, judged, asked once, sent once.
        desk.resize(200, 50)
        desk.wait(lambda text: "1 Ticks" in text and "Funnel" in text)
        symbols = sorted(row.symbol for row in state(state_dir).ticks)
        desk.press("1", "g", *"j" * symbols.index("sim:BTC-USD"), "o")
        desk.wait("Order · PAPER")
        desk.press("j", "Left", "j", "j", "0.02")
        desk.wait("✓ approved", 10)
        desk.press("Enter")
        desk.wait("Send this order?")
        desk.press("j", "Enter")
        desk.wait(lambda text: "Order · PAPER" not in text and "Send this order?" not in text)
        until(state_dir, lambda frame: any(mine(row) for row in frame.orders), desk)

        # E: entries off at once; H: halt at once. A asks first, and Cancel is what Enter means.
        desk.press("E")
        until(state_dir, lambda frame: frame.status.risk_state == "reducing", desk)
        desk.wait("REDUCING")
        desk.press("H")
        until(state_dir, lambda frame: frame.status.risk_state == "halted", desk)
        desk.wait("HALTED")
        desk.press("A")
        desk.wait("Resume ACTIVE")
        desk.press("Enter")
        desk.wait(lambda text: "Resume ACTIVE" not in text)
        assert state(state_dir).status.risk_state == "halted"
        desk.press("A")
        desk.wait("Resume ACTIVE")
        desk.press("j", "j", "Enter")
        until(state_dir, lambda frame: frame.status.risk_state == "active", desk)

        # X asks; the receipt says that everything is closed.
        desk.press("X")
        desk.wait("Flatten everything")
        desk.press("j", "Enter")
        desk.wait("verified flat", 20)
        assert not any(row.quantity != "0" for row in state(state_dir).positions)

        # q, Enter: detach. The engine goes on; the next console finds it as it was left.
        desk.press("q")
        desk.wait("Detach")
        desk.press("Enter")
        desk.wait("left with 0")
        pid = ask(state_dir, "GET", "/v1/health", Health).pid
        desk.resize(80, 24)
        desk.tickdesk("attach", *where)
        desk.wait("REDUCING", 20)
        assert "First steps" not in desk.text and "WATCHING" not in desk.text
        desk.press("5")
        desk.wait("[ ] golden_cross")
        desk.press("q")
        desk.wait("Detach")
        desk.press("Enter")
        desk.wait("left with 0")
        assert ask(state_dir, "GET", "/v1/health", Health).pid == pid
        desk.tickdesk("stop", *where)
        desk.wait("engine stops")
        desk.tickdesk("status", *where)
        desk.wait("left with 4")
    log = (state_dir / "engine.log").read_text()
    assert "Traceback" not in log and "stopped" in log


def mine(row: OrderRow) -> bool:
    """The order of the ticket above."""
    return row.symbol == "sim:BTC-USD" and (row.quantity, row.side, row.state) == ("0.02", "buy", "filled")


OWN = """
from engine.strategies.base import Strategy


class Own(Strategy):
    name = "own"
    description = "never speaks"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        patience: int = 3
"""


def test_settings_weights_signals_and_a_strategy_of_ones_own(state_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir(mode=0o755)
    file, configured = tmp_path / "strategies" / "own.py", tmp_path / "config.toml"
    file.write_text(OWN)
    file.chmod(0o644)
    configured.write_text("[simulated]\nhistory_s = 60\n")
    where = ("--state-dir", str(state_dir), "--config", str(configured))
    with Terminal(*where, columns=80, rows=24) as desk:
        desk.wait("BTC-USD", 90)
        desk.press(ESCAPE)
        desk.wait(lambda text: "First steps" not in text)
        desk.press("5")
        desk.wait("own *")

        # Its settings: a weight, a value that is refused, a parameter.
        names = [row.name for row in state(state_dir).strategies]
        desk.press("j" * names.index("own") + ENTER)
        desk.wait("a user's own: ")
        desk.press("j" + ENTER)
        desk.wait("weight = ")
        desk.press("900" + ENTER)
        desk.wait("strategies.own.weight")
        assert own(state_dir).weight == 1.0
        desk.press(ESCAPE)
        desk.wait(lambda text: "weight =  900" not in text)
        desk.press(ENTER)
        desk.wait("weight =  1")
        desk.press("2.5" + ENTER)
        until(state_dir, lambda _: own(state_dir).weight == 2.5, desk)
        desk.press("G" + ENTER)
        desk.wait("patience = ")
        desk.press("7" + ENTER)
        until(state_dir, lambda _: own(state_dir).params[-1].value == 7, desk)
        desk.wait("· 7")
        desk.press(ESCAPE)
        desk.wait(lambda text: "Strategy own" not in text)

        # The changed file, without a stop; what was set stays.
        file.write_text(OWN.replace("never speaks", "speaks never"))
        desk.press("r")
        desk.wait("own read anew", 20)
        desk.press(ENTER)
        desk.wait("speaks never")
        desk.wait("· 7")
        desk.press(ESCAPE)
        desk.wait(lambda text: "Strategy own" not in text)

        # The weights, and what they come to for a symbol.
        desk.press("w")
        desk.wait("Blend weights")
        desk.press(ENTER)
        desk.wait("technical = ")
        desk.press("55" + ENTER)
        until(state_dir, lambda _: ask(state_dir, "GET", "/v1/weights", BlendWeights).technical == 55, desk)
        desk.wait("sum 115 %")
        desk.press(ESCAPE)
        desk.wait(lambda text: "Blend weights" not in text)
        desk.press("1" + ENTER)
        desk.wait("Signals of ")
        desk.wait("blended score", 20)
        desk.press("G")
        desk.wait("bb upper")
        desk.press(ESCAPE)
    assert "Traceback" not in (state_dir / "engine.log").read_text()


def own(state_dir: Path) -> StrategyDetail:
    return ask(state_dir, "GET", "/v1/strategies/own", StrategyDetail)


def test_leaving_by_halt_and_stop_ends_both(state_dir: Path) -> None:
    where = ("--state-dir", str(state_dir))
    with Terminal(*where, *options(simulated__history_s=60), columns=100, rows=30) as desk:
        desk.wait("BTC-USD", 90)
        desk.press("q")
        desk.wait("Halt & stop")
        desk.press("j" + ENTER)
        assert desk.end(20) == 0
        assert "HALTED" in desk.text and "engine stops" in desk.text
    assert run("status", *where).returncode == 4


def test_too_small_a_terminal_then_a_second_desk_then_no_engine(state_dir: Path, tmp_path: Path) -> None:
    """One desk that meets three mishaps, and says each."""
    where = ("--state-dir", str(state_dir))
    with Terminal(*where, *options(simulated__history_s=60), columns=60, rows=12) as desk:
        desk.wait("terminal too small: 80×24", 90)
        desk.resize(80, 24)
        desk.wait(lambda text: "BTC-USD" in text and "too small" not in text, 10)

        tape = tmp_path / "t.jsonl"
        tape.write_text("")
        with Terminal(*where, "--tape", str(tape), columns=250, rows=10) as second:
            assert second.end(20) == 2
            assert "already runs" in second.text and "tickdesk stop" in second.text
        desk.read(0.5)
        assert "BTC-USD" in desk.text and "ENGINE GONE" not in desk.text

        assert run("stop", *where).returncode == 0
        desk.wait("ENGINE GONE", 10)
        desk.press("q")
        desk.wait("No engine runs")
        desk.press(ENTER)
        assert desk.end() == 0


def test_errors_of_the_engine_reach_the_terminal_in_one_line(state_dir: Path, tmp_path: Path) -> None:
    for arguments, says, code in (
        (("--tape", str(tmp_path / "none.jsonl")), "none.jsonl", 1),
        (("--set", "simulated.enabled=false"), "no feed is enabled", 2),
    ):
        with Terminal("--state-dir", str(state_dir), *arguments, columns=250, rows=20) as desk:
            assert desk.end(90) == code
            lines = [line for line in desk.lines if line]
            assert says in lines[-1] and lines[-1].startswith("tickdesk: ")
            assert all(line.startswith("tickdesk: compil") for line in lines[:-1]), lines
