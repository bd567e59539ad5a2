"""What one process makes of a flow, to compare with what shards make of its rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from engine.bus.messages import AtBar, AtRise, encode, round_of, shard_ticks_of
from engine.config import Config, load
from engine.events import FeatureRow, Signal
from engine.feature_table import FeatureTable
from engine.instruments import Instruments
from engine.strategies.registry import StrategySet
from engine.wiring.desk import Desk
from engine.workers.cut import Cut
from engine.workers.rounds import Rounds
from engine.workers.shard import Shard

Step = Callable[[Any], None]
"""Gives something to a desk or to rounds: both take events, blocks and specs by the same names."""


class Told(NamedTuple):
    """By boundary or rise, in order."""

    rows: list[tuple[int, str, bytes]]
    """(ns, symbol, values) of closed bars, sorted."""
    said: list[Any]
    """Bars' signals by (ns, strategy, symbol's index); rises' by (ns, index)."""


class Spy:
    """The desk's own strategies, overheard."""

    def __init__(self, strategies: StrategySet) -> None:
        self.strategies = strategies
        self.rows: list[tuple[int, str, bytes]] = []
        self.bars: list[tuple[int, Signal]] = []
        self.rises: list[tuple[int, str, tuple[Signal, ...]]] = []

    def on_bars(self, table: FeatureTable) -> list[Signal]:
        self.rows += rows_of(table)
        found = self.strategies.on_bars(table)
        self.bars += [(table.ns, signal) for signal in found]
        return found

    def on_rise(self, row: FeatureRow) -> list[Signal]:
        found = self.strategies.on_rise(row)
        if found:
            self.rises.append((row.ns, row.symbol, tuple(found)))
        return found


def rows_of(table: FeatureTable) -> list[tuple[int, str, bytes]]:
    return [
        (table.ns, table.symbol(at), table.values[at].tobytes() + bytes(str(table.bars[at]), "ascii"))
        for at in range(len(table))
    ]


def desk(config: Config | None = None) -> tuple[Desk, Spy]:
    spies: list[Spy] = []

    def said(strategies: StrategySet) -> Spy:
        spies.append(Spy(strategies))
        return spies[0]

    made = Desk(
        config or load(environ={}),
        Instruments(),
        commit=lambda events, done: done(),
        record=lambda record: None,
        said=said,
    )
    # The desk makes the prints of bars itself here: it stands for one process.
    made.news._on_trade = lambda trade: made.intake.events((trade,))
    return made, spies[0]


class Shards:
    """All shards of a topology, each given its part of every round, as it comes off the wire."""

    def __init__(self, config: Config) -> None:
        self.rows: list[tuple[int, str, bytes]] = []
        self.config = config
        self.shards = [self.shard(number) for number in range(config.bus.shards)]
        self.bars: list[AtBar] = []
        self.rises: list[AtRise] = []
        self.cuts: list[Cut] = []

    def shard(self, number: int) -> Shard:
        return Shard(number, self.config, on_table=lambda table: self.rows.extend(rows_of(table)))

    def take(self, cut: Cut | None) -> None:
        if cut is None:
            return
        assert round_of(encode(cut.round)) == cut.round
        self.cuts.append(cut)
        for number, entry in cut.shards.items():
            said = self.shards[number].take(cut.number, shard_ticks_of(encode(entry)))
            self.bars += [one for one in said if isinstance(one, AtBar)]
            self.rises += [one for one in said if isinstance(one, AtRise)]

    def rounds(self) -> Rounds:
        return Rounds(self.config)


def config(shards: int, **more: Any) -> Config:
    return load(overrides=[f"bus.shards={shards}", *(f"{k}={v}" for k, v in more.items())], environ={})


def same(spy: Spy, shards: Shards, indices: dict[str, int]) -> None:
    """The shards told what the one process did, in its order."""
    assert sorted(shards.rows) == sorted(spy.rows)
    put = sorted(shards.bars, key=lambda one: (one.ns, one.strategy, one.index))
    assert [(one.ns, one.signal) for one in put] == spy.bars
    rises = sorted(shards.rises, key=lambda one: (one.ns, one.index))
    assert [(one.ns, one.index, one.signals) for one in rises] == sorted(
        ((ns, indices[symbol], signals) for ns, symbol, signals in spy.rises), key=lambda one: one[:2]
    )
