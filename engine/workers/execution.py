"""The execution worker: an engine whose market data and strategies come over the bus.

It has the ledger, the orders, the risk gate and the console's socket, and there is one of it: whoever holds
the lease of the stage. Its place in the rounds is kept with each commit of the journal, so that after a
crash no round whose orders are on disk is decided upon again; until it has caught up, entries wait. What it
knows of the market is kept on the bus every few seconds: rounds since then are told again, for their prices.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.api.control import Control
from engine.api.health_protocol import BusHealth
from engine.bus.address import Address, client
from engine.bus.cursor import Batch, Lost
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.messages import Listed
from engine.bus.reader import Reader as BusReader
from engine.errors import BusError, FencedError, TickdeskError
from engine.events import NS, JournalEvent
from engine.feeds.base import Feed, Watched
from engine.logs import LogRing
from engine.store.read import Reader
from engine.strategies.registry import StrategySet
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.workers.checkpoint import Kept
from engine.workers.desk_memory import DeskMemory, remember
from engine.workers.forbidding import Forbidding
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.join import Ready
from engine.workers.outlet import Outlet
from engine.workers.patience import Patience
from engine.workers.place import Place
from engine.workers.player import Player
from engine.workers.same_journal import claim
from engine.workers.standing import Standing
from engine.workers.standing_by import acquired

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("engine.execution")

STAGE = "execution"
POSITION = "bus.round"
"""Setting: the last round whose ticks may have led to what is in the journal."""
BEHIND_NS = NS
"""A round that was sent longer ago is of the past: its prices count, no entry rests on it. Nor on one that
comes from so far ahead: by how much it is late is not known then."""
SILENT_S = 2.0
"""Without a round for so long the desk's clock is its own again: stops and orders are swept all the same."""
_listed_of = msgspec.msgpack.Decoder(Listed).decode


class ExecutionEngine(LiveEngine):
    """``place``: its name on the bus, and who is dead that had it."""

    def __init__(
        self, options: EngineOptions, ring: LogRing, control: Control, address: Address, place: Place
    ) -> None:
        config, worker = options.config.bus, place.worker
        self._heard: HeardSignals | None = None
        self.said = self._speak_for
        super().__init__(options, ring, None, None, control)
        assert self._heard is not None
        self.address: Address = address
        self.keys: Keys = Keys(config.prefix)
        self._redis: Redis = client(address, f"tickdesk-{worker}")
        self.lease: Lease = Lease(self._redis, self.keys, STAGE, worker, config.lease_s, former=place.former)
        self.place: Place = place
        self.worker: str = worker
        self.player: Player = Player(self.desk, self._heard)
        self.intake: BusIntake = BusIntake(self.keys, config.shards, self._play)
        self.standing: Standing = Standing(self, self._redis)
        self.outlet: Outlet | None = None
        self.reader: BusReader | None = None
        self.behind_ns: int = 0
        """How long ago the round that was played last had been sent; ns of wall clocks."""
        self.unheard: int = 0
        """Rounds that were played without the strategies of all their shards."""
        self.lost: int = 0
        """Holes in what was read."""
        self._state: Kept = Kept(self._redis, self.keys.state(STAGE))
        self._memory: DeskMemory = DeskMemory(self.desk)
        self._known: int = 0
        """The round as of which an earlier run's knowledge of the market was taken up; 0: none was."""
        self._playing: int = 0
        self._kept: int = 0
        self._played_s: float = time.monotonic()
        self._patience: Patience = Patience(config.wait_ms / 1000)
        self._forbidding: Forbidding = Forbidding(self.desk, lambda: self.clock())
        self._caught_up: bool = False
        """Once since the start: that takes a moment, and is no news."""
        self._journal: Reader | None = None
        self.writing.before = self._keep_position

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        """Of the store, durable; for a thread beside the loop."""
        if self._journal is None:
            self._journal = self.store.reader()
        return self._journal.events_since(since, limit)

    def _speak_for(self, strategies: StrategySet) -> HeardSignals:
        self._heard = HeardSignals(strategies)
        return self._heard

    # --- life ---

    async def main(self) -> int:
        if not await self._own():
            return 0
        try:
            return await super().main()
        finally:
            await self._let_go()

    async def _own(self) -> bool:
        """One executes, others stand by. False: it was told to end meanwhile."""
        if not await acquired(self):
            await self._redis.aclose()
            return False
        try:
            await self.standing.join()
        except BusError:
            await self._let_go()
            raise
        listed = {one.symbol: one for one in await self._instruments()}
        await self._remember(listed)
        for one in listed.values():
            self.player.list(one)
        return True

    async def _remember(self, listed: Mapping[str, Listed]) -> None:
        """Know of the market what the run before knew, before the journal's own symbols get a row."""

        def add(symbol: str, price: float) -> None:
            if symbol in listed:
                self.player.list(listed[symbol])
            else:
                self.desk.intake.add_symbol(symbol, price)

        try:
            fields = await self._state.read()
        except Exception as error:
            raise BusError(f"the bus does not answer: {type(error).__name__}; see bus.url") from None
        if not fields:
            return
        try:
            self._known = remember(self.desk, fields, add)
        except BusError as error:
            log.warning("%s; it begins anew with what is on the bus", error)
        else:
            log.info("knows the market as of round %d", self._known)

    async def _instruments(self) -> list[Listed]:
        """By index, before the journal's own symbols get a row."""
        try:
            found = await self._redis.hgetall(self.keys.instruments)  # type: ignore[misc]
        except Exception as error:
            raise BusError(f"the bus does not answer: {type(error).__name__}; see bus.url") from None
        return sorted(map(_listed_of, found.values()), key=lambda one: one.index)

    async def _let_go(self) -> None:
        if self.outlet is not None:
            self.outlet.close()
        if self.reader is not None:
            self.reader.close()
        try:
            await self.lease.release()
            await self.standing.leave()
        except Exception as error:  # it expires by itself
            log.debug("lease: %s", error)
        await self._redis.aclose()

    @property
    def market_feeds(self) -> Sequence[Watched]:
        return self.standing.feeds

    def open_feeds(self) -> list[Feed]:
        """The market worker has them."""
        return []

    def start_feeds(self) -> None:
        kept = self.store.settings().get(POSITION)
        decided = self._kept = self._playing = kept if isinstance(kept, int) else 0
        self.player.decided = decided
        position = (self._known or decided) or None
        self._played_s = time.monotonic()
        self.reader = BusReader(
            self.address,
            STAGE,
            self.worker,
            self.intake.sources(position),
            self._take,
            self._lost,
            fences=[self.lease.fence] * len(self.intake.streams()),
            may_read=lambda: self.lease.is_held,
            name=f"tickdesk-{self.worker}",
        )
        self.outlet = Outlet(self)
        self.tasks.spawn(self._or_end(self._hold()))
        self.tasks.spawn(self._or_end(self._begin(self.reader, self.outlet)))
        self.tasks.spawn(self.standing.run(), vital=False)

    async def _begin(self, reader: BusReader, outlet: Outlet) -> None:
        """Nothing is decided before it is known that this is the journal of the orders on the bus."""
        while True:
            try:
                await claim(self._redis, self.keys, self.store)
                break
            except BusError:
                raise
            except Exception as error:
                log.debug("journal: %s", error)
            await asyncio.sleep(self.options.config.bus.lease_s / 4)
        for work in (reader.run(), self._keep_on(), outlet.run()):
            self.tasks.spawn(self._or_end(work))

    async def _or_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Without the bus there is no desk: what ends ``work`` ends this worker, and another one begins."""
        try:
            await work
        except* TickdeskError as errors:
            error = _first(errors)
            log.error("%s", error)
            self._crashed(error)

    async def _shut_down(self) -> None:
        """Another one's orders are not touched any more."""
        if isinstance(self.crash, FencedError):
            await self.tasks.cancel()
            return
        await super()._shut_down()

    def bus_state(self) -> tuple[str, str]:
        """For whoever looks at the workers."""
        if self.stopping.is_set():
            return "stopping", ""
        if self.reader is None or not self.player.round:
            return "starting", self.phase_detail
        why = self.desk.trading.blocked("")
        if why:
            return ("catching up" if self.behind_ns > BEHIND_NS else "halted"), why
        return "running", ""

    def bus_health(self) -> BusHealth | None:
        return self.standing.health()

    @property
    def recording_state(self) -> str:
        return self.standing.recording

    @property
    def taped(self) -> tuple[int, int, int] | None:
        return self.standing.taped

    def bus_line(self) -> tuple[str, bool]:
        return self.standing.line()

    # --- what comes ---

    def _take(self, stream: str, batch: Batch) -> None:
        self.intake.put(stream, batch)
        self._drain()

    def _drain(self) -> None:
        """Play what is complete, and what need not be waited for any more."""
        if not self.lease.is_held:  # stopped for a while: another may own the stage by now
            return
        join, now_s = self.intake.join, time.monotonic()
        unheard = False
        while True:
            if self.intake.drain(unheard=unheard):
                self._played_s = now_s
                self._patience.played(self.player.round, now_s)
            waits = join.waits_for()
            unheard = self._patience.is_over(waits, join.heard, now_s)
            if not unheard:
                return

    def _play(self, ready: Ready) -> None:
        self._playing = max(self._playing, ready.number)
        sent_ns = ready.round.sent_ns
        late_ns = self.clock() - sent_ns
        self.behind_ns = max(late_ns, 0)
        if ready.waited_for:
            self.unheard += 1
            which = ", ".join(map(str, ready.waited_for))
            self._forbidding.forbid(f"the strategies of shard {which} are not heard", kind="unheard")
        elif self.behind_ns > BEHIND_NS and not ready.round.warming:
            old_s = self.behind_ns / NS
            why = f"catching up: rounds were sent {old_s:.0f} s ago, or two machines' clocks differ"
            self._forbidding.forbid(why, kind="behind", told=self._caught_up)
        elif late_ns < -BEHIND_NS and not ready.round.warming:
            ahead_s = -late_ns / NS
            why = f"rounds are of {ahead_s:.1f} s ahead: clocks differ, or one was set since a worker began"
            self._forbidding.forbid(why, kind="ahead", from_ns=sent_ns)
        else:
            self._caught_up = True
        try:
            self.player.play(ready)
        except Exception as error:
            self.internal_error(error)

    def _lost(self, lost: Lost) -> None:
        """Something was not read: it is said, and windows and bars know that trades are missing in them."""
        text = f"{lost.stream}: {lost.why} ({lost.after} to {lost.number})"
        log.error("%s", text)
        self.lost += 1
        self.desk.alert("error", "bus", text)
        for instrument in self.desk.instruments:
            self.desk.features.miss_trades(instrument.index, self.desk.now_ns)

    def advance(self) -> None:
        """The rounds bring the time. Where they stop, stops and orders are watched by our own."""
        if self.reader is None:
            return  # time goes on from where the rounds were, not from now
        self._drain()
        if time.monotonic() - self._played_s <= SILENT_S:
            return
        if not self.lease.is_held and not self.reader.trouble:
            # It ran out while nobody looked: another may execute by now, and acts on the same positions.
            self._forbidding.forbid("the lease of the stage is not held")
            return
        self._forbidding.forbid(self.reader.trouble or "no round comes", kind="silent")
        self.player.cool()
        self.desk.advance(self.clock())

    # --- what is kept ---

    def _keep_position(self) -> None:
        """Before each commit: the store writes both in one transaction."""
        if self._playing != self._kept:
            self._kept = self._playing
            self.writing.keep(POSITION, self._playing)

    async def _keep_on(self) -> None:
        """What is on disk and known on the bus need not be told again."""
        connection = 0
        while True:
            await asyncio.sleep(self.options.config.bus.checkpoint_s)
            number, reader = self.player.round, self.reader
            if not number or reader is None or self.writing.failure is not None:
                continue
            if reader.reconnects != connection:
                connection = reader.reconnects  # the server may be one that forgot the last second
                self._memory.forget()
            self._keep_position()
            changes = self._memory.changes(number)
            if await asyncio.to_thread(self.store.flush) and await self._remembered(changes):
                for stream in reader.cursors:
                    reader.ack(stream, number)
            else:
                self._memory.forget()

    async def _remembered(self, changes: Mapping[str, bytes]) -> bool:
        """Whether the bus has them. Raises FencedError."""
        try:
            if not await self._state.write(changes, self.lease.fence):
                self._memory.forget()  # of an emptied server only what changed is there
        except FencedError:
            raise
        except BusError as error:
            if self._forbidding.is_news("memory"):
                self.desk.alert("error", "bus", f"what the desk knows is not kept: {error}")
            return False
        except Exception as error:  # the reader tells that the server is away
            log.debug("memory: %s", error)
            return False
        return True

    async def _hold(self) -> None:
        """Renew the lease. Whose it is no more acts no more: what it still had to say is void."""
        lost = ""
        while not lost:
            await asyncio.sleep(self.options.config.bus.lease_s / 5)
            try:
                if not await self.lease.renew():
                    lost = self.lease.holder
            except Exception as error:  # the reader tells that the server is away
                log.debug("lease: %s", error)
            self._drain()
        self.desk.trading_enabled = False
        raise FencedError(f"{lost} executes by now: this worker ends")


def _first(errors: BaseExceptionGroup[TickdeskError]) -> TickdeskError:
    one = errors.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
