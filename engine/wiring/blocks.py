"""Blocks: entries of a symbol, or of all, that a quant module or server forbids for a while, or the bus."""

from __future__ import annotations

ALL = ""
"""In place of a symbol: every one."""


class Blocks:
    """Blocks by symbol. They end by the clock alone: nobody lifts one early, and a restart forgets them."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, tuple[str, int]] = {}
        """(why, until when), ``ALL`` among the symbols; some may be over."""
        self._forbidden = "", 0
        self.was_forbidden = False
        """The bus forbade some since the start."""

    def forbid(self, reason: str, until_ns: int) -> None:
        """All entries, as the bus that the desk rests on is not well: the last that is said stands."""
        self.was_forbidden = True
        self._forbidden = reason, until_ns

    def forbidden(self, now_ns: int) -> str:
        """Why all entries are forbidden; "" when they are not."""
        return self._forbidden[0] if now_ns < self._forbidden[1] else ""

    def add(self, symbol: str, reason: str, until_ns: int) -> None:
        """Block a symbol (or ``ALL``) until then. Of two of one symbol the one that ends later stands."""
        standing = self.by_symbol.get(symbol)
        if standing is None or until_ns > standing[1]:
            self.by_symbol[symbol] = reason or "blocked", until_ns

    def reason(self, symbol: str, now_ns: int) -> str:
        """Why entries of the symbol are blocked; "" when they are not."""
        if not self.by_symbol:
            return ""
        for blocked in (symbol, ALL):
            standing = self.by_symbol.get(blocked)
            if standing is not None:
                if now_ns < standing[1]:
                    return standing[0]
                del self.by_symbol[blocked]
        return ""
