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

    def depth(self, symbol: str) -> DepthRow | None:
        """None for a symbol that is unknown, or has no book that is right."""
        ...

    async def quarantine(
        self, *, symbol: str, reason: str, since_ns: int, limit: int
    ) -> tuple[QuarantineRow, ...]:
        """What was not believed, newest first; "" is any symbol, any reason."""
        ...
