"""A console that stalls, is killed or loses its line changes nothing in the engine."""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from console.cli.client import ask
from console.link import EngineLink
from engine.api.address import socket_path
from engine.api.market_protocol import LatencyDetail
from engine.api.protocol import EventFrame, Health, StateFrame, StrategyPatch, StreamMessage
from engine.api.trading_protocol import OrderTicket
from tests.chaos.amounts import CONSOLES, STALL_S
from tests.e2e.engine import RunningEngine, options, stop_left_over
from tests.e2e.terminal import ESCAPE, Terminal

pytestmark = pytest.mark.pty

START_S = 90.0
"""A very first start compiles kernels."""
ORDERS = 6


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
    link, messages = EngineLink(socket_path(state_dir)), list[StreamMessage]()
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


@pytest.mark.timeout(120 + 3 * STALL_S)
def test_a_stalled_terminal_stalls_nothing_else(state_dir: Path) -> None:
    with Terminal("--state-dir", str(state_dir), *options(simulated__history_s=60)) as terminal:
        terminal.wait("BTC-USD", START_S)
        terminal.press(ESCAPE)  # the first steps
        pid = _health(state_dir).pid
        read = measure(state_dir, terminal)
        before, p99 = held(pid, state_dir), decision_p99_us(state_dir)
        terminal.press("tttt")  # four whole repaints that nobody reads
        waiting, written = until_full(terminal), terminal.bytes_read
        stalled = measure(state_dir)
        assert terminal.unread >= waiting, "the terminal was not stalled"
        assert terminal.bytes_read == written
        after, then = held(pid, state_dir), decision_p99_us(state_dir)
        print(f"\n{STALL_S} s stalled: {before} → {after}, decision p99 {p99} → {then} µs")
        print(f"answers {read.slowest_answer_s * 1e3:.0f} → {stalled.slowest_answer_s * 1e3:.0f} ms at most")

        # One bar a second and symbol, whoever watches.
        assert stalled.bars_per_s == pytest.approx(8.0, rel=0.35)
        assert stalled.bars_per_s / read.bars_per_s > 0.65
        assert stalled.ticks_per_s > 0.2 * read.ticks_per_s > 0
        assert stalled.slowest_answer_s < max(1.0, 5 * read.slowest_answer_s)
        for progress in (read, stalled):
            assert len(progress.seqs) >= 3
            assert progress.seqs == list(range(progress.seqs[0], progress.seqs[0] + len(progress.seqs)))
        assert then is None or then < 100_000
        assert after.resident_mb < before.resident_mb + 20 and after.consoles == 1

        # Orders come and go while nobody reads; then somebody does: the screen shows what is, not what was.
        placed = asyncio.run(_trade(state_dir))
        terminal.wait(lambda text: strategies(text).get("trend") is False, 15)
        expected = of_engine(state_dir)
        terminal.wait(lambda text: strategies(text) == expected, 10)
        with Terminal("attach", "--state-dir", str(state_dir)) as fresh:
            fresh.wait("BTC-USD", 20)
            fresh.wait("WATCHING")
            both = {"1 Ticks", "5 ▸Strategies", "golden_cross", "PAPER"}
            for screen in (fresh, terminal):
                screen.wait(lambda text: all(part in text for part in both), 10)
                screen.press("4+]]")
                screen.wait(lambda text: placed <= orders(text), 10)
            show_the_same(fresh, terminal)
            terminal.read(1.0)
            assert abs(_clock(terminal) - _clock(fresh)) <= 5
        terminal.press("q")
        terminal.wait("Detach")
        terminal.press("\r")
        assert terminal.end() == 0
    assert _health(state_dir).ok


def until_full(terminal: Terminal) -> int:
    """Bytes that wait when the terminal takes no more."""
    deadline, waiting, since = time.monotonic() + 20.0, -1, time.monotonic()
    while waiting < 2000 or time.monotonic() - since < 1.0:
        assert time.monotonic() < deadline, f"the terminal is not full: {waiting} bytes"
        if terminal.unread != waiting:
            waiting, since = terminal.unread, time.monotonic()
        time.sleep(0.05)
    return waiting


def orders(screen: str) -> set[str]:
    """Quantities of the limit orders of BTC-USD that were ended."""
    return {
        found[1]
        for line in screen.splitlines()
        if "limit" in line and (found := re.search(r"BTC-USD .*?(\d\.\d+)", line)) is not None
    }


def show_the_same(*screens: Terminal) -> None:
    """Soon: the desk trades meanwhile, and each is read a while after the other."""
    deadline = time.monotonic() + 10.0
    while len(shown := {frozenset(orders(screen.text)) for screen in screens}) > 1:
        assert time.monotonic() < deadline, shown
        for screen in screens:
            screen.read(0.2)


async def _trade(state_dir: Path) -> set[str]:
    """Halt nothing, switch a strategy off, place limits far from the market and cancel them; their
    quantities."""
    link = EngineLink(socket_path(state_dir))
    quantities = [f"0.01{number}" for number in range(1, ORDERS + 1)]
    tick = next(
        row
        for row in (await asyncio.to_thread(ask, state_dir, "GET", "/v1/snapshot", StateFrame)).ticks
        if row.symbol == "sim:BTC-USD"
    )
    price = f"{tick.bid * 0.99 // 10 * 10:.0f}"
    await link.set_strategy("trend", StrategyPatch(enabled=False))
    for quantity in quantities:
        ticket = OrderTicket(
            symbol="sim:BTC-USD", side="buy", type="limit", quantity=quantity, price=price, token=quantity
        )
        reply = await link.place(ticket)
        assert reply.ok, reply.text
    assert (await link.cancel_all()).ok
    await link.close()
    return set(quantities)


def _clock(terminal: Terminal) -> int:
    """The engine's time on the screen, seconds of the day."""
    hours, minutes, seconds = (int(part) for part in terminal.lines[0].split()[-1].rstrip("Z").split(":"))
    return (hours * 60 + minutes) * 60 + seconds


class Held(NamedTuple):
    """Of the engine's process."""

    resident_mb: float
    files: int
    threads: int
    consoles: int


def held(pid: int, state_dir: Path) -> Held:
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    return Held(
        pages * resource.getpagesize() / 1e6,
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
        _health(state_dir).status.consoles,
    )


THREADS_OF_ITS_OWN = CONSOLES // 50
"""A desk that trades for minutes starts one now and then, whoever watches."""


def settled(pid: int, state_dir: Path, before: Held | None = None) -> Held:
    """When the last console is gone, and what was open for it."""
    deadline = time.monotonic() + 10.0
    while True:
        now = held(pid, state_dir)
        if now.consoles == 0 and (
            before is None
            or (now.files <= before.files and now.threads <= before.threads + THREADS_OF_ITS_OWN)
        ):
            return now
        assert time.monotonic() < deadline, (before, now)
        time.sleep(0.1)


def until_model(state_dir: Path) -> None:
    deadline = time.monotonic() + 30.0
    while not any(row.version for row in ask(state_dir, "GET", "/v1/snapshot", StateFrame).models):
        assert time.monotonic() < deadline, "no model is loaded"
        time.sleep(0.1)


WAYS = ("SIGKILL", "hang up", "SIGHUP", "SIGTERM", "detach")


def attach_and_go(state_dir: Path, how: str) -> None:
    with Terminal("attach", "--state-dir", str(state_dir), columns=80, rows=24) as terminal:
        terminal.wait("BTC-USD", 20)
        if how == "hang up":
            terminal.hang_up()
            assert terminal.process.wait(10) in (129, -signal.SIGHUP)
        elif how == "detach":
            terminal.press("q")
            terminal.wait("Detach")
            terminal.press("\r")
            assert terminal.end() == 0
        else:
            terminal.signal(signal.Signals[how])
            assert terminal.end() == {"SIGKILL": -9, "SIGHUP": 129, "SIGTERM": 143}[how]


@pytest.mark.timeout(120 + CONSOLES * 15)
def test_consoles_that_come_and_go_leave_the_engine_as_it_was(tmp_path: Path) -> None:
    with RunningEngine(tmp_path / "state", *options(simulated__history_s=60)) as engine:
        state_dir = engine.state_dir
        attach_and_go(state_dir, "detach")  # what is opened once, is
        until_model(state_dir)  # its files are mapped
        first = engine.health()
        before = settled(first.pid, state_dir)
        for number in range(CONSOLES):
            attach_and_go(state_dir, WAYS[number % len(WAYS)])
        after = settled(first.pid, state_dir, before)
        last = engine.health()
        assert (last.pid, last.ok, last.status.risk_state) == (first.pid, True, first.status.risk_state)
        assert last.status.ticks > first.status.ticks
        p99 = decision_p99_us(state_dir)
        print(f"\n{CONSOLES} consoles came and went: {before} → {after}, decision p99 {p99} µs")
        # A desk that trades keeps some of it: orders, bars, its log.
        assert after.resident_mb < before.resident_mb + 20
        assert p99 is None or p99 < 100_000
        log = (state_dir / "engine.log").read_text()
        assert "Traceback" not in log and "stream failed" not in log


def decision_p99_us(state_dir: Path) -> float | None:
    stages = ask(state_dir, "GET", "/v1/latency", LatencyDetail).stages
    return next(row.p99_us for row in stages if row.stage == "decision")
