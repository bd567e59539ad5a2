"""Recording: what a tick costs the loop, and what it takes on the tape."""

from __future__ import annotations

import time
from functools import partial
from itertools import chain
from pathlib import Path

from engine.config import FeaturesConfig
from engine.events import MarketEvent, Quote, Trade
from engine.features.engine import FeatureEngine
from engine.feeds.packing import Ticks
from engine.feeds.recorder import Recorder, TickTape
from engine.feeds.tape import Tape
from engine.feeds.tape_edit import convert
from engine.feeds.tape_files import OneFile
from engine.instruments import Instruments
from engine.market.screen import Screen
from engine.wiring.compile import compile_all
from engine.wiring.intake import Intake
from tests.bench.machine import captured
from tests.bench.registry import Figure, at_most, bench

CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"
_BYTES_GOAL, _LOOP_GOAL = at_most(10), at_most(50)
_TICKS = 40_000
_ROUNDS = 9
_BATCHES = (1, 16)


@bench("recording")
def recording(scratch: Path) -> list[Figure]:
    """Bytes a tick on the tape, and ns a tick in the loop, over the BTCUSDT capture."""
    capture, tape = captured(CAPTURE), scratch / "bench.tape"
    count = convert(capture, tape)
    size = tape.stat().st_size / count
    found = [Figure("on the tape", size, "bytes/tick", _BYTES_GOAL, f"{count:,} trades and quotes")]
    compile_all(lambda text: None)
    events = _events(capture)
    for batch in _BATCHES:
        plain, recorded = _rounds(events, batch, scratch)
        note = f"{recorded:.0f} against {plain:.0f} ns, {batch} a read"
        metric = f"in the loop, {batch} a read"
        found.append(Figure(metric, max(recorded - plain, 0.0), "ns/tick", _LOOP_GOAL, note))
    return found


def _events(capture: Path) -> list[MarketEvent]:
    batches = (batch for batch in Tape([capture]).batches() if isinstance(batch, list))
    ticks = (event for event in chain.from_iterable(batches) if isinstance(event, Trade | Quote))
    return [event for event, _ in zip(ticks, range(_TICKS), strict=False)]


def _rounds(events: list[MarketEvent], batch: int, scratch: Path) -> tuple[float, float]:
    """The quickest ns a tick of several rounds, without and with a recorder, taken in turns. The time of the
    loop's own thread, and the recorder's works afterwards: how both share a core is the machine's."""
    reads = [events[at : at + batch] for at in range(0, len(events), batch)]
    quickest = [float("inf"), float("inf")]
    for turn in range(_ROUNDS):
        for which in (0, 1):
            intake, blocks = _intake(), list[Ticks]()
            if which:
                intake.record(partial(_keep, blocks))
            began = time.thread_time_ns()
            for read in reads:
                intake.events(read)
            taken = time.thread_time_ns() - began
            taken += _hand_over(blocks, intake.symbols, scratch / f"{batch}-{turn}.tape")
            quickest[which] = min(quickest[which], taken / len(events))
    return quickest[0], quickest[1]


def _keep(blocks: list[Ticks], ticks: Ticks, news: object) -> None:
    blocks.append(ticks)


def _hand_over(blocks: list[Ticks], symbols: list[str], path: Path) -> int:
    recorder = Recorder(TickTape(OneFile(path)))
    began = time.thread_time_ns()
    for block in blocks:
        recorder.ticks(block, symbols)
    taken = time.thread_time_ns() - began
    recorder.close()
    return taken


def _intake() -> Intake:
    """Of a desk that decides nothing."""
    return Intake(
        Instruments(),
        Screen(),
        FeatureEngine(FeaturesConfig()),
        on_trigger=lambda code, symbol: None,
        on_other=lambda event: None,
        on_reject=lambda symbol, tick: None,
        on_symbol=lambda index: None,
    )
