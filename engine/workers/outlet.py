"""What the execution worker tells: orders and fills by the journal's sequence, opportunities, settings.

Orders and fills are read from the journal once they are durable there, from where the streams end. So after a
crash, here or of the server, the streams have every one of them, once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from engine.bus.messages import Settings, encode
from engine.bus.publisher import Publisher
from engine.events import Fill, JournalEvent, Opportunity, OrderEvent
from engine.strategies.registry import STRATEGIES
from engine.task_group import TaskGroup

if TYPE_CHECKING:
    from engine.bus.outbox import Entry
    from engine.workers.execution import ExecutionEngine

log = logging.getLogger("engine.execution")

AT_ONCE = 500
LOOK_S = 0.25
MOST_OPPORTUNITIES = 1_000
"""That wait while the server is away; the oldest go first."""


class Outlet:
    def __init__(self, engine: ExecutionEngine) -> None:
        self._engine = engine
        keys = engine.keys
        fence = engine.lease.fence
        self._orders, self._fills = keys.orders, keys.fills
        self._settings, self._opportunities = keys.settings, keys.opportunities
        self._streams = (keys.orders, keys.fills, keys.settings, keys.opportunities)
        self._publisher = Publisher(
            engine.address, self._streams, fence, name=f"tickdesk-{engine.worker}", when_full=True
        )
        self._news = asyncio.Event()
        self._waiting: list[Opportunity] = []
        self._sent: dict[str, dict[str, object]] = {}
        self._kinds: dict[str, type] = {}
        self._connections = (0, 0)
        self.journal_seq = 0
        """Up to where the journal is on the bus."""
        engine.writing.watchers.append(self._on_event)
        engine.desk.signals.on_new = self._on_opportunity

    def close(self) -> None:
        self._publisher.close()

    async def run(self) -> None:
        """Until cancelled. Raises FencedError when another executes."""
        async with TaskGroup() as group:
            group.create_task(self._publisher.run())
            await self._publisher.opened()
            self.journal_seq = max(self._publisher.numbers[one] for one in (self._orders, self._fills))
            while True:
                await self._tell()
                self._news.clear()
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
                except TimeoutError:
                    pass

    def _on_event(self, event: JournalEvent) -> None:
        if isinstance(event, OrderEvent | Fill):
            self._news.set()

    def _on_opportunity(self, opportunity: Opportunity) -> None:
        self._waiting.append(opportunity)
        if len(self._waiting) > MOST_OPPORTUNITIES:
            del self._waiting[0]

    async def _tell(self) -> None:
        publisher = self._publisher
        if publisher.is_full or publisher.down_since_s is not None:
            return
        last = self._engine.store.last_seq
        while self.journal_seq < last:
            found = await asyncio.to_thread(self._engine.journal, self.journal_seq, AT_ONCE)
            if not found:
                break
            entries: list[Entry] = []
            for seq, event in found:
                if isinstance(event, OrderEvent):
                    entries.append((self._orders, seq, encode(event)))
                elif isinstance(event, Fill):
                    entries.append((self._fills, seq, encode(event)))
            if entries:
                publisher.put(entries)
            self.journal_seq = found[-1][0]
        self._tell_opportunities()
        self._tell_settings()

    def _tell_opportunities(self) -> None:
        waiting, self._waiting = self._waiting, []
        number = self._publisher.numbers[self._opportunities]
        entries: list[Entry] = []
        for one in waiting:
            number += 1
            entries.append((self._opportunities, number, encode(one)))
        if entries:
            self._publisher.put(entries)

    def _tell_settings(self) -> None:
        """What was set by hand, and that strategy files were read anew."""
        strategies = self._engine.desk.signals.strategies
        kinds = {name: kind for name, kind in strategies.kinds().items() if name not in STRATEGIES}
        settings = strategies.settings()
        reader = self._engine.reader
        connections = self._publisher.reconnects, 0 if reader is None else max(reader.reconnects, 0)
        if settings == self._sent and kinds == self._kinds and connections == self._connections:
            return
        # Anew connected, the server may be one that has forgotten all: who joins later is to know them, too.
        self._connections = connections
        anew = bool(self._sent) and kinds != self._kinds
        self._sent, self._kinds = settings, kinds
        number = self._publisher.numbers[self._settings] + 1
        told = Settings(number, settings, anew)
        self._publisher.put([(self._settings, number, encode(told))])
        log.info("settings %d of the strategies are on the bus", number)
