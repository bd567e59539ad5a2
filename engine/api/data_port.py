"""What the API needs to tell how good the market data is: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol

from engine.api.rows import BarsRow, DepthRow, QuarantineRow, SymbolDataRow


class DataPort(Protocol):
    """Symbols of bars and books in any spelling that orders take; SymbolError for one that means several."""

    def symbols(self) -> tuple[SymbolDataRow, ...]:
        """Ages, gaps and books of every symbol."""
        ...

    def bars(self, symbol: str, count: int) -> BarsRow | None:
        """None for a symbol without stored bars."""
        ...

    async def bars_of(
        self, symbol: str, interval_s: int, since_ns: int, until_ns: int, count: int
    ) -> BarsRow | None:
        """The newest ``count`` stored ones that begin in ``since_ns <= open < until_ns``; 0 seconds: the
        desk's own interval. None for a symbol without any stored bars of it. Raises StoreError."""
        ...

    def depth(self, symbol: str) -> DepthRow | None:
        """None for a symbol that is unknown, or has no book that is right."""
        ...

    async def quarantine(
        self, *, symbol: str, reason: str, since_ns: int, limit: int
    ) -> tuple[QuarantineRow, ...]:
        """What was not believed, newest first; "" is any symbol, any reason."""
        ...
