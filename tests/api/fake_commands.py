"""What is kept of commands, and what is recorded, made up for the API."""

from __future__ import annotations

import asyncio

import msgspec

from engine.api.audit_protocol import CommandRow
from engine.api.command_port import CommandEntry, KeptReply
from engine.api.page import Span
from engine.api.page_port import Part
from engine.errors import StoreError
from engine.events import Family, FeatureRow, Fill, Opportunity, Signal


class FakeCommands:
    """Implements ``CommandPort``; ``failed``: nothing can be written. Without ``answers`` the disk does
    nothing until it is set."""

    def __init__(self) -> None:
        self.entries: list[CommandEntry] = []
        self.keys: dict[tuple[str, str], KeptReply] = {}
        self.failed = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.claims = 0
        """Under way."""

    def record(self, entry: CommandEntry) -> None:
        self.entries.append(msgspec.structs.replace(entry))

    async def commands(self, *, before: int, limit: int, who: str, since_ns: int) -> tuple[CommandRow, ...]:
        newest = {entry.number: entry for entry in self.entries}
        rows = [
            CommandRow(number, *msgspec.structs.astuple(entry)[1:])
            for number, entry in enumerate(newest.values(), 1)
            if who in ("", entry.who) and entry.ns >= since_ns
        ]
        return tuple(row for row in reversed(rows) if row.id < before)[:limit]

    async def claim(self, owner: str, key: str, digest: str, *, lasting: bool) -> KeptReply | None:
        if self.failed:
            raise StoreError("the disk is full")
        self.claims += 1
        await self.answers.wait()
        self.claims -= 1
        kept = self.keys.get((owner, key))
        self.keys.setdefault((owner, key), KeptReply(digest, 0, b""))
        return kept

    async def answered(self, owner: str, key: str, status: int, reply: bytes) -> None:
        await self.answers.wait()
        self.keys[owner, key] = KeptReply(self.keys[owner, key].digest, status, reply)

    async def free(self, owner: str, key: str) -> None:
        await self.answers.wait()
        del self.keys[owner, key]


def signal(ns: int) -> Signal:
    return Signal("kraken:BTC/USD", "trend", Family.TECHNICAL, 0.5, 0.8, ns, 1_000, "up")


class FakePages:
    """Implements ``PagePort``: 250 signals, numbered 1 to 250."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    async def signals(self, span: Span, *, symbol: str, source: str) -> Part[Signal]:
        self._asked.append(("signals", span, symbol, source))
        numbers = [number for number in range(250, 0, -1) if number < span.before][: span.limit]
        rows = tuple(signal(number) for number in numbers)
        return rows, numbers[-1] if numbers and numbers[-1] > 1 else None

    async def opportunities(self, span: Span, *, symbol: str) -> Part[Opportunity]:
        return (), None

    async def features(self, span: Span, *, symbol: str) -> Part[FeatureRow]:
        return (), None

    async def fills(self, span: Span, *, symbol: str) -> Part[Fill]:
        return (), None
