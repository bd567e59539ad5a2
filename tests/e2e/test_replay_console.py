"""A tape's desk in a real terminal: played, sought forward and backward, and gone with its console."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from engine.events import NS, MarketEvent
from engine.feeds.normalised import lines_of
from engine.feeds.simulation.venue import SimulatedVenue
from tests.e2e.terminal import ENTER, Terminal

START_NS = 1_700_000_000 * NS
SECONDS = 100


def tape(folder: Path) -> Path:
    venue = SimulatedVenue(("BTC-USD", "ETH-USD"), seed=3, start_ns=START_NS)
    events: list[MarketEvent] = []
    for step in range(1, SECONDS * 4 + 1):
        events += venue.advance(START_NS + step * NS // 4)
    path = folder / "simulated.jsonl"
    path.write_bytes(lines_of(events))
    return path


def engines_of(path: Path) -> dict[int, Path]:
    """Processes that play the tape, and their state directories."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0") if process.name.isdigit() else []
        except OSError:
            continue  # it has just ended
        if "engine" in words and str(path) in words:
            found[int(process.name)] = Path(words[words.index("--state-dir") + 1])
    return found


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_tape_is_played_sought_both_ways_and_ends_with_its_console(tmp_path: Path) -> None:
    path = tape(tmp_path)
    with Terminal("--tape", str(path), "--paused", "--speed", "2", columns=80, rows=24) as terminal:
        terminal.wait("REPLAY ❚❚", timeout=90.0)
        assert "simulated.jsonl" in terminal.wait("22:13:20.000")
        terminal.press("p")
        terminal.wait("REPLAY ▶ 2×")
        terminal.press("p")
        terminal.wait("paused")
        terminal.press("T")
        terminal.wait("Seek on the tape")
        terminal.press("50%" + ENTER)
        terminal.wait(lambda text: "22:14:09" in text and "50%" in text and "Seek" not in text)
        terminal.press("T")
        terminal.wait("Seek on the tape")
        terminal.press("22:13:40" + ENTER)
        terminal.wait("begins anew")
        terminal.wait(lambda text: "22:13:40.000" in text and "REPLAY ❚❚" in text, timeout=60.0)
        ((engine, state_dir),) = engines_of(path).items()
        assert state_dir.is_dir()
        terminal.signal(signal.SIGKILL)
        until(lambda: not engines_of(path), f"engine {engine} outlived its console")
        until(lambda: not state_dir.exists(), f"{state_dir} is left behind")
