"""The market stage over the bus: feeds or a tape in, rounds out. One worker has it, others stand by.

One round is on its way at a time; what arrives meanwhile goes with the next one: quick when idle, large when
busy.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from engine.bus.keys import Keys
from engine.bus.messages import EPOCH, Listed, Round, encode, round_of
from engine.bus.publisher import Publisher
from engine.bus.registry import WorkerRow
from engine.bus.topology import agreed_protocol
from engine.bus.trim import Trimmer
from engine.clock import LiveClock
from engine.errors import BusError, FencedError
from engine.events import MarketEvent
from engine.feeds.tape import Tape
from engine.workers.behind import Behind
from engine.workers.cut import Cut
from engine.workers.earlier import Earlier
from engine.workers.frame import Frame, acquired
from engine.workers.listings import list_forgotten
from engine.workers.rounds import Rounds
from engine.workers.tape_source import TapeSource
from engine.workers.together import together

if TYPE_CHECKING:
    from engine.workers.live_source import LiveSource

log = logging.getLogger("engine.market")

STAGE = "market"
TICK_S = 0.05
"""The clock that closes bars where nothing trades."""
TRIM_S = 0.5
_READERS = {"rounds": ("execution",), "ticks": ("features", "execution"), "signals": ("execution",)}
CAPPED = 100_000
"""Entries of streams that nobody must have read."""
_listed_of = msgspec.msgpack.Decoder(Listed).decode


class Market:
    """``frame.tapes``: played instead of live feeds, as fast as the bus takes them."""

    name = STAGE

    def __init__(self, frame: Frame) -> None:
        """Raises TapeError."""
        self._frame = frame
        self._keys: Keys = frame.keys
        self._shards = frame.config.bus.shards
        self._lease = frame.lease(STAGE)
        self._tape = open_tape(frame)
        self._publisher: Publisher | None = None
        self._rounds: Rounds | None = None
        self._source: LiveSource | TapeSource | None = None
        self.behind = Behind(frame.config.bus.most_behind)
        self._earlier = Earlier(frame.registry, partial(agreed_protocol, frame.redis, frame.keys))
        self._room = asyncio.Event()
        """Set when a round can be sent."""
        self._listing: asyncio.Task[None] | None = None
        self._written = -1
        """The publisher's connection when instruments were written last: a server may have forgotten."""
        self._clock_due = False
        self._past = False
        """History is under way: what was taken is not of now, and is sent by hand."""
        self._ended = False
        self._state, self._detail = "waiting", ""
        self._counted = 0, 0

    # --- life ---

    async def run(self) -> None:
        await acquired(self._lease, "the market stage", self._frame.lease_s / 4)
        self._state = "running"
        streams = [self._keys.rounds, *(self._keys.ticks(shard) for shard in range(self._shards))]
        publisher = self._publisher = Publisher(
            self._frame.address,
            streams,
            self._lease.fence,
            on_ready=self._on_ready,
            name=f"tickdesk-{self._frame.worker}",
        )
        await together(publisher.run(), self._hold(), self._work(publisher))

    async def _work(self, publisher: Publisher) -> None:
        await publisher.opened()
        last = await self._last_round()
        await self._earlier.look()
        if last is not None:
            kept = await self._frame.redis.get(self._keys.behind)
            self.behind.take_up(kept, publisher.numbers[self._keys.rounds])
            self._look()
        rounds = self._rounds = await self._begin(publisher, last)
        if self._tape is not None:
            source = self._source = TapeSource(self._tape, rounds, last)
            await together(self._trim(), self._play(source))
        else:
            await together(self._trim(), self._live(rounds, fresh=last is None))

    async def stop(self) -> None:
        """The last round says that it is the last one. A tape that was not played to its end has none:
        whoever plays it next goes on there."""
        try:
            await self._stop_sending()
        finally:
            if self._source is not None:
                await self._source.close()

    async def _stop_sending(self) -> None:
        publisher, rounds = self._publisher, self._rounds
        if publisher is None or rounds is None or not self._lease.is_held:
            await self._lease.release()
            return
        # Those that ran it were cancelled with the stage.
        running = asyncio.create_task(publisher.run())
        try:
            if not self._ended and self._tape is None:
                if rounds.unlisted:
                    await self._write_instruments()
                while rounds.cut_again or self._past:
                    again = rounds.cut_again
                    self._put(rounds.cut(self._frame.clock(), warming=self._past))
                    self._past = self._past and again
                self._put(rounds.cut(self._frame.clock(), end=True))
            await publisher.drained()
        finally:
            publisher.close()
            await asyncio.gather(running, return_exceptions=True)
            await self._lease.release()

    async def _begin(self, publisher: Publisher, last: Round | None) -> Rounds:
        found = await self._frame.redis.hgetall(self._keys.instruments)  # type: ignore[misc]
        # A tape tells its own: what it has not brought yet is not known yet.
        listed = [] if self._tape else sorted(map(_listed_of, found.values()), key=lambda one: one.index)
        numbers = publisher.numbers
        previous_of = {shard: numbers[self._keys.ticks(shard)] for shard in range(self._shards)}
        rounds = Rounds(
            self._frame.config,
            epoch_start=self._lease.epoch * EPOCH,
            listed=listed,
            previous=numbers[self._keys.rounds],
            previous_of={shard: number for shard, number in previous_of.items() if number},
        )
        if last is not None:
            log.info("goes on after round %d", numbers[self._keys.rounds])
            if last.source and self._tape is None:
                raise BusError("the bus holds the rounds of a tape: choose another bus.prefix")
            rounds.list_all()  # the last owner may have died between the hash and its round
        return rounds

    async def _last_round(self) -> Round | None:
        """Of the stream, as the server has it; None: it never had one, or nothing of it is left."""
        found = await self._frame.redis.xrevrange(self._keys.rounds, count=1)
        if not found:
            return None
        try:
            return round_of(found[0][1][b"d"])
        except (ValueError, KeyError):
            raise BusError(
                f"{self._keys.rounds} holds what no market worker wrote: choose another bus.prefix"
            ) from None

    async def _hold(self) -> None:
        """Renew the lease. Raises FencedError when another has it."""
        while True:
            await asyncio.sleep(self._frame.lease_s / 5)
            try:
                if not await self._lease.renew():
                    raise FencedError(f"{self._lease.holder} has the market stage by now: this worker ends")
            except FencedError:
                raise
            except Exception as error:  # the publisher says that the server is away
                log.debug("lease: %s", error)

    # --- sending ---

    def sink(self, events: list[MarketEvent]) -> None:
        """What a feed brought, in order."""
        if self._rounds is not None:
            self._rounds.events(events)
            self._send()

    def _on_ready(self) -> None:
        self._room.set()
        if self._tape is None:
            self._send()

    @property
    def _may_send(self) -> bool:
        publisher = self._publisher
        return (
            publisher is not None
            and publisher.is_ready
            and not publisher.is_full
            and self._listing is None
            and not self.behind.held
            and self._lease.is_held
        )

    def _send(self) -> None:
        """What has arrived, if the bus is free for it."""
        rounds = self._rounds
        if rounds is None or self._past or not self._may_send:
            return
        assert self._publisher is not None
        if rounds.unlisted or self._written != self._publisher.reconnects:
            self._listing = asyncio.create_task(self._list())
            return
        now_ns = self._frame.clock()
        if rounds.cut_again or not self._clock_due:
            if not rounds.empty:
                self._put(rounds.cut(now_ns))
            return
        self._clock_due = False
        self._put(rounds.cut(now_ns, advance_ns=now_ns))

    def _put(self, cut: Cut | None, source: str = "", position: int = 0) -> None:
        if cut is None:
            return
        assert self._publisher is not None and self._rounds is not None
        round_ = self._earlier.legible(cut.round, self._rounds)
        if source:
            round_ = msgspec.structs.replace(round_, source=source, position=position)
        self._room.clear()
        ticks = self._keys.ticks
        self._publisher.put(
            [
                *((ticks(shard), cut.number, encode(part)) for shard, part in cut.shards.items()),
                (self._keys.rounds, cut.number, encode(round_)),
            ]
        )
        self.behind.sent(cut.number, round_.ticks)
        self._ended = round_.end

    async def _list(self) -> None:
        """Instruments are on the bus before the round that lists them."""
        try:
            await self._write_instruments()
        except Exception as error:  # away: tried again with the next tick of the clock
            log.debug("instruments: %s", error)
        finally:
            self._listing = None
        self._send()

    async def _write_instruments(self) -> None:
        rounds, publisher = self._rounds, self._publisher
        assert rounds is not None and publisher is not None
        connection = publisher.reconnects
        listings = rounds.listings() if self._written != connection else rounds.unlisted
        if listings:
            told = {str(one.index): encode(one) for one in listings}
            await self._frame.redis.hset(self._keys.instruments, mapping=told)  # type: ignore[misc]
        rounds.note_listed(listings)
        self._written = connection

    # --- live ---

    async def _live(self, rounds: Rounds, *, fresh: bool) -> None:
        from engine.workers.live_source import LiveSource

        self._source = source = LiveSource(self._frame, rounds, self.sink)
        await source.open()
        if fresh:
            self._past = True
            for events in source.history():
                rounds.events(events)
                await self._put_when_free(warming=True)
            self._past = False
        else:
            rounds.miss("the market worker was started anew", self._frame.clock())
        await together(source.run(), self._bring_time())

    async def _bring_time(self) -> None:
        clock = self._frame.clock
        while True:
            await asyncio.sleep(TICK_S)
            if isinstance(clock, LiveClock):
                clock.resync()
            self._clock_due = True
            self._send()

    async def _put_when_free(
        self, *, warming: bool = False, end: bool = False, source: str = "", position: int = 0
    ) -> None:
        """Everything that was taken, as soon as the bus is free: one round is on its way."""
        rounds = self._rounds
        assert rounds is not None and self._publisher is not None
        while True:
            while not self._may_send:
                self._room.clear()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._room.wait()
                except TimeoutError:
                    pass
            if rounds.unlisted or self._written != self._publisher.reconnects:
                await self._write_instruments()
                continue
            again, position = rounds.cut_again, rounds.position
            cut = rounds.cut(self._frame.clock(), warming=warming, end=end and not again)
            self._put(cut, source, position)
            if not again:
                return

    # --- a tape ---

    async def _play(self, tape: TapeSource) -> None:
        if tape.ended:
            log.info("the tape was played to its end")
        while not tape.ended:
            more = tape.take()
            if more and not self._rounds_waiting:
                continue
            self._state = "running"
            await self._put_when_free(end=not more, source=tape.digest)
            while self.behind.ticks > self.behind.most:
                self._state, self._detail = "waiting", "the others are behind"
                await asyncio.sleep(TRIM_S / 10)
        self._state, self._detail = "running", "end of tape"
        await asyncio.Event().wait()  # what was sent is trimmed as it is read

    @property
    def _rounds_waiting(self) -> bool:
        assert self._rounds is not None
        return not self._rounds.empty

    # --- the others ---

    async def _trim(self) -> None:
        keys, shards = self._keys, range(self._shards)
        groups = {
            keys.rounds: _READERS["rounds"],
            **{keys.ticks(shard): _READERS["ticks"] for shard in shards},
            **{keys.signals(shard): _READERS["signals"] for shard in shards},
        }
        capped = dict.fromkeys((keys.opportunities, keys.orders, keys.fills, keys.settings), CAPPED)
        trimmer = Trimmer(self._frame.redis, groups, capped)
        while True:
            await asyncio.sleep(TRIM_S)
            if not self._lease.is_held:
                continue
            try:
                if self._rounds is not None:
                    await list_forgotten(self._frame.redis, self._keys, self._rounds)
                await self._earlier.look()
                trimmed = await trimmer.trim()
            except Exception as error:  # the publisher says that the server is away
                log.debug("trim: %s", error)
                continue
            assert self._publisher is not None
            numbers = self._publisher.numbers
            more = {
                stream: one.least
                for stream, one in trimmed.items()
                if stream in numbers and (one.least or 0) < numbers[stream]
            }
            executed = [least for stream, least in more.items() if stream == keys.rounds]
            self.behind.acknowledged(list(more.values()), executed)
            self._look()
            # By itself: a full server refuses it, and must be trimmed all the same.
            try:
                await self._frame.redis.set(keys.behind, self.behind.kept)
            except Exception as error:  # the next owner counts from what was kept before
                log.debug("what is unread is not kept: %s", error)

    def _look(self) -> None:
        if self._tape is None:  # that waits by itself
            self.behind.look()

    def row(self, row: WorkerRow, seconds: float) -> WorkerRow:
        rounds, publisher = self._rounds, self._publisher
        if rounds is None or publisher is None:
            return msgspec.structs.replace(row, state=self._state, detail=self._lease.holder)
        ticks, entries = rounds.trades + rounds.quotes, publisher.entries
        before, self._counted = self._counted, (ticks, entries)
        trouble = publisher.trouble or self._detail or (self._source.trouble if self._source else "")
        unread = f"{self.behind.ticks} ticks are not acknowledged" if self.behind.ticks else ""
        if self.behind.held:
            trouble = f"holds ticks back: execution has not read {self.behind.by_execution.ticks}"
        return msgspec.structs.replace(
            row,
            epochs={**row.epochs, STAGE: self._lease.epoch},
            state=self._state,
            detail=trouble or unread,
            position=rounds.number,
            ticks=ticks,
            ticks_per_s=round((ticks - before[0]) / seconds, 1),
            entries_per_s=round((entries - before[1]) / seconds, 1),
            lost=rounds.lost,
            feeds=() if self._source is None else self._source.feeds,
            recording="" if self._source is None else self._source.recording,
            taped=None if self._source is None else self._source.taped,
        )


def open_tape(frame: Frame) -> Tape | None:
    """As a replay in one process opens it. Raises TapeError."""
    if not frame.tapes:
        return None
    levels = {name: one.book_levels for name, one in frame.config.feeds.items()}
    return Tape(frame.tapes, venue=frame.venue, book_levels=levels)
