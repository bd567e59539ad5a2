"""What a tick, a bar, a signal and an order cost each stage, and how many workers a desk of a size needs.

Costs are CPU time of one process that does nothing else: of the same symbols and seconds, ten times the ticks
tell the price of a tick, five times the rounds that of a round, and the rest is a symbol's second. The table
rests on these figures alone: it is computed, not tried.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.bus.keys import Keys
from engine.bus.messages import Heard, encode, heard_of, round_of, shard_ticks_of
from engine.config import Config, load
from engine.feeds.columnar import Ticks
from engine.strategies.registry import StrategySet
from engine.wiring.desk import Desk
from engine.wiring.replay import replay, run_desk
from engine.workers.cut import Cut
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.player import Player
from engine.workers.rounds import Rounds
from engine.workers.shard import Shard
from tests.bench.many_symbols import ticks_of
from tests.bench.registry import Figure, bench
from tests.bench.synthetic_tape import tape

SYMBOLS, SECONDS = 400, 12
SPARSE, DENSE = 10, 100
"""Ticks of a symbol in a second."""
FEW, MANY = 40, 200
"""Rounds a second."""
BUSY_ROUNDS = 250
"""The same on a busy desk: one is on its way at a time, and takes what came meanwhile."""
REPEATS = 3
BUSY = 0.6
"""Of a core that a worker may be busy on average: bars close all at once."""
_SIZES = ((100, 10_000), (1_000, 100_000), (10_000, 1_000_000), (100_000, 1_000_000), (100_000, 10_000_000))


class Cost(NamedTuple):
    """Microseconds."""

    tick: float
    second: float
    """Of one symbol's second, whatever ticks are in it: its bar, its rows, what is decided on it."""
    round: float
    """With an entry of each shard."""

    def cores(self, symbols: int, ticks_per_s: float, workers: int = 1) -> float:
        shared = self.tick * ticks_per_s + self.second * symbols
        return (shared + self.round * BUSY_ROUNDS * workers) / 1e6


@bench("sizing")
def sizing(scratch: Path) -> list[Figure]:
    """What a tick, a bar, a signal and an order cost each stage; workers for a desk of a size"""
    _stages(scratch, SPARSE, FEW)  # compiles, and fills the caches
    sparse, dense, finer = (
        _least([_stages(scratch, *how) for _ in range(REPEATS)])
        for how in ((SPARSE, FEW), (DENSE, FEW), (SPARSE, MANY))
    )
    figures, costs = [], {}
    for stage in ("market", "features", "execution"):
        cost = costs[stage] = _cost(sparse[stage], dense[stage], finer[stage])
        figures.append(Figure(f"{stage}: a tick", cost.tick, "µs"))
        figures.append(Figure(f"{stage}: a symbol's second", cost.second, "µs"))
        figures.append(Figure(f"{stage}: a round", cost.round, "µs"))
    wire = (dense["bytes"] - sparse["bytes"]) / (SYMBOLS * SECONDS * (DENSE - SPARSE))
    figures.append(Figure("on the wire: a tick", wire, "bytes"))
    figures += _decisions(scratch)
    for symbols, ticks_per_s in _SIZES:
        figures += _sized(costs, symbols, ticks_per_s, wire)
    return figures


def _least(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _sized(costs: dict[str, Cost], symbols: int, ticks_per_s: int, wire: float) -> list[Figure]:
    """A desk is one market worker, its features workers and one execution worker: what is more than the
    slower of the two single ones takes is dealt to several desks, each with a share of the symbols."""
    desks = 1
    while (
        max(costs[stage].cores(symbols // desks, ticks_per_s / desks) for stage in ("market", "execution"))
        > BUSY
    ):
        desks += 1
    share, rate = symbols // desks, ticks_per_s / desks
    features = 1
    while costs["features"].cores(share, rate, features) / features > BUSY and features < 64:
        features += 1
    cores = desks * (
        costs["market"].cores(share, rate)
        + costs["execution"].cores(share, rate)
        + costs["features"].cores(share, rate, features)
    )
    mb_s = 2 * wire * ticks_per_s / 1e6
    note = f"{desks} x (1 market, {features} features, 1 execution, 1 Redis), {mb_s:,.0f} MB/s out of Redis"
    return [Figure(f"{symbols:,} symbols, {ticks_per_s:,} ticks/s", cores, "cores", note=note)]


def _cost(sparse: float, dense: float, finer: float) -> Cost:
    """Of the CPU seconds of the three."""
    seconds, rounds = SYMBOLS * SECONDS, SECONDS * (MANY - FEW)
    tick = max(dense - sparse, 0.0) / (seconds * (DENSE - SPARSE))
    round_ = max(finer - sparse, 0.0) / rounds
    second = (sparse - tick * seconds * SPARSE - round_ * SECONDS * FEW) / seconds
    return Cost(tick * 1e6, max(second, 0.0) * 1e6, round_ * 1e6)


def _stages(scratch: Path, per_s: int, rounds_s: int) -> dict[str, float]:
    """CPU seconds of each stage over the same symbols and seconds, and the bytes that it takes."""
    config = load(environ={})
    pieces = list(_pieces(per_s, rounds_s))
    began = time.process_time()
    wired = [_wired(cut) for cut in _cuts(config, pieces)]
    told = {"market": time.process_time() - began, "bytes": float(sum(len(one) for _, one in _all(wired)))}
    shards = [Shard(number, config) for number in range(config.bus.shards)]
    heard: list[dict[int, bytes]] = []
    began = time.process_time()
    for number, _, parts in wired:
        said = {}
        for shard, part in parts.items():
            entry = shard_ticks_of(part)
            said[shard] = encode(Heard(0, tuple(shards[shard].take(number, entry)), 0))
        heard.append(said)
    told["features"] = time.process_time() - began
    told["execution"] = _executed(config, scratch / "execution", wired, heard)
    return told


Wired = tuple[int, bytes, dict[int, bytes]]


def _wired(cut: Cut) -> Wired:
    return cut.number, encode(cut.round), {shard: encode(part) for shard, part in cut.shards.items()}


def _all(wired: list[Wired]) -> Iterator[tuple[int, bytes]]:
    for number, round_, parts in wired:
        yield number, round_
        for part in parts.values():
            yield number, part


def _pieces(per_s: int, rounds_s: int) -> Iterator[Ticks]:
    """The ticks of each round."""
    for second in range(SECONDS):
        ticks = ticks_of(SYMBOLS, SYMBOLS * per_s, per_s, start_s=second, seed=second)
        size = math.ceil(len(ticks) / rounds_s)
        for at in range(0, len(ticks), size):
            yield ticks[at : at + size]


def _cuts(config: Config, pieces: list[Ticks]) -> Iterator[Cut]:
    names = [f"synthetic:S{number:04d}-USD" for number in range(SYMBOLS)]
    rounds = Rounds(config)
    for piece in pieces:
        rounds.block(piece, names)
        cut = rounds.cut(1)
        assert cut is not None
        yield cut
    last = rounds.cut(1, end=True)
    assert last is not None
    yield last


def _executed(config: Config, folder: Path, wired: list[Wired], heard: list[dict[int, bytes]]) -> float:
    made: list[HeardSignals] = []
    keys, took = Keys("t"), [0.0]

    def said(strategies: StrategySet) -> HeardSignals:
        made.append(HeardSignals(strategies))
        return made[0]

    def play(desk: Desk) -> None:
        player = Player(desk, made[0])
        intake = BusIntake(keys, config.bus.shards, player.play)
        began = time.process_time()
        for (number, round_, parts), spoken in zip(wired, heard, strict=True):
            for shard, part in parts.items():
                intake.put(keys.ticks(shard), [(number, shard_ticks_of(part))])
                intake.put(keys.signals(shard), [(number, heard_of(spoken[shard]))])
            intake.put(keys.rounds, [(number, round_of(round_))])
            intake.drain()
        took[0] = time.process_time() - began
        assert player.ended

    run_desk(config, folder, play, note=lambda text: None, said=said)
    return took[0]


def _decisions(scratch: Path) -> list[Figure]:
    """One process over the tape with bursts: with orders, without, and without strategies."""
    path = tape(scratch, ticks=500_000)
    names = list(StrategySet({}).settings())
    mute = [f"strategies.{name}.enabled=false" for name in names]
    settings = {"orders": [], "signals": ["opportunities.min_score=1.0"], "ticks": mute}
    took, reports = dict.fromkeys(settings, math.inf), {}
    for name in [*settings] * (REPEATS + 1):
        began = time.process_time()
        reports[name] = replay(load(environ={}, overrides=settings[name]), [path], scratch / name)
        took[name] = min(took[name], time.process_time() - began)
    signals, orders = reports["signals"].signals, reports["orders"].orders
    spoken = (took["signals"] - took["ticks"]) / max(signals, 1) * 1e6
    ordered = (took["orders"] - took["signals"]) / max(orders, 1) * 1e6
    return [
        Figure("a signal, with its blend", spoken, "µs", note=f"of {signals}"),
        Figure("an order, with all that follows", ordered, "µs", note=f"of {orders}; journal included"),
    ]
