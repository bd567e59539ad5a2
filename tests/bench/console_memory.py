"""Memory of the console over eight hours of updates, compressed into minutes.

Every frame of four a second moves all symbols; opportunities, orders, logs, alerts and one symbol's market
are new all the time; dialogs are opened and closed. ``python -m tests.bench.console_memory FRAMES`` measures
in a process of its own and prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.api.market_protocol import CandleRow, MarketFrame, TradeRow
from engine.api.protocol import (
    EventFrame,
    LogRow,
    OpportunityRow,
    OrderRow,
    StateFrame,
    StreamMessage,
    TickRow,
)
from engine.events import NS, Alert
from tests.bench.machine import ROOT, child_environment
from tests.bench.registry import Figure, Skipped, at_most, bench

FRAMES = 8 * 3600 * 4
_TIMEOUT_S = 3600
_KINDS = 32
"""Different rows of ticks, by turns."""
_DIALOGS = (
    ("o", "escape"),
    ("2", "enter", "escape"),
    ("w", "escape"),
    ("5", "enter", "escape"),
    ("L", "escape"),
    ("P", "escape"),
    ("F", "escape"),
    ("M", "q"),
    ("question_mark", "escape"),
    ("X", "escape"),
    ("q", "escape"),
    ("7", "8", "1", "s"),
    ("plus", "underscore"),
)


class Sample(msgspec.Struct, frozen=True):
    """Of the process, at one moment."""

    frames: int
    resident_mb: float
    objects: int
    """Python objects that the collector knows."""
    dialogs: int
    seconds: float


class Day:
    """Messages of a desk at work. ``busy``: new orders, opportunities and log rows per frame."""

    def __init__(self, busy: float, seed: int = 1) -> None:
        from tests.console import sample_desk, sample_market

        self._rng, self._busy, self._due = random.Random(seed), busy, 0.0
        self._ticks = [sample_desk.ticks(step=step) for step in range(_KINDS)]
        self._status = [sample_desk.status(step) for step in range(_KINDS)]
        self.first = sample_desk.full_frame()
        self.market = sample_market.full_frame()
        self._began_ns = self.first.status.engine_ns
        self._opportunity, self._order = self.first.opportunities[0], self.first.orders[0]
        self._seq = self._log_seq = 1000

    def frames(self, count: int) -> Iterator[list[StreamMessage]]:
        for number in range(count):
            ns = self._began_ns + number * NS // 4
            self._due += self._busy
            new, self._due = int(self._due), self._due % 1.0
            messages: list[StreamMessage] = [self._state(number, ns, new), self._market(number, ns)]
            if number % 40 == 0:
                self._seq += 1
                text = f"alert {number}: {self._rng.random():.6f}"
                messages.append(EventFrame(self._seq, Alert("warning", "bench", text, ns)))
            yield messages

    def _state(self, number: int, ns: int, new: int) -> StateFrame:
        ticks: tuple[TickRow, ...] = self._ticks[number % _KINDS]
        status = msgspec.structs.replace(self._status[number % _KINDS], engine_ns=ns, ticks=number)
        return StateFrame(
            full=False,
            status=status,
            ticks=ticks,
            opportunities=tuple(self._opportunities(number, ns, new)),
            positions=self.first.positions,
            orders=tuple(self._orders(number, ns, new)),
            logs=tuple(self._logs(ns, new)),
            last_seq=self._seq,
        )

    def _opportunities(self, number: int, ns: int, new: int) -> Iterator[OpportunityRow]:
        for index in range(new):
            yield msgspec.structs.replace(
                self._opportunity,
                id=f"opp-{number}-{index}",
                reason=f"bar {number} of {self._rng.random():.5f}",
                created_ns=ns,
                expires_ns=ns + 30 * NS,
            )

    def _orders(self, number: int, ns: int, new: int) -> Iterator[OrderRow]:
        for index in range(new):
            state = ("filled", "canceled", "rejected")[(number + index) % 3]
            yield msgspec.structs.replace(
                self._order, id=f"ord-{number}-{index}", state=state, created_ns=ns, updated_ns=ns
            )

    def _logs(self, ns: int, new: int) -> Iterator[LogRow]:
        for _ in range(new):
            self._log_seq += 1
            text = f"order {self._log_seq} of {self._rng.random():.6f}"
            yield LogRow(self._log_seq, ns, "info", "bench", text)

    def _market(self, number: int, ns: int) -> MarketFrame:
        price = 60_000.0 + self._rng.gauss(0, 50)
        bar: CandleRow = msgspec.structs.replace(
            self.market.bars[-1], open_ns=self.market.bars[-1].open_ns + number // 4 * NS, close=price
        )
        return msgspec.structs.replace(
            self.market,
            full=False,
            ns=ns,
            trades=(TradeRow(ns, price, self._rng.random(), 1),),
            bars=(bar,),
            fills=(),
        )


async def live(frames: int, busy: float, dialog_every: int = 240, samples: int = 4) -> list[Sample]:
    """Feed a headless console and look at the process after each part of the frames; a dialog is opened and
    closed every so many frames."""
    from console.app import DeskApp
    from tests.console.fake_link import FakeLink

    day = Day(busy)
    link = FakeLink(day.first, day.market)
    app = DeskApp(link, frames_per_s=10)
    found: list[Sample] = []
    opened, began = 0, time.perf_counter()
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause()
        for number, messages in enumerate(day.frames(frames), 1):
            for message in messages:
                link.on_message(message)
            app.paint()
            await asyncio.sleep(0)
            if number % dialog_every == 0:
                await pilot.press(*_DIALOGS[opened % len(_DIALOGS)])
                opened += 1
                link.sent.clear()
                link.previewed.clear()
            if number % (frames // samples) == 0:
                await pilot.pause()
                if app.screen is not app.desk:
                    raise RuntimeError(f"{app.screen} is still open")
                gc.collect()
                seconds = time.perf_counter() - began
                found.append(Sample(number, resident_mb(), len(gc.get_objects()), opened, seconds))
    return found


def resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise Skipped("resident memory is read from /proc/self/statm, which is not here") from None
    return pages * resource.getpagesize() / 1e6


@bench("console_memory")
def console_memory(scratch: Path) -> list[Figure]:
    """The console over 8 h of updates, 4 frames/s, 200x50: memory after two hours, and what six more add."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.console_memory", str(FRAMES)],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])
    samples = msgspec.json.decode(done.stdout, type=list[Sample])
    first, last = samples[0], samples[-1]
    grown = last.resident_mb - first.resident_mb
    objects = last.objects - first.objects
    course = ", ".join(f"{sample.resident_mb:.1f}" for sample in samples)
    return [
        Figure("resident after 2 h", first.resident_mb, "MB", note=f"every 2 h: {course} MB"),
        Figure(
            "growth over 6 h more", grown, "MB", at_most(5.0), f"{last.dialogs} dialogs opened and closed"
        ),
        Figure("objects more after 8 h than after 2 h", objects, "", at_most(5000), f"of {first.objects:,}"),
        Figure("time per frame", last.seconds / last.frames * 1e3, "ms", note="merged and painted"),
    ]


if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(live(int(sys.argv[1]), busy=0.25))).decode())
