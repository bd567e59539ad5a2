"""The same tape through one process and through the stages of workers gives the same orders and fills."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.bus.keys import Keys
from engine.bus.messages import encode, heard_of, round_of, shard_ticks_of
from engine.config import Config, load
from engine.events import GridChange
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.tape import Tape
from engine.feeds.tape_ticks import TapeTicks
from engine.strategies.registry import StrategySet
from engine.wiring.desk import Desk
from engine.wiring.replay import ReplayReport, replay, run_desk
from engine.workers.cut import Cut
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.owned_shard import heard_from
from engine.workers.player import Player
from engine.workers.rounds import Rounds
from engine.workers.shard import Shard
from tests.bench.synthetic_tape import tape


def _cuts(config: Config, source: Tape, events: int) -> Iterator[Cut]:
    rounds = Rounds(config)
    rounds.adopt(source.specs)
    taken = 0
    for batch in source.blocks():
        if isinstance(batch, list):
            rounds.events(batch)
        else:
            rounds.block(batch, source.symbols)
        taken += len(batch)
        while rounds.cut_again or taken >= events:
            cut = rounds.cut(1)
            taken = 0
            if cut is not None:
                yield cut
    while (cut := rounds.cut(1)) is not None:
        yield cut
    last = rounds.cut(1, end=True)
    assert last is not None
    yield last


def _through_shards(config: Config, source: Tape, state_dir: Path, events: int) -> tuple[str, HeardSignals]:
    """Every message as it comes off the wire, the shards' answers a round late."""
    keys, count = Keys("t"), config.bus.shards
    made: list[HeardSignals] = []

    def said(strategies: StrategySet) -> HeardSignals:
        made.append(HeardSignals(strategies))
        return made[0]

    def play(desk: Desk) -> None:
        player = Player(desk, made[0])
        intake = BusIntake(keys, count, player.play)
        shards = [Shard(number, config) for number in range(count)]
        for cut in _cuts(config, source, events):
            intake.put(keys.rounds, [(cut.number, round_of(encode(cut.round)))])
            for number, part in cut.shards.items():
                intake.put(keys.ticks(number), [(cut.number, shard_ticks_of(encode(part)))])
            assert intake.drain() == 0 or not cut.shards
            for number, part in reversed(cut.shards.items()):
                told = shards[number].take(cut.number, shard_ticks_of(encode(part)))
                heard = heard_of(encode(heard_from(shards[number], 0, told, 0)))
                intake.put(keys.signals(number), [(cut.number, heard)])
            intake.drain()
        assert player.ended and len(intake.join) == 0

    run = run_desk(config, state_dir, play, note=lambda text: None, said=said)
    return run.sha256, made[0]


def _check(path: Path, folder: Path, shards: int, events: int, *more: str) -> ReplayReport:
    config = load(environ={}, overrides=[f"bus.shards={shards}", *more])
    alone = replay(config, [path], folder / "alone")
    source = Tape([path], book_levels={name: one.book_levels for name, one in config.feeds.items()})
    sha256, heard = _through_shards(config, source, folder / "spread", events)
    assert alone.fills > 0
    assert sha256 == alone.sha256
    assert heard.late == 0
    return alone


@pytest.mark.parametrize(("shards", "events"), [(1, 50_000), (3, 20_000)])
def test_ten_symbols(shards: int, events: int, tmp_path: Path) -> None:
    _check(tape(tmp_path, ticks=120_000), tmp_path, shards, events)


def test_grids_that_are_changed_in_the_middle(tmp_path: Path) -> None:
    """At their place between the ticks, in whatever rounds these come."""
    whole, path = TapeTicks(tape(tmp_path, ticks=120_000)), tmp_path / "changed.tape"
    with ColumnarWriter(path, whole.tape.symbols) as writer:
        for number, (block, _) in enumerate(whole.blocks()):
            at = len(block) // 3
            lot = Decimal("0.5").scaleb(number % 2)
            told = [
                (at, GridChange(symbol, Decimal("0.05"), lot, Decimal(1), Decimal(0), "", 0))
                for symbol in whole.symbols
                if len(block)
            ]
            ns = int(block["recv_ns"][at]) if len(block) else 0
            writer.write(block, [(place, replace(change, recv_ns=ns)) for place, change in told])
    changed = _check(path, tmp_path, 3, 17_000)
    plain = replay(load(environ={}), [tape(tmp_path, ticks=120_000)], tmp_path / "plain")
    assert changed.sha256 != plain.sha256


_FAILS = """
from engine.strategies.base import Strategy


class Fails(Strategy):
    name = "fails"
    description = "speaks for all symbols, and fails for one of them"

    def __init__(self, params):
        super().__init__(params)
        self.bars_of = {}

    def _said(self, row):
        if self.bars_of.get(row.symbol) == 60 and row.symbol.endswith("5-USD"):
            raise RuntimeError("no more")
        side = 1 if self.bars_of.get(row.symbol, 0) % 2 else -1
        return self.signal(row.symbol, row.ns, 0.99 * side, 1.0, "as ever")

    def on_bar(self, row):
        self.bars_of[row.symbol] = self.bars_of.get(row.symbol, 0) + 1
        return self._said(row)
"""


def test_a_strategy_that_fails_is_off_from_that_very_bar_on(tmp_path: Path) -> None:
    """Though the shards play ahead of who hears them: what it said before counts."""
    folder = tmp_path / "strategies"
    folder.mkdir(mode=0o700)
    (folder / "fails.py").write_text(_FAILS)
    (folder / "fails.py").chmod(0o600)
    path, more = tape(tmp_path, ticks=120_000), f"strategies_dir={folder}"
    failed = _check(path, tmp_path, 3, 50_000, more)
    (folder / "fails.py").unlink()
    without = replay(load(environ={}, overrides=[more]), [path], tmp_path / "without")
    assert failed.sha256 != without.sha256 and failed.signals > without.signals + 100


@pytest.mark.data
def test_a_capture_with_books(data_dir: Path, tmp_path: Path) -> None:
    _check(data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz", tmp_path, 2, 700)
