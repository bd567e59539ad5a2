"""A desk that takes up what another one knew goes on to the byte, and decides nothing twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.bus.keys import Keys
from engine.bus.messages import Listed
from engine.config import Config, load
from engine.errors import BusError
from engine.events import Quote, Trade
from engine.feeds.tape import Tape
from engine.instruments import Instruments
from engine.wiring.desk import Desk
from engine.workers.cut import Cut
from engine.workers.desk_memory import DeskMemory, remember
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.patience import Patience
from engine.workers.player import Player
from engine.workers.rounds import Rounds
from tests.bench.synthetic_tape import tape

_KEYS = Keys("t")


class Executing:
    """A desk that is played rounds, as the execution worker's."""

    def __init__(self, config: Config) -> None:
        made: list[HeardSignals] = []
        self.decided: list[object] = []

        def said(strategies):  # type: ignore[no-untyped-def]
            made.append(HeardSignals(strategies))
            return made[0]

        self.desk = Desk(
            config,
            Instruments(),
            commit=lambda events, done: (self.decided.extend(events), done())[1],
            record=lambda record: None,
            said=said,
        )
        self.player = Player(self.desk, made[0])
        self._intake = BusIntake(_KEYS, config.bus.shards, self.player.play)

    def take(self, cut: Cut) -> None:
        for shard, part in cut.shards.items():
            self._intake.put(_KEYS.ticks(shard), [(cut.number, part)])
        self._intake.put(_KEYS.rounds, [(cut.number, cut.round)])
        while self._intake.drain(unheard=True):
            pass

    def known(self) -> list[bytes]:
        features = self.desk.features
        rows = [features.held(one.index).state.copy() for one in self.desk.instruments]
        for row in rows:
            row["offset"] = 0  # where in memory
        signals = self.desk.signals
        return [*(row.tobytes() for row in rows), signals.quant.memory(), signals.blender.memory()[1]]


@pytest.fixture(scope="module")
def config() -> Config:
    return load(environ={}, overrides=["bus.shards=3"])


@pytest.fixture(scope="module")
def cuts(config: Config, tmp_path_factory: pytest.TempPathFactory) -> list[Cut]:
    source = Tape([tape(tmp_path_factory.mktemp("tape"), ticks=60_000)])
    rounds, found = Rounds(config), []
    rounds.adopt(source.specs)
    for batch in source.blocks():
        assert not isinstance(batch, list)
        for first in range(0, len(batch), 3_000):
            rounds.block(batch[first : first + 3_000], source.symbols)
            found.append(rounds.cut(1))
    return [cut for cut in found if cut is not None]


def _again(config: Config, fields: dict[str, bytes]) -> tuple[Executing, int]:
    second = Executing(config)
    told = {name.encode(): body for name, body in fields.items()}

    def add(symbol: str, price: float) -> None:
        second.player.list(Listed(len(second.desk.instruments), symbol, price))

    return second, remember(second.desk, told, add)


def test_a_desk_goes_on_where_the_one_before_it_was(config: Config, cuts: list[Cut]) -> None:
    first = Executing(config)
    memory = DeskMemory(first.desk)
    fields: dict[str, bytes] = {}
    kept, died = 9, 14
    for cut in cuts[:died]:
        first.take(cut)
        if cut is cuts[4] or cut is cuts[kept]:
            fields |= memory.changes(cut.number)
    second, as_of = _again(config, fields)
    assert as_of == cuts[kept].number
    second.player.decided = cuts[died - 1].number
    for cut in cuts[kept + 1 : died]:
        second.take(cut)
    assert second.decided == []
    assert second.desk.trading_enabled
    assert second.known() == first.known()
    for cut in cuts[died:]:
        first.take(cut)
        second.take(cut)
    assert second.known() == first.known()


def test_stops_are_those_of_the_journal_not_of_the_memory(config: Config, cuts: list[Cut]) -> None:
    first = Executing(config)
    for cut in cuts[:3]:
        first.take(cut)
    first.desk.features.watch_exit(2, 1, 1.0, 1e9)
    first.desk.features.wake_at(3, 1)
    second, _ = _again(config, DeskMemory(first.desk).changes(cuts[2].number))
    assert not second.desk.features.exit_armed(2)
    assert second.desk.features.held(3).state["wake_ns"][0] == np.iinfo(np.int64).max


@pytest.mark.parametrize("damage", [lambda told: told.pop("s:1"), lambda told: told.update(head=b"x")])
def test_what_is_damaged_is_refused_before_anything_is_taken_up(
    config: Config, cuts: list[Cut], damage: Callable[[dict[str, bytes]], object]
) -> None:
    first = Executing(config)
    first.take(cuts[0])
    fields = DeskMemory(first.desk).changes(cuts[0].number)
    damage(fields)
    second = Executing(config)
    with pytest.raises(BusError, match="cannot be taken up"):
        remember(second.desk, {name.encode(): body for name, body in fields.items()}, lambda *_: None)
    assert len(second.desk.instruments) == 0


def test_stops_do_not_rest_on_prices_from_before_the_restart(config: Config, cuts: list[Cut]) -> None:
    """While what was decided is told again nothing is; when the rounds stop in the middle, time goes on."""
    executing = Executing(config)
    executing.player.decided = cuts[-1].number
    executing.take(cuts[0])
    assert not executing.desk.trading_enabled
    executing.player.cool()
    assert executing.desk.trading_enabled


def test_a_round_waits_once_for_a_shard_that_is_not_heard() -> None:
    heard = {0: 10, 1: 5}
    patience = Patience(0.25)
    patience.played(10, 0.0)
    assert not patience.is_over((1,), heard.__getitem__, 1.0)
    assert not patience.is_over((1,), heard.__getitem__, 1.2)
    assert patience.is_over((1,), heard.__getitem__, 1.3)
    patience.played(11, 1.3)
    assert patience.is_over((1,), heard.__getitem__, 1.3)  # no other quarter of a second
    assert not patience.is_over((0, 1), heard.__getitem__, 1.3)
    patience.played(12, 1.31)
    heard[1] = 11
    assert not patience.is_over((1,), heard.__getitem__, 1.32)  # it is back
    assert patience.silent == frozenset()


def test_nothing_is_waited_for_where_all_are_heard() -> None:
    patience = Patience(0.25)
    assert not patience.is_over((), lambda shard: 0, 0.0)


def test_the_clock_is_judged_by_trades_also_where_a_quote_came_last(config: Config) -> None:
    rounds, executing = Rounds(config), Executing(config)
    for number, symbol in enumerate(("a:X-USD", "b:Y-USD"), 1):
        rounds.events([Trade(symbol, number, 1.0, 1.0, 1, 1_000 * number, 2_000 * number)])
    rounds.events([Quote("a:X-USD", 1.0, 1.0, 1.001, 1.0, 5_000, 5_000)])
    cut = rounds.cut(1)
    assert cut is not None
    executing.take(cut)
    offset = executing.desk.clock_offset
    assert (offset.skew_ns("a"), offset.skew_ns("b")) == (1_000, 2_000)
