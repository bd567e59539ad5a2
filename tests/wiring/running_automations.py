"""Automations of a desk with one warm symbol, on a real store."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config import Config, load
from engine.events import NS, Alert, Family, OrderEvent, Signal
from engine.store.automations import AutomationRun
from engine.store.store import Store
from engine.wiring.automation import Automations
from tests.wiring.conftest import START_NS, Bench, calm
from tests.wiring.hook import until

SYMBOL = "test:BTC-USD"
NOTIFY = {"type": "notify", "text": "{symbol} {side} {score} {price}: {reason}"}


@dataclass
class Running:
    """Automations of a desk with one warm symbol, running on ``path``."""

    path: Path
    config: Config = field(default_factory=lambda: load(environ={}))
    environ: dict[str, str] = field(default_factory=dict)
    tape: bool = False

    async def __aenter__(self) -> Running:
        self.store = Store(self.path)
        self.store.start()
        self.bench = Bench(self.config)
        self.desk = self.bench.desk
        for events in calm(SYMBOL, 100.0, 10):
            self.desk.on_events(events)
        self.bench.journal.clear()
        self.kept: dict[str, object] = {}
        self.desk.tuning._keep = self._keep
        self.now_ns = START_NS + 20 * NS
        self.automations = Automations(
            self.desk,
            self.store,
            clock=lambda: max(self.now_ns, self.desk.now_ns),
            tape=self.tape,
            keep=self._keep,
            environ=self.environ,
            pause_s=0.01,
        )
        await self.automations.take_up(self.store.settings())
        self.task = asyncio.create_task(self.automations.run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        assert self.store.close()

    def _keep(self, name: str, value: object) -> None:
        self.kept[name] = value
        self.store.put_setting(name, value)

    async def put(self, name: str, *steps: dict[str, Any], **trigger: Any) -> str:
        body = {"trigger": {"type": "signal", **trigger}, "steps": list(steps)}
        return await self.automations.put(name, json.dumps(body).encode(), "test")

    def signal(self, at_s: float = 10.0, *, symbol: str = SYMBOL, score: float = 0.8) -> None:
        ns = START_NS + round(at_s * NS)
        self.automations.offer(
            Signal(symbol, "trend", Family.TECHNICAL, score, 0.7, ns, 60 * NS, "up it goes")
        )

    def row(self, name: str = "one") -> Any:
        return next(row for row in self.automations.rows() if row.name == name)

    def skipped(self) -> int:
        return sum(row.skipped for row in self.automations.statistics())

    async def ended(self, count: int, name: str = "one") -> Any:
        """The row of ``name``, once so many of its runs have ended."""
        await until(lambda: self.row(name).succeeded + self.row(name).failed >= count)
        return self.row(name)

    async def recorded(self, count: int) -> list[AutomationRun]:
        """Ended runs as the database has them, newest first."""

        def found() -> list[AutomationRun]:
            reader = self.store.reader()
            try:
                return [run for run in reader.automation_runs() if run.ended_ns]
            finally:
                reader.close()

        await until(lambda: len(found()) >= count)
        return found()

    def alerts(self, source: str) -> list[str]:
        return [
            event.text for event in self.bench.journal if isinstance(event, Alert) and event.source == source
        ]

    def orders(self) -> list[OrderEvent]:
        return [event for event in self.bench.journal if isinstance(event, OrderEvent)]
