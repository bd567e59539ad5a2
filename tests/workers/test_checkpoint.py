"""A shard that is taken over at any round goes on to the byte."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.messages import Settings, encode, shard_ticks_of
from engine.config import Config
from engine.errors import BusError
from engine.events import MarketEvent
from engine.feeds.simulation.venue import SimulatedVenue
from engine.strategies.plain_values import NotPlainError, read, tell
from engine.workers.checkpoint import Checkpoint, restore
from engine.workers.cut import Cut
from engine.workers.shard import Shard
from tests.wiring.conftest import START_NS
from tests.workers.one_process import Shards, config, rows_of
from tests.workers.test_shard import NAMES_VENUE, cut_up, flows

OWN = """
from collections import deque
from engine.strategies.base import Strategy

class Mine(Strategy):
    name = "mine"
    description = "remembers what it can"

    def __init__(self, params):
        super().__init__(params)
        self.params = params
        self.seen = {}
        self.last = None

    def on_bar(self, row):
        closes = self.seen.setdefault(row.symbol, deque(maxlen=5))
        closes.append(row.close)
        before, self.last = self.last, row
        if len(closes) == 5 and row.bars % 7 == 0:
            text = f"{sum(closes)!r} {len(self.bars(row.symbol, 3))}"
            return self.signal(row.symbol, row.ns, 0.5, 0.5, text)

class Odd(Strategy):
    name = "odd"
    description = "remembers what cannot be kept"

    def __init__(self, params):
        super().__init__(params)
        self.count = iter(range(10**9))

    def on_bar(self, row):
        return self.signal(row.symbol, row.ns, 0.1, 0.1, str(next(self.count)))
"""


def rounds_of(made: Config, events: Sequence[MarketEvent], sizes: Sequence[int]) -> list[Cut]:
    parts = Shards(made)
    rounds = parts.rounds()
    found = []
    for batch in cut_up(events, sizes):
        rounds.events(batch)
        found.append(rounds.cut(1))
        while rounds.cut_again:
            found.append(rounds.cut(1))
    found.append(rounds.cut(1))
    return [one for one in found if one is not None]


def played(made: Config, cuts: Sequence[Cut], dies_at: Sequence[int], keeps: int) -> list[Any]:
    """Everything shard 0 says and closes, by round; it dies before the rounds at ``dies_at`` and is taken
    over from its last checkpoint, of which there is one every ``keeps`` rounds."""
    found: dict[int, Any] = {}
    rows: list[Any] = []

    def new() -> Shard:
        return Shard(0, made, on_table=lambda table: rows.extend(rows_of(table)))

    shard, kept, position = new(), {}, 0
    checkpoint = Checkpoint(shard)
    deaths, at = set(dies_at), 0
    while at < len(cuts):
        if at in deaths:
            deaths.discard(at)
            shard = new()
            if kept:
                restore(shard, {name.encode(): body for name, body in kept.items()})
            checkpoint = Checkpoint(shard)
            at = position
            continue
        cut, rows[:] = cuts[at], []
        if 0 in cut.shards:
            said = shard.take(cut.number, shard_ticks_of(encode(cut.shards[0])))
            told = encode(said), list(rows)
            assert found.setdefault(cut.number, told) == told, "said again, it is the same"
        at += 1
        if at % keeps == 0:
            kept.update(checkpoint.changes())
            position = at
    assert not shard.losses
    return list(found.items())


@given(
    flows(),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.lists(st.integers(0, 60)),
    st.integers(1, 9),
)
@settings(max_examples=25, deadline=None)
def test_killed_at_any_round_it_goes_on_to_the_byte(
    events: list[MarketEvent], sizes: list[int], dies_at: list[int], keeps: int
) -> None:
    made = config(2)
    cuts = rounds_of(made, events, sizes)
    assert played(made, cuts, dies_at, keeps) == played(made, cuts, (), 1000)


def test_long_memories_survive(tmp_path: Path) -> None:
    """Ten minutes of the simulated venue: full windows, warm indicators, all strategies, the user's own."""
    (tmp_path / "own.py").write_text(OWN)
    own = {"strategies_dir": str(tmp_path), "strategies.odd.enabled": False}
    eager = {"strategies.rapid_rise.min_change_pct": 0.05, "features.sma_fast": 5, "features.sma_slow": 12}
    made = config(1, **own, **eager)
    venue = SimulatedVenue(NAMES_VENUE[:3], seed=5, start_ns=START_NS)
    events = [e for step in range(600) for e in venue.advance(START_NS + step * 1_000_000_000)]
    cuts = rounds_of(made, events, [97])
    dice = random.Random(4)
    dies_at = sorted(dice.sample(range(len(cuts)), 12))
    whole = played(made, cuts, (), 10_000)
    assert played(made, cuts, dies_at, 23) == whole
    sources = {one.signal.source for _, (said, _) in whole for one in _bars(said)}
    assert {"mine", "golden_cross", "trend"} <= sources


def _bars(said: bytes) -> list[Any]:
    import msgspec

    from engine.bus.messages import AtBar, AtRise

    return [one for one in msgspec.msgpack.decode(said, type=list[AtBar | AtRise]) if isinstance(one, AtBar)]


def test_only_what_changed_is_written_and_all_of_it_once_it_is_unsure() -> None:
    made = config(1)
    venue = SimulatedVenue(NAMES_VENUE, seed=5, start_ns=START_NS)
    shard = Shard(0, made)
    checkpoint = Checkpoint(shard)
    cuts = rounds_of(made, [e for s in range(60) for e in venue.advance(START_NS + s * 10**9)], [50])
    for cut in cuts[:-1]:
        shard.take(cut.number, cut.shards[0])
    first = checkpoint.changes()
    assert checkpoint.changes().keys() == {"head", "desk"}
    shard.take(cuts[-1].number, cuts[-1].shards[0])
    second = checkpoint.changes()
    assert len(second) < len(first)
    checkpoint.forget()
    assert checkpoint.changes().keys() == first.keys() | second.keys()


def test_a_strategy_that_cannot_be_kept_begins_anew_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    made = config(1, **{"strategies_dir": str(tmp_path), "strategies.odd.enabled": True})
    shard = Shard(0, made)
    fields = {name.encode(): body for name, body in Checkpoint(shard).changes().items()}
    anew = restore(Shard(0, made), fields)
    assert anew == {"odd": "count is a builtins.range_iterator"}


def test_settings_and_faults_are_kept() -> None:
    made = config(1)
    shard = Shard(0, made)
    sections = shard.strategies.settings()
    shard.set(Settings(3, sections | {"trend": {**sections["trend"], "enabled": False, "weight": 4.0}}))
    shard.strategies.fail("breakout", "ValueError: x")
    other = Shard(0, made)
    assert restore(other, {k.encode(): v for k, v in Checkpoint(shard).changes().items()}) == {}
    assert other.settings.version == 3
    assert not other.strategies.enabled("trend") and other.strategies.weight("trend") == 4.0
    assert other.strategies.detail("breakout").error == "ValueError: x"
    assert not other.strategies.enabled("breakout")


def test_what_is_damaged_or_of_another_version_is_refused() -> None:
    made = config(1)
    shard = Shard(0, made)
    cuts = rounds_of(
        made, SimulatedVenue(NAMES_VENUE, seed=5, start_ns=START_NS).advance(START_NS + 10**10), [500]
    )
    for cut in cuts:
        shard.take(cut.number, cut.shards[0])
    fields = {k.encode(): v for k, v in Checkpoint(shard).changes().items()}
    for name in (b"head", b"desk", b"s:1", b"b:1:0"):
        with pytest.raises(BusError, match="cannot be taken up"):
            restore(Shard(0, made), {**fields, name: fields[name][:40]})
    with pytest.raises(BusError, match="other settings"):
        restore(Shard(0, config(1, **{"features.rsi_period": 9})), fields)


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.decimals(allow_nan=False)
)
KEYS = st.integers() | st.text(max_size=3) | st.tuples(st.integers())


def within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    short = st.lists(inner, max_size=3)
    last = st.builds(lambda items: deque(items, 4), short)
    return short | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3) | last


VALUES = st.recursive(PLAIN, within, max_leaves=12)


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    again = read(tell(value))
    assert again == value and type(again) is type(value)


def test_other_plain_values_and_what_is_none() -> None:
    array = np.arange(6.0).reshape(2, 3)
    told = read(
        tell(
            {
                "a": array,
                "n": np.float32(2.5),
                "c": Counter("aab"),
                "s": {1, 2},
                "d": defaultdict(list, {1: [2]}),
            }
        )
    )
    assert np.array_equal(told["a"], array) and told["n"].dtype == np.float32
    assert told["c"] == Counter("aab") and told["s"] == {1, 2}
    told["d"][7].append(1)
    shared = [1]
    for value in (object(), lambda: 1, [shared, shared], {"x": np.array([object()])}, defaultdict(lambda: 1)):
        with pytest.raises(NotPlainError):
            tell(value)
    for body in (
        b"",
        b"\xc1",
        encode(["zz", 1]),
        encode(["n", "O", [1], b"x"]),
        encode(["l", 5]),
        encode([]),
    ):
        with pytest.raises(NotPlainError):
            read(body)
