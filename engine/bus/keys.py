"""Every key of the bus, by one prefix.

    <prefix>:clean_ticks:rounds           stream  a Round each, in order: what arrived together
    <prefix>:clean_ticks:<shard>          stream  the ticks of a shard's symbols, by round (ShardTicks)
    <prefix>:features                     pub/sub  feature rows of closed bars, for whoever listens
    <prefix>:strategy_signals:<shard>     stream  what the strategies said, and how far they are (Heard)
    <prefix>:opportunities                stream  opportunities as they are decided
    <prefix>:orders  <prefix>:fills       streams  the journal's order events and fills, by its sequence
    <prefix>:settings                     stream  strategies' settings as they are changed by hand
    <prefix>:state:<shard>                hash  what the shard's worker remembers as of a round
    <prefix>:state:execution              hash  what the execution worker knows of the market as of a round
    <prefix>:lease:<stage>[:<shard>]      string  who owns it; expires
    <prefix>:epoch:<stage>[:<shard>]      counter  of its owners
    <prefix>:worker:<id>                  string  a worker's last word; expires
    <prefix>:workers                      sorted set  of their ids, by when they spoke last
    <prefix>:instruments                  hash  index -> Listed, written with the round that lists it: whoever
                                          comes later begins with these
    <prefix>:simulated                    hash  native symbol -> price: where the simulated markets stand
    <prefix>:behind                       string  how much of the ticks not all have acknowledged, for the
                                          market stage's next owner
    <prefix>:topology                     hash  what all workers must agree upon

An entry's id is ``<number>-0``: the round's, of orders and fills the journal's sequence. What is written
twice is refused by the server, so a writer that does not know whether it was heard writes again.
"""

from __future__ import annotations

from binascii import crc32


class Keys:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.rounds = f"{prefix}:clean_ticks:rounds"
        self.features = f"{prefix}:features"
        self.opportunities = f"{prefix}:opportunities"
        self.orders = f"{prefix}:orders"
        self.fills = f"{prefix}:fills"
        self.settings = f"{prefix}:settings"
        self.instruments = f"{prefix}:instruments"
        self.simulated = f"{prefix}:simulated"
        self.behind = f"{prefix}:behind"
        self.topology = f"{prefix}:topology"
        self.workers = f"{prefix}:workers"

    def ticks(self, shard: int) -> str:
        return f"{self.prefix}:clean_ticks:{shard}"

    def signals(self, shard: int) -> str:
        return f"{self.prefix}:strategy_signals:{shard}"

    def state(self, shard: int | str) -> str:
        return f"{self.prefix}:state:{shard}"

    def lease(self, stage: str, shard: int | None = None) -> str:
        return f"{self.prefix}:lease:{stage}" + ("" if shard is None else f":{shard}")

    def epoch(self, stage: str, shard: int | None = None) -> str:
        return f"{self.prefix}:epoch:{stage}" + ("" if shard is None else f":{shard}")

    def worker(self, identity: str) -> str:
        return f"{self.prefix}:worker:{identity}"


def shard_of(symbol: str, shards: int) -> int:
    """The shard of a symbol: the same on every machine."""
    return crc32(symbol.encode()) % shards
