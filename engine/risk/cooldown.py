"""Symbols that rest after an exit, as a fold over fills."""

from __future__ import annotations

from engine.config import ExitsConfig
from engine.events import NS


class Cooldown:
    """After an exit a symbol is not entered for ``cooldown_bars`` bars, but by a person."""

    def __init__(self, config: ExitsConfig, bar_s: float) -> None:
        """``bar_s``: length of a bar."""
        self.bars = config.cooldown_bars
        self._rest_ns = int(config.cooldown_bars * bar_s * NS)
        self.exited_ns: dict[str, int] = {}
        """When a symbol was last left, as a whole or in part."""

    def not_after(self, ns: int) -> None:
        """What was left later than that was left by a clock that was ahead."""
        for symbol, exited_ns in self.exited_ns.items():
            self.exited_ns[symbol] = min(exited_ns, ns)

    @property
    def any(self) -> bool:
        """Whether a symbol was ever left, and rests then."""
        return bool(self._rest_ns and self.exited_ns)

    def until_ns(self, symbol: str) -> int:
        """Until when the symbol rests; 0: it was never left."""
        exited_ns = self.exited_ns.get(symbol)
        return 0 if exited_ns is None else exited_ns + self._rest_ns
