"""What is recorded, page by page, for the API: read on threads of their own, by a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from engine.api.page import Span
from engine.api.page_port import Part
from engine.events import FeatureRow, Fill, Opportunity, Signal
from engine.store import pages
from engine.store.pages import Wanted
from engine.store.read import Reader

T = TypeVar("T")


class Recorded:
    """Implements ``engine.api.page_port.PagePort``. ``called(text)`` is the symbol that is called so."""

    def __init__(self, reader: Callable[[], Reader], called: Callable[[str], str]) -> None:
        self._reader = reader
        self._called = called

    async def signals(self, span: Span, *, symbol: str, source: str) -> Part[Signal]:
        return await self._part(pages.signals, span, {"symbol": symbol, "source": source})

    async def opportunities(self, span: Span, *, symbol: str) -> Part[Opportunity]:
        return await self._part(pages.opportunities, span, {"symbol": symbol})

    async def features(self, span: Span, *, symbol: str) -> Part[FeatureRow]:
        return await self._part(pages.features, span, {"symbol": symbol})

    async def fills(self, span: Span, *, symbol: str) -> Part[Fill]:
        return await self._part(pages.fills, span, {"symbol": symbol})

    async def _part(
        self,
        read: Callable[[sqlite3.Connection, Wanted], Part[T]],
        span: Span,
        equal: dict[str, str],
    ) -> Part[T]:
        if equal["symbol"]:
            equal = {**equal, "symbol": self._called(equal["symbol"])}
        wanted = Wanted(span.before, span.limit, span.since_ns, span.until_ns, equal)
        return await asyncio.to_thread(lambda: self._reader().part(read, wanted))
