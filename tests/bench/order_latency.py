"""From a venue's frame to a risk-approved order, and to the order on disk: microseconds.

Raw Binance frames go through the venue's decoder into a desk. Scripted prices rise, so that rapid_rise enters
and the stops exit, hundreds of times. Times are from just before the decoding of the order's frame; in a
burst, from just before that of the burst's first frame. Two courses:

- tight: a commit is durable at once and nothing is kept, frames come back to back: the desk's own work; also
  "in a row", with all symbols rising together, so that one order follows another and the processor's caches
  hold what an order needs: alone, an order comes once in 150 frames or so;
- live: the desk commits to a store on disk, wired as the live engine wires it, and the next frame comes when
  what the last one caused is on disk.

A burst's figure per message is over its frames: the time until all of them are handled, orders put into words
and given to the store included. It is of the bursts in which an entry was approved.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import msgspec
import numpy as np

from engine.api.hub import Hub
from engine.config import AccountConfig, Config, RiskConfig
from engine.events import JournalEvent, MarketEvent, OrderEvent, OrderState, Purpose
from engine.execution.build import OrderBuilder
from engine.features.engine import FeatureEngine
from engine.feeds.binance import BinanceDecoder
from engine.instruments import Instruments
from engine.opportunities.aggregate import Aggregator
from engine.opportunities.blend import Blender
from engine.risk.gate import RiskGate
from engine.store.rows import Record
from engine.store.store import Store
from engine.strategies.registry import StrategySet
from engine.wiring.desk import Desk
from engine.wiring.latency import LatencyWindow
from engine.wiring.risk_view import RiskViews
from tests.bench.machine import ROOT
from tests.bench.order_script import ROUNDS, script
from tests.bench.registry import Figure, Goal, at_most, bench

RISE, BAR, EXIT = "entry", "entry at a bar close", "exit"

_WARM_UP_ROUNDS, _RUNS = 2, 3
_BURST = 20
_GOALS = {0.5: at_most(15), 0.99: at_most(50)}
_BURST_GOALS = {0.5: at_most(10), 0.99: at_most(25)}

Frames = Sequence[tuple[bytes, int]]


class Latency(msgspec.Struct):
    """Of one order, ns from the start of its burst."""

    kind: str
    approved: int
    durable: int = 0
    per_message: float = 0.0
    """Of its burst."""
    marks: dict[str, int] = {}
    """By segment: when it ended."""


@bench("order_latency")
def order_latency(scratch: Path) -> list[Figure]:
    """Frame to risk-approved order and to durable order, p50 and p99 in us."""
    frames = list(script())
    figures: list[Figure] = []
    for course, run in (("tight", _run_tight), ("live", _run_live)):
        for burst, start in ((1, "frame"), (_BURST, f"burst of {_BURST}")):
            runs = [run(frames, burst) for _ in range(_RUNS)]
            if burst > 1:
                metric = f"{course}: {start}, per message"
                figures += _figures(metric, runs, RISE, "per_message", _BURST_GOALS)
            for kind in (RISE, EXIT):
                goals = _GOALS if (burst, kind) == (1, RISE) else {}
                figures += _figures(f"{course}: {start} → approved, {kind}", runs, kind, "approved", goals)
                if course == "live":
                    figures += _figures(f"{course}: {start} → durable, {kind}", runs, kind, "durable", {})
    together = list(script(together=True))
    runs = [_run_tight(together, 1) for _ in range(_RUNS)]
    figures += _figures(f"tight, orders in a row: frame → approved, {RISE}", runs, RISE, "approved", _GOALS)
    return [*figures, *_breakdown(frames)]


def _figures(
    metric: str, runs: Sequence[Sequence[Latency]], kind: str, what: str, goals: dict[float, Goal]
) -> Iterator[Figure]:
    values = [[getattr(one, what) / 1e3 for one in run if one.kind == kind] for run in runs]
    if not all(values):
        raise RuntimeError(f"{metric}: the script led to no such order")
    orders = sum(len(run) for run in values)
    for share in (0.5, 0.99):
        found = [float(np.quantile(run, share)) for run in values]
        note = f"median of {len(runs)} runs, best {min(found):.1f}; {orders:,} orders"
        yield Figure(f"{metric}, p{share * 100:g}", median(found), "us", goals.get(share), note)


def _run_tight(frames: Frames, burst: int) -> list[Latency]:
    return asyncio.run(_Course(None).run(frames, burst))


def _run_live(frames: Frames, burst: int) -> list[Latency]:
    # Beside the checkout: the system's folder for temporary files may be memory, and durable means a disk.
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as folder:
        store = Store(Path(folder) / "tickdesk.db")
        store.start()
        try:
            return asyncio.run(_Course(store).run(frames, burst))
        finally:
            store.close()


# --- of what the tight course consists ---

_SEGMENTS: tuple[tuple[str, type, str], ...] = (
    # its name, and the call that it ends with
    ("decode", BinanceDecoder, "decode"),
    ("pack, screen, kernel", FeatureEngine, "go_on"),
    ("row", FeatureEngine, "row"),
    ("strategies", StrategySet, "on_rise"),
    ("blend", Blender, "blend"),
    ("offer", Aggregator, "offer"),
    ("order building", OrderBuilder, "entry"),
    ("view", RiskViews, "view"),
    ("judge", RiskGate, "judge"),
)


def _breakdown(frames: Frames) -> Iterator[Figure]:
    """The tight course by segment, each from the end of the one before it; the stamps are in it."""
    ends: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        for name, owner, method in _SEGMENTS:
            stamped = _stamped(getattr(owner, method), name, ends)
            stack.enter_context(mock.patch.object(owner, method, stamped))
        entries = [one for one in asyncio.run(_Course(None, ends).run(frames, 1)) if one.kind == RISE]
    before = [0] * len(entries)
    for name, *_ in _SEGMENTS:
        after = [one.marks[name] for one in entries]
        taken = [(end - start) / 1e3 for start, end in zip(before, after, strict=True)]
        before = after
        yield Figure(f"tight, of it: {name}, p50", median(taken), "us", None, f"{len(entries)} entries")


def _stamped(method: Callable[..., Any], name: str, ends: dict[str, int]) -> Callable[..., Any]:
    timer = time.perf_counter_ns

    def call(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        ends[name] = timer()
        return result

    return call


# --- a course ---


class _Course:
    """One desk. With a store it commits as ``engine.wiring.live.LiveEngine`` does, else at once."""

    def __init__(self, store: Store | None, ends: dict[str, int] | None = None) -> None:
        """``ends``: by segment, when it ended last."""
        self._store = store
        self._ends = {} if ends is None else ends
        self._hub = Hub()
        self._undurable: deque[tuple[Sequence[int], Sequence[JournalEvent], Callable[[], None]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = asyncio.Event()
        self._began = 0
        self._bars = 0
        self._on_their_way: dict[str, tuple[int, Latency]] = {}
        self._latencies: list[Latency] = []
        limits = RiskConfig(
            max_orders_per_s=1e3, order_burst=1000, repeat_limit=1000,
            daily_loss_reduce_pct=99.0, daily_loss_halt_pct=100.0, max_drawdown_pct=100.0,
        )  # fmt: skip
        self._desk = Desk(
            Config(
                risk=limits,
                account=AccountConfig(order_size_pct=0.5),
                strategies={"rapid_rise": {"weight": 5.0}},
            ),
            Instruments(),
            commit=self._hold if store is None else self._commit,
            record=_forget if store is None else store.behind,
            timer=time.perf_counter_ns,
            judge_skew=True,
        )
        self._stamp = self._desk.stages.approved = _Stamp()

    async def run(self, frames: Frames, burst: int) -> list[Latency]:
        self._loop = asyncio.get_running_loop()
        decode, on_events, timer = BinanceDecoder().decode, self._desk.on_events, time.perf_counter_ns
        latencies, seen = self._latencies, 0
        gc.collect()
        gc.freeze()
        for first in range(0, len(frames), burst):
            if first // burst == len(frames) // burst * _WARM_UP_ROUNDS // ROUNDS:
                latencies.clear()
                seen = 0
            self._began = timer()
            for raw, recv_ns in frames[first : first + burst]:
                events: list[MarketEvent] = []
                decode(raw, recv_ns, events)
                self._bars = self._desk.bars
                on_events(events)
            if len(latencies) > seen:
                taken = (timer() - self._began) / burst
                for latency in latencies[seen:]:
                    latency.per_message = taken
                seen = len(latencies)
            # Frames come apart in time: what the last one caused is on disk before the next.
            while self._undurable:
                self._settled.clear()
                await self._settled.wait()
        gc.unfreeze()
        return latencies

    def _hold(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self._note(events)
        done()

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        assert self._loop is not None and self._store is not None
        loop = self._loop
        self._note(events)
        seqs = self._store.commit(events, lambda _: _post(loop, self._durable))
        self._undurable.append((seqs, events, done))

    def _note(self, events: Sequence[JournalEvent]) -> None:
        """Take down the latency of an order that was approved just now, at ``_stamp``."""
        created, submitted = events[0], events[-1]
        if not isinstance(submitted, OrderEvent) or submitted.state is not OrderState.SUBMITTED:
            return
        assert isinstance(created, OrderEvent) and created.request is not None
        if created.request.purpose is not Purpose.ENTRY:
            kind = EXIT
        else:
            kind = RISE if self._desk.bars == self._bars else BAR
        ends = {name: ns - self._began for name, ns in self._ends.items()}
        latency = Latency(kind, self._stamp.ns - self._began, marks=ends)
        self._latencies.append(latency)
        if self._store is not None:
            self._on_their_way[submitted.client_order_id] = self._began, latency

    def _durable(self) -> None:
        seqs, events, done = self._undurable.popleft()
        now = time.perf_counter_ns()
        for seq, event in zip(seqs, events, strict=True):
            self._hub.publish(seq, event)
        event = events[-1]
        if isinstance(event, OrderEvent) and event.state is OrderState.SUBMITTED:
            began, latency = self._on_their_way.pop(event.client_order_id)
            latency.durable = now - began
        done()
        self._settled.set()


def _forget(record: Record) -> None:
    """Keep no record."""


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


class _Stamp(LatencyWindow):
    """Told by the desk of each approval; keeps when it was, decoding included."""

    ns = 0

    def add(self, ns: int) -> None:
        self.ns = time.perf_counter_ns()
        super().add(ns)
