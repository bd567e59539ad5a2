"""What travels on the bus: msgpack, one struct an entry.

A *round* is what the market worker sends at once: everything that arrived since the round before. Rounds are
numbered without a hole within an epoch of the market's owner: ``epoch * EPOCH + count``, so that another
owner's rounds are never taken for this one's. In a round each tick has its place; putting the ticks of its
shards at their places gives back the very sequence that one process would have seen.
"""

from __future__ import annotations

import msgspec

from engine.events import (
    OtherEvent,
    Quarantined,
    Signal,
)

EPOCH = 1_000_000_000
"""Rounds of one owner of the market stage."""


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """An instrument; its index is its place among all that were listed. Decimals as text; "" unknown."""

    index: int
    symbol: str
    price: float
    """The first that was seen: the grid is assumed from it where the venue told none."""
    tick_size: str = ""
    lot_size: str = ""
    min_notional: str = ""
    max_quantity: str = ""
    currency: str = ""
    """That it is quoted in; "": as its name tells."""


class Placed(msgspec.Struct, frozen=True, array_like=True):
    """What was told before the tick at ``place``."""

    place: int
    event: OtherEvent


class Round(msgspec.Struct, frozen=True, array_like=True):
    """The order of what came; the ticks themselves are with their shards."""

    previous: int
    """Number of the round before; 0: the first of all. Another one than was read last means a loss."""
    ticks: int
    shards: tuple[int, ...]
    """That have an entry of this round: ticks, or a clock mark."""
    sent_ns: int
    """When it was sent, ns UTC of the sender."""
    listed: tuple[Listed, ...] = ()
    """Known from this round on, before its first tick. A known index again: its grid was told now."""
    news: tuple[Placed, ...] = ()
    advance_ns: int = 0
    """The clock after the last tick; 0: nothing but ticks moves it (a tape)."""
    warming: bool = False
    """History: nothing is decided upon it."""
    rejected: tuple[tuple[str, int], ...] = ()
    """Ticks that were not believed, by reason: they are in no shard."""
    end: bool = False
    """The tape has ended, or the market worker was told to stop: nothing follows in this epoch."""
    source: str = ""
    """Digest of the tape that is played; "": live feeds."""
    position: int = 0
    """How many events and ticks of the tape came up to the end of this round: another owner goes on there."""
    quarantined: tuple[Quarantined, ...] = ()
    """Of ``rejected``, as much as helps."""


class ShardTicks(msgspec.Struct, frozen=True, array_like=True):
    """A round's ticks of one shard."""

    previous: int
    """The round of this shard's entry before; 0: none. Another one than was read last means a loss."""
    places: bytes
    """uint32, little endian: each tick's place in its round, rising."""
    ticks: bytes
    """Rows of ``engine.ticks.TICK``; ``symbol`` is the index of ``Listed``."""
    sent_ns: int
    marks: tuple[tuple[int, int], ...] = ()
    """(place, ns): the clock reaches ``ns`` before the tick at ``place``: bars of every shard close there."""
    listed: tuple[Listed, ...] = ()
    """Of this shard."""
    news: tuple[Placed, ...] = ()
    """Of this shard's symbols, and of its feeds."""
    warming: bool = False
    end: bool = False


class AtBar(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """Said at the bar boundary ``ns``."""

    ns: int
    strategy: int
    """Place of the strategy in its set: signals of all shards are put in order by it, then by index."""
    index: int
    signal: Signal


class AtRise(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """Said between two bars, when the window of ``index`` crossed the watched change at ``ns``."""

    ns: int
    index: int
    signals: tuple[Signal, ...]


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """What a shard's strategies said since the entry before. Its number is the last round they saw."""

    previous: int
    """The entry before."""
    said: tuple[AtBar | AtRise, ...]
    settings: int
    """The version of the settings by which they spoke."""
    faults: tuple[tuple[str, str], ...] = ()
    """(strategy, traceback): it failed, and is off in this shard."""
    sent_ns: int = 0
    failed_at: tuple[tuple[int, int], ...] = ()
    """Of each of ``faults``: (ns, index) of the trigger at which it failed; -1: a bar boundary, of all."""


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """Strategies' sections of the configuration as they are now; numbered by ``version``."""

    version: int
    strategies: dict[str, dict[str, object]]
    reload: bool = False
    """Read the users' strategy files again."""


encode = msgspec.msgpack.Encoder(decimal_format="string").encode
round_of = msgspec.msgpack.Decoder(Round).decode
shard_ticks_of = msgspec.msgpack.Decoder(ShardTicks).decode
heard_of = msgspec.msgpack.Decoder(Heard).decode
settings_of = msgspec.msgpack.Decoder(Settings).decode
"""Each raises ValueError for what is none: msgspec's own are such, and what text that is no UTF-8 raises."""
