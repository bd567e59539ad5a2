"""From a venue's frame to a risk-approved order, and to the order on disk: microseconds.

Raw Binance frames go through the venue's decoder into a desk that commits to a store on disk, wired as the
live engine wires them. Scripted prices rise by 2.6 % within two seconds, symbol after symbol, and fall back,
so that rapid_rise enters and the stops exit, hundreds of times. Times are from just before the decoding of
the order's frame; in a burst, from just before that of the burst's first frame.
"""

from __future__ import annotations

import asyncio
import gc
import math
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from engine.api.hub import Hub
from engine.config import AccountConfig, Config, RiskConfig
from engine.events import NS, JournalEvent, MarketEvent, OrderEvent, OrderState, Purpose
from engine.feeds.binance import BinanceDecoder
from engine.instruments import Instruments
from engine.store.store import Store
from engine.wiring.desk import Desk
from engine.wiring.latency import LatencyWindow
from tests.bench.machine import ROOT
from tests.bench.registry import Figure, Goal, at_most, bench

RISE, BAR, EXIT = "entry", "entry at a bar close", "exit"

_SYMBOLS = 10
_ROUND_S = 30
"""Each symbol rises once in so many seconds, in turn."""
_STEP_S = 0.2
"""Between two trades of a symbol; each follows a quote."""
_ROUNDS, _WARM_UP_ROUNDS, _RUNS = 22, 2, 3
_BURST = 20
_MOVE, _RISE_S, _FALL_S = 0.026, 2.0, 12.0
_START_NS = 1_767_225_600 * NS
_GOALS = {0.5: at_most(15), 0.99: at_most(50)}


class Latency(msgspec.Struct):
    """Of one order, ns."""

    kind: str
    approved: int
    durable: int = 0


@bench("order_latency")
def order_latency(scratch: Path) -> list[Figure]:
    """Frame to risk-approved order and to durable order, p50 and p99 in us."""
    frames = list(script())
    figures: list[Figure] = []
    for burst, start in ((1, "frame"), (_BURST, f"burst of {_BURST}")):
        runs = [_run(frames, burst) for _ in range(_RUNS)]
        for kind in (RISE, EXIT):
            goals = _GOALS if (burst, kind) == (1, RISE) else {}
            figures += _figures(f"{start} → approved, {kind}", runs, kind, "approved", goals)
            figures += _figures(f"{start} → durable, {kind}", runs, kind, "durable", {})
    return figures


def _figures(
    metric: str, runs: Sequence[Sequence[Latency]], kind: str, until: str, goals: dict[float, Goal]
) -> Iterator[Figure]:
    values = [[getattr(one, until) / 1e3 for one in run if one.kind == kind] for run in runs]
    if not all(values):
        raise RuntimeError(f"{metric}: the script led to no such order")
    orders = sum(len(run) for run in values)
    for share in (0.5, 0.99):
        found = [float(np.quantile(run, share)) for run in values]
        note = f"median of {len(runs)} runs, best {min(found):.1f}; {orders:,} orders"
        yield Figure(f"{metric}, p{share * 100:g}", median(found), "us", goals.get(share), note)


def script() -> Iterator[tuple[bytes, int]]:
    """(frame as the socket gives it, when it arrives in ns UTC), in order."""
    steps = int(_ROUNDS * _ROUND_S / _STEP_S)
    gap = int(_STEP_S * NS / (2 * _SYMBOLS))
    now = _START_NS
    for step in range(steps):
        for symbol in range(_SYMBOLS):
            into_s = (step * _STEP_S - symbol * _ROUND_S / _SYMBOLS) % _ROUND_S
            # A breath of noise, else the indicators have no width; the quote straddles the trade.
            price = 100 * (1 + _lift(into_s) + 1e-4 * math.sin(step * 1.7 + symbol))
            yield _quote(symbol, step, price), now
            yield _trade(symbol, step, price, now), now + gap
            now += 2 * gap


def _lift(into_s: float) -> float:
    if into_s < _RISE_S:
        return _MOVE * into_s / _RISE_S
    return max(0.0, _MOVE * (1 - (into_s - _RISE_S) / _FALL_S))


def _quote(symbol: int, step: int, price: float) -> bytes:
    return (
        f'{{"stream":"s{symbol}usdt@bookTicker","data":{{"u":{step},"s":"S{symbol}USDT",'
        f'"b":"{price - 0.005:.4f}","B":"310.50000000","a":"{price + 0.005:.4f}","A":"290.25000000"}}}}'
    ).encode()


def _trade(symbol: int, step: int, price: float, now: int) -> bytes:
    ms = now // 1_000_000
    return (
        f'{{"stream":"s{symbol}usdt@trade","data":{{"e":"trade","E":{ms},"s":"S{symbol}USDT","t":{step},'
        f'"p":"{price:.4f}","q":"4.20000000","T":{ms},"m":false,"M":true}}}}'
    ).encode()


def _run(frames: Sequence[tuple[bytes, int]], burst: int) -> list[Latency]:
    # Beside the checkout: the system's folder for temporary files may be memory, and durable means a disk.
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as folder:
        store = Store(Path(folder) / "tickdesk.db")
        store.start()
        try:
            return asyncio.run(_Course(store).run(frames, burst))
        finally:
            store.close()


class _Course:
    """One desk and one store; commits as in ``engine.wiring.live.LiveEngine``."""

    def __init__(self, store: Store) -> None:
        self._store = store
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
            commit=self._commit,
            record=store.behind,
            timer=time.perf_counter_ns,
            judge_skew=True,
        )
        self._stamp = self._desk.latency = _Stamp()

    async def run(self, frames: Sequence[tuple[bytes, int]], burst: int) -> list[Latency]:
        self._loop = asyncio.get_running_loop()
        decode, on_events, timer = BinanceDecoder().decode, self._desk.on_events, time.perf_counter_ns
        gc.collect()
        gc.freeze()
        for first in range(0, len(frames), burst):
            if first // burst == len(frames) // burst * _WARM_UP_ROUNDS // _ROUNDS:
                self._latencies.clear()
            self._began = timer()
            for raw, recv_ns in frames[first : first + burst]:
                events: list[MarketEvent] = []
                decode(raw, recv_ns, events)
                self._bars = self._desk.bars
                on_events(events)
            # Frames come apart in time: what the last one caused is on disk before the next.
            while self._undurable:
                self._settled.clear()
                await self._settled.wait()
        gc.unfreeze()
        return self._latencies

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        assert self._loop is not None
        loop = self._loop
        event = events[-1]
        if isinstance(event, OrderEvent) and event.state is OrderState.SUBMITTED:
            self._note(events[0], event)
        seqs = self._store.commit(events, lambda _: _post(loop, self._durable))
        self._undurable.append((seqs, events, done))

    def _note(self, created: JournalEvent, submitted: OrderEvent) -> None:
        """An order was approved just now, at ``_stamp``."""
        assert isinstance(created, OrderEvent) and created.request is not None
        if created.request.purpose is not Purpose.ENTRY:
            kind = EXIT
        else:
            kind = RISE if self._desk.bars == self._bars else BAR
        latency = Latency(kind, self._stamp.ns - self._began)
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
            self._latencies.append(latency)
        done()
        self._settled.set()


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


class _Stamp(LatencyWindow):
    """Told by the desk of each approval; keeps when it was, decoding included."""

    ns = 0

    def add(self, ns: int) -> None:
        self.ns = time.perf_counter_ns()
        super().add(ns)
