"""The features stage over the bus: the shards that are dealt to this worker, each under its lease.

A worker that comes or goes has the shards dealt anew: who has one that is another's now keeps what it
remembers on the bus and lets it go; who is dead has let it go by being silent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from engine.bus.cursor import Batch, Lost, Source
from engine.bus.keys import shard_of
from engine.bus.line import Line
from engine.bus.messages import Listed, Settings, settings_of, shard_ticks_of
from engine.bus.reader import Reader
from engine.bus.registry import WorkerRow
from engine.bus.shards import dealt
from engine.errors import BusError, FencedError
from engine.feature_table import FeatureTable
from engine.workers.frame import Frame
from engine.workers.owned_shard import OwnedShard
from engine.workers.place import place_of
from engine.workers.shard import Shard
from engine.workers.together import together

log = logging.getLogger("engine.features")

STAGE = "features"
MOST_TABLES = 64
"""Tables of closed bars that wait to be told, at most: nobody waits for who listens."""
SETTINGS_S = 1.0
DEAL_S = 0.2
"""How often it is looked who is there."""
_listed_of = msgspec.msgpack.Decoder(Listed).decode
_encode_rows = msgspec.msgpack.Encoder().encode


class Features:
    """Owns, reads and keeps its shards."""

    name = STAGE

    def __init__(self, frame: Frame, *, timer: Callable[[], int] = time.perf_counter_ns) -> None:
        """``timer`` (ns): judges users' strategies, live."""
        self._frame = frame
        self._keys = frame.keys
        self._shards = frame.config.bus.shards
        self._timer = timer
        self._leases = {shard: frame.lease(STAGE, shard) for shard in range(self._shards)}
        self._line = Line(frame.address, f"tickdesk-{frame.worker}")
        self._owned: dict[int, OwnedShard] = {}
        self._by_stream: dict[str, OwnedShard] = {}
        self._reader: Reader | None = None
        self._reading: asyncio.Task[None] | None = None
        self._settings = Settings(0, {})
        self._changing = asyncio.Lock()
        """Shards come and go, or are kept: one at a time."""
        self._tables: deque[FeatureTable] = deque(maxlen=MOST_TABLES)
        self._told = asyncio.Event()
        self._listened = False
        self._lag = self._lost = 0
        self._slowest_ns = 0
        self._counted = 0, 0
        self._detail = ""

    # --- life ---

    async def run(self) -> None:
        await together(
            self._follow_settings(), self._renew(), self._keep_on(), self._tell_rows(), self._deal_on()
        )

    async def _deal_on(self) -> None:
        while True:
            try:
                await self._deal()
                self._detail = ""
            except (FencedError, BusError) as error:
                self._note(str(error))
            except Exception as error:
                if not _is_away(error):
                    raise
                self._note(f"the bus does not answer ({type(error).__name__})")
            await asyncio.sleep(min(self._frame.lease_s / 5, DEAL_S))

    async def stop(self) -> None:
        """Keep what is remembered, then let others have the shards."""
        await self._stop_reading()
        closing = [owned.close() for owned in self._owned.values()]
        self._owned.clear()
        for fault in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(fault, Exception):
                log.warning("a shard could not be kept: %s", fault)

    def _note(self, text: str) -> None:
        if text != self._detail:
            self._detail = text
            log.warning("%s", text)

    # --- whose shard it is ---

    async def _deal(self) -> None:
        """Once: give up what is another's, take what is ours."""
        there = {row.id for row in await self._frame.registry.rows() if STAGE in row.stages}
        mine = dealt(self._shards, there | {self._frame.worker}, place_of)
        fenced = [number for number, owned in self._owned.items() if owned.fault is not None]
        leave = {
            number: mine[number]
            for number in self._owned
            if mine[number] != self._frame.worker or number in fenced
        }
        want = [shard for shard, name in mine.items() if name == self._frame.worker]
        won = [shard for shard in want if shard not in self._owned and await self._leases[shard].acquire()]
        ended = self._reading is not None and self._reading.done()
        if not (leave or won or ended):
            return
        async with self._changing:
            await self._stop_reading()
            try:
                for number, to in leave.items():
                    owned = self._owned.pop(number, None)
                    if owned is None:
                        continue  # lost meanwhile
                    if owned.fault is not None:
                        log.warning("shard %d: %s", number, owned.fault)
                    await owned.close(to, give_up=number in fenced)
                    log.info("shard %d: handed over", number)
                await _all(self._take(shard) for shard in won)
                await _all(owned.keep() for owned in self._owned.values())
            finally:
                self._start_reading()

    async def _take(self, number: int) -> None:
        owned = OwnedShard(number, self._frame, self._leases[number], self._timer, self._on_table, self._line)
        found = await self._frame.redis.hgetall(self._keys.instruments)  # type: ignore[misc]

        def listings(shard: Shard) -> None:
            for one in sorted(map(_listed_of, found.values()), key=lambda one: one.index):
                if shard_of(one.symbol, self._shards) == number:
                    shard.add_symbol(one)

        try:
            await owned.open(listings)
        except BaseException:
            await owned.abandon()
            raise
        owned.shard.set(self._settings)
        self._owned[number] = owned

    async def _renew(self) -> None:
        """All leases; one that another has takes its shard from this worker."""
        while True:
            await asyncio.sleep(self._frame.lease_s / 5)
            try:
                kept = await asyncio.gather(*(owned.lease.renew() for owned in self._owned.values()))
            except Exception as error:  # the reader says that the server is away
                log.debug("leases: %s", error)
                continue
            if not all(kept):
                await self._drop_lost()

    async def _drop_lost(self) -> None:
        async with self._changing:
            lost = [number for number, owned in self._owned.items() if not owned.lease.fence.token]
            if not lost:
                return
            await self._stop_reading()
            try:
                for number in lost:
                    log.warning("shard %d: %s has it by now", number, self._leases[number].holder)
                    await self._owned.pop(number).close(give_up=True)
            finally:
                self._start_reading()

    # --- reading ---

    def _start_reading(self) -> None:
        """All shards by one question, each from behind what is kept of it."""
        owned = list(self._owned.values())
        self._by_stream = {one.ticks: one for one in owned}
        if not owned:
            return
        self._reader = Reader(
            self._frame.address,
            STAGE,
            self._frame.worker,
            [Source(one.ticks, shard_ticks_of, one.durable) for one in owned],
            self._take_entries,
            self._on_lost,
            fences=[one.lease.fence for one in owned],
            may_read=lambda: all(one.lease.is_held for one in owned),
            name=f"tickdesk-{self._frame.worker}",
        )
        self._reading = asyncio.create_task(self._reader.run())

    async def _stop_reading(self) -> None:
        reader, self._reader = self._reader, None
        reading, self._reading = self._reading, None
        if reader is not None and reading is not None:
            reader.close()
            await asyncio.gather(reading, return_exceptions=True)

    def _take_entries(self, stream: str, batch: Batch) -> None:
        owned = self._by_stream[stream]
        owned.take(batch)
        self._slowest_ns = max(self._slowest_ns, self._frame.clock() - owned.sent_ns)
        if owned.is_full and self._reader is not None:
            self._reader.pause()

    def _on_lost(self, lost: Lost) -> None:
        """The shard sees it by itself, and its windows say so."""
        self._lost += 1
        log.error("%s: %s (%d to %d)", lost.stream, lost.why, lost.after, lost.number)

    # --- keeping ---

    async def _keep_on(self) -> None:
        """Checkpoints, one shard after the other, so that none waits for all."""
        every_s = self._frame.config.bus.checkpoint_s
        while True:
            await asyncio.sleep(every_s / max(len(self._owned), 1))
            self._watch_reader()
            async with self._changing:
                behind = [one for one in self._owned.values() if one.shard.entry != one.durable]
                if not behind:
                    continue
                owned = min(behind, key=lambda one: one.durable)
                try:
                    number = await owned.keep()
                except FencedError as error:
                    log.warning("shard %d: %s", owned.number, error)
                except BusError as error:
                    self._note(str(error))
                except Exception as error:
                    if not _is_away(error):
                        raise
                    log.debug("checkpoint: %s", error)
                else:
                    if self._reader is not None:
                        self._reader.ack(owned.ticks, number)

    def _watch_reader(self) -> None:
        """Raises what ended it, unless that is another's owning of a shard."""
        if self._reader is not None and not any(one.is_full for one in self._owned.values()):
            self._reader.resume()
        reading = self._reading
        if reading is None or not reading.done() or reading.cancelled():
            return
        fault = reading.exception()
        if fault is None or isinstance(fault, FencedError):
            return
        raise fault

    # --- settings ---

    async def _follow_settings(self) -> None:
        """The console's switches, as execution tells them."""
        last = b"0-0"
        redis, stream = self._frame.redis, self._keys.settings
        while True:
            try:
                found = await redis.xread({stream: last}, count=100, block=round(SETTINGS_S * 1000))
            except Exception as error:
                if not _is_away(error):
                    raise
                await asyncio.sleep(SETTINGS_S)
                continue
            for ident, fields in found[0][1] if found else ():
                last = ident
                try:
                    settings = settings_of(fields[b"d"])
                except (ValueError, KeyError) as error:
                    log.error("%s: %s", stream, error)
                    continue
                if settings.version > self._settings.version:
                    self._settings = settings
                    for owned in self._owned.values():
                        owned.shard.set(settings)

    # --- rows ---

    def _on_table(self, table: FeatureTable) -> None:
        if self._listened and len(table):
            self._tables.append(table)
            self._told.set()

    async def _tell_rows(self) -> None:
        """Publish closed rows while somebody listens: msgpack, a list of maps by field."""
        redis, channel, asked_s = self._frame.redis, self._keys.features, 0.0
        while True:
            try:
                async with asyncio.timeout(1.0):
                    await self._told.wait()
            except TimeoutError:
                pass
            self._told.clear()
            try:
                while self._tables:
                    table = self._tables.popleft()
                    await redis.publish(channel, _encode_rows([table.row(at) for at in range(len(table))]))
                if time.monotonic() - asked_s > 1.0:
                    asked_s = time.monotonic()
                    self._listened = bool((await redis.pubsub_numsub(channel))[0][1])
                    self._lag = await self._entries_to_read()
            except Exception as error:
                if not _is_away(error):
                    raise
                log.debug("rows: %s", error)

    async def _entries_to_read(self) -> int:
        total = 0
        for owned in list(self._owned.values()):
            for row in await self._frame.redis.xinfo_groups(owned.ticks):
                if row["name"] == STAGE.encode():
                    total += int(row["lag"] or 0)
        return total

    def row(self, row: WorkerRow, seconds: float) -> WorkerRow:
        shards = [owned.shard for owned in self._owned.values()]
        ticks = sum(shard.ticks for shard in shards)
        entries = sum(owned.entries for owned in self._owned.values())
        before, self._counted = self._counted, (ticks, entries)
        slowest_ns, self._slowest_ns = self._slowest_ns, 0
        state = row.state if shards else "waiting"
        reader = self._reader
        return msgspec.structs.replace(
            row,
            shards=tuple(sorted(self._owned)),
            state=state,
            detail=self._detail or (reader.trouble if reader is not None else "") or row.detail,
            position=max((shard.round for shard in shards), default=row.position),
            ticks=row.ticks + ticks,
            ticks_per_s=row.ticks_per_s + max(round((ticks - before[0]) / seconds, 1), 0.0),
            entries_per_s=row.entries_per_s + max(round((entries - before[1]) / seconds, 1), 0.0),
            lag=self._lag,
            lag_ms=round(slowest_ns / 1e6, 3),
            lost=row.lost + sum(shard.losses for shard in shards),
        )


async def _all(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Each to its end, whatever becomes of the others. Raises the first fault."""
    for found in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found


def _is_away(error: Exception) -> bool:
    """Whether the server does not answer, or not yet."""
    import redis

    return isinstance(error, OSError | TimeoutError | redis.RedisError)
