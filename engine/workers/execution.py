"""The execution worker: an engine whose market data and strategies come over the bus.

It has the ledger, the orders, the risk gate and the console's socket, and there is one of it: whoever holds
the lease of the stage. Its place in the rounds is kept with each commit of the journal, so that after a
crash no round whose orders are on disk is decided upon again; until it has caught up, entries wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.api.control import Control
from engine.api.health_protocol import BusHealth
from engine.bus.address import Address, client
from engine.bus.cursor import Batch, Lost
from engine.bus.keys import Keys
from engine.bus.lease import Lease
from engine.bus.messages import Listed
from engine.bus.reader import Reader as BusReader
from engine.errors import BusError, FencedError
from engine.events import NS, JournalEvent
from engine.feeds.base import Feed, Watched
from engine.logs import LogRing
from engine.store.read import Reader
from engine.strategies.registry import StrategySet
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.join import Ready
from engine.workers.outlet import Outlet
from engine.workers.player import Player
from engine.workers.standing import Standing

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("engine.execution")

STAGE = "execution"
POSITION = "bus.round"
"""Setting: the last round whose ticks may have led to what is in the journal."""
BEHIND_NS = NS
"""A round that was sent longer ago is of the past: its prices count, no entry rests on it."""
SILENT_S = 2.0
"""Without a round for so long the desk's clock is its own again: stops and orders are swept all the same."""
BLOCK_NS = 2 * NS
"""So long a reason to enter nothing stands, where it is not told again."""
ACK_S = 0.5
_listed_of = msgspec.msgpack.Decoder(Listed).decode


class ExecutionEngine(LiveEngine):
    """``worker``: its name on the bus."""

    def __init__(
        self, options: EngineOptions, ring: LogRing, control: Control, address: Address, worker: str
    ) -> None:
        config = options.config.bus
        self._heard: HeardSignals | None = None
        self.said = self._speak_for
        super().__init__(options, ring, None, None, control)
        assert self._heard is not None
        self.address: Address = address
        self.keys: Keys = Keys(config.prefix)
        self._wait_s: float = config.wait_ms / 1000
        self._redis: Redis = client(address, f"tickdesk-{worker}")
        self.lease: Lease = Lease(self._redis, self.keys, STAGE, worker, config.lease_s)
        self.worker: str = worker
        self.player: Player = Player(self.desk, self._heard)
        self.intake: BusIntake = BusIntake(
            self.keys,
            config.shards,
            self._play,
            lambda name, trace: self.desk.on_strategy_failed(name, trace),
        )
        self.standing: Standing = Standing(self, self._redis)
        self.outlet: Outlet | None = None
        self.reader: BusReader | None = None
        self.behind_ns: int = 0
        """How long ago the round that was played last had been sent; ns of wall clocks."""
        self.unheard: int = 0
        """Rounds that were played without the strategies of all their shards."""
        self.lost: int = 0
        """Holes in what was read."""
        self._resume: int = 0
        """Up to this round everything was decided by an earlier run."""
        self._playing: int = 0
        self._kept: int = 0
        self._played_s: float = time.monotonic()
        self._waits_since_s: float | None = None
        self._told: dict[str, float] = {}
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
        await self._own()
        try:
            return await super().main()
        finally:
            await self._let_go()

    async def _own(self) -> None:
        """Wait for the lease: one executes, others stand by."""
        told = False
        while True:
            try:
                if await self.lease.acquire():
                    break
                if not told:
                    log.info("%s executes: standing by", self.lease.holder)
                    told = True
            except Exception as error:
                if not told:
                    log.warning("Redis at %s: %s; trying on", self.address.shown, type(error).__name__)
                    told = True
            await asyncio.sleep(self.options.config.bus.lease_s / 4)
        try:
            await self.standing.join()
        except BusError:
            await self._let_go()
            raise
        for listed in await self._instruments():
            self.player.list(listed)

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
        self._resume = self._kept = self._playing = kept if isinstance(kept, int) else 0
        position = None if not self._resume else self._resume
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
        self.tasks.spawn(self.reader.run())
        self.tasks.spawn(self._hold())
        self.tasks.spawn(self._acknowledge())
        self.tasks.spawn(self.outlet.run())
        self.tasks.spawn(self.standing.run(), vital=False)

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

    # --- what comes ---

    def _take(self, stream: str, batch: Batch) -> None:
        self.intake.put(stream, batch)
        self._drain()

    def _drain(self, *, unheard: bool = False) -> None:
        if not self.lease.is_held:  # stopped for a while: another may own the stage by now
            return
        if self.intake.drain(unheard=unheard):
            self._played_s = time.monotonic()
            self._waits_since_s = None
        if not self.intake.join.waits_for():
            self._waits_since_s = None
        elif self._waits_since_s is None:
            self._waits_since_s = time.monotonic()

    def _play(self, ready: Ready) -> None:
        desk = self.desk
        self._playing = max(self._playing, ready.number)
        self.behind_ns = max(self.clock() - ready.round.sent_ns, 0)
        done = ready.number <= self._resume
        if ready.waited_for:
            self.unheard += 1
            which = ", ".join(map(str, ready.waited_for))
            self._forbid(f"the strategies of shard {which} are not heard")
        elif self.behind_ns > BEHIND_NS and not ready.round.warming:
            self._forbid("catching up with the bus", told=self._caught_up)
        else:
            self._caught_up = True
        try:
            desk.trading_enabled = desk.trading_enabled and not done
            self.player.play(ready)
        except Exception as error:
            self.internal_error(error)
        finally:
            if done:
                desk.trading_enabled = True

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
        now_s = time.monotonic()
        since_s = self._waits_since_s
        if since_s is not None and now_s - since_s > self._wait_s:
            self._drain(unheard=True)
        if now_s - self._played_s > SILENT_S:
            if not self.lease.is_held:
                self._forbid("the lease of the stage is not held")
            else:
                self._forbid(self.reader.trouble if self.reader and self.reader.trouble else "no round comes")
            self.desk.advance(self.clock())

    def _forbid(self, why: str, *, told: bool = True) -> None:
        """Nothing is entered for a moment; exits go on. ``told``: an alert, once a minute."""
        self.desk.block("", why, max(self.desk.now_ns, self.clock()) + BLOCK_NS)
        now_s = time.monotonic()
        if now_s - self._told.get(why, -60.0) >= 60.0:
            self._told = {key: at for key, at in self._told.items() if now_s - at < 60.0} | {why: now_s}
            if told:
                self.desk.alert("warning", "bus", f"{why}: no entries meanwhile")
            else:
                log.info("%s: no entries meanwhile", why)

    # --- what is kept ---

    def _keep_position(self) -> None:
        """Before each commit: the store writes both in one transaction."""
        if self._playing != self._kept:
            self._kept = self._playing
            self.writing.keep(POSITION, self._playing)

    async def _acknowledge(self) -> None:
        """What is on disk need not be told again."""
        while True:
            await asyncio.sleep(ACK_S)
            number = self.player.round
            if not number or self.reader is None or self.writing.failure is not None:
                continue
            self._keep_position()
            if await asyncio.to_thread(self.store.flush):
                for stream in self.reader.cursors:
                    self.reader.ack(stream, number)

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
