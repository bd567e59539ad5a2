"""A console that stalls, is killed or loses its line changes nothing in the engine."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from console.cli.client import ask
from console.link import UnixLink
from engine.api.address import socket_path
from engine.api.protocol import EventFrame, Health, StateFrame, StrategyPatch, StreamMessage
from tests.e2e.engine import options, stop_left_over
from tests.e2e.terminal import ESCAPE, Terminal

pytestmark = pytest.mark.pty

START_S = 90.0
"""A very first start compiles kernels."""
STALL_S = 3.0


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    where = tmp_path_factory.mktemp("stall") / "state"
    yield where
    stop_left_over(where)


class Progress(NamedTuple):
    """Of the engine over a few seconds."""

    bars_per_s: float
    ticks_per_s: float
    slowest_answer_s: float
    """Of half a dozen requests meanwhile."""
    seqs: list[int]
    """Events that another client got, in the order in which they came."""


async def _measure(state_dir: Path, terminal: Terminal | None) -> Progress:
    """Watch the engine for ``STALL_S``, reading the terminal meanwhile or not at all."""
    link, messages = UnixLink(socket_path(state_dir)), list[StreamMessage]()
    watcher = asyncio.create_task(link.run(messages.append, lambda *_: None))
    first, began = await asyncio.to_thread(_health, state_dir), time.monotonic()
    answers, toggled = [0.0], False
    while time.monotonic() < began + STALL_S:
        asked = time.monotonic()
        health = await asyncio.to_thread(_health, state_dir)
        answers.append(time.monotonic() - asked)
        assert health.pid == first.pid and health.ok
        await link.set_strategy("golden_cross", StrategyPatch(enabled=toggled))
        toggled = not toggled
        if terminal is not None:
            await asyncio.to_thread(terminal.read, 0.5)
        else:
            await asyncio.sleep(0.5)
    last, seconds = await asyncio.to_thread(_health, state_dir), time.monotonic() - began
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    before, after = first.status.funnel, last.status.funnel
    ticks = last.status.ticks - first.status.ticks
    return Progress(
        (after["bars"] - before["bars"]) / seconds,
        ticks / seconds,
        max(answers),
        [message.seq for message in messages if isinstance(message, EventFrame)],
    )


def _health(state_dir: Path) -> Health:
    return ask(state_dir, "GET", "/v1/health", Health)


def measure(state_dir: Path, terminal: Terminal | None = None) -> Progress:
    return asyncio.run(_measure(state_dir, terminal))


def strategies(screen: str) -> dict[str, bool]:
    """What the screen says of each strategy: on or off."""
    found = {}
    for line in screen.splitlines():
        for mark, on in (("[x] ", True), ("[ ] ", False)):
            if mark in line:
                found[line.partition(mark)[2].split()[0]] = on
    return found


def of_engine(state_dir: Path) -> dict[str, bool]:
    return {row.name: row.enabled for row in ask(state_dir, "GET", "/v1/snapshot", StateFrame).strategies}


def test_a_stalled_terminal_stalls_nothing_else(state_dir: Path) -> None:
    with Terminal("--state-dir", str(state_dir), *options(simulated__history_s=60)) as terminal:
        terminal.wait("BTC-USD", START_S)
        terminal.press(ESCAPE)  # the first steps
        read = measure(state_dir, terminal)
        terminal.press("tttt")  # four whole repaints that nobody reads
        time.sleep(1.0)
        waiting, written = terminal.unread, terminal.bytes_read
        stalled = measure(state_dir)
        assert waiting > 2000 and terminal.unread == waiting, "the terminal was not stalled"
        assert terminal.bytes_read == written

        # One bar a second and symbol, whoever watches.
        assert stalled.bars_per_s == pytest.approx(8.0, rel=0.35)
        assert stalled.bars_per_s / read.bars_per_s == pytest.approx(1.0, abs=0.35)
        assert stalled.ticks_per_s > 0.2 * read.ticks_per_s > 0
        assert stalled.slowest_answer_s < max(1.0, 5 * read.slowest_answer_s)
        for progress in (read, stalled):
            assert len(progress.seqs) >= 3
            assert progress.seqs == list(range(progress.seqs[0], progress.seqs[0] + len(progress.seqs)))
        latency = _health(state_dir).status.latency_p99_us
        assert latency is None or latency < 100_000

        # Somebody reads again: the screen shows what is, not what was.
        asyncio.run(_switch_off(state_dir, "trend"))
        terminal.wait(lambda text: strategies(text).get("trend") is False, 15)
        expected = of_engine(state_dir)
        terminal.wait(lambda text: strategies(text) == expected, 10)
        with Terminal("attach", "--state-dir", str(state_dir)) as fresh:
            fresh.wait("BTC-USD", 20)
            both = {"1 Ticks", "5 ▸Strategies", "golden_cross", "PAPER", "Funnel"}
            for screen in (fresh, terminal):
                screen.wait(lambda text: all(part in text for part in both), 10)
            assert strategies(fresh.text) == strategies(terminal.text)
            terminal.read(1.0)
            assert abs(_clock(terminal) - _clock(fresh)) <= 5
        terminal.press("q")
        terminal.wait("Detach")
        terminal.press("\r")
        assert terminal.end() == 0
    assert _health(state_dir).ok


async def _switch_off(state_dir: Path, name: str) -> None:
    link = UnixLink(socket_path(state_dir))
    await link.set_strategy(name, StrategyPatch(enabled=False))
    await link.close()


def _clock(terminal: Terminal) -> int:
    """The engine's time on the screen, seconds of the day."""
    hours, minutes, seconds = (int(part) for part in terminal.lines[0].split()[-1].rstrip("Z").split(":"))
    return (hours * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize("how", ["SIGKILL", "SIGHUP", "hang up", "SIGTERM"])
def test_a_console_that_dies_leaves_the_engine_alone(state_dir: Path, how: str) -> None:
    with Terminal("--state-dir", str(state_dir), *options(simulated__history_s=60)) as terminal:
        terminal.wait("BTC-USD", START_S)
        before = _health(state_dir)
        if how == "hang up":
            terminal.hang_up()
            assert terminal.process.wait(10) in (129, -signal.SIGHUP)
        else:
            terminal.signal(signal.Signals[how])
            code = terminal.end()
            assert code == {"SIGKILL": -9, "SIGHUP": 129, "SIGTERM": 143}[how]
    time.sleep(0.3)
    after = _health(state_dir)
    assert (after.pid, after.ok) == (before.pid, True)
    assert after.status.ticks > before.status.ticks
    assert after.status.risk_state == before.status.risk_state
    with Terminal("attach", "--state-dir", str(state_dir), columns=80, rows=24) as again:
        again.wait("BTC-USD", 20)
        again.press("q")
        again.wait("Detach")
        again.press("\r")
        assert again.end() == 0
    assert _health(state_dir).pid == before.pid
