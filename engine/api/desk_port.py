"""What the API needs of the desk: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol

from engine.api.protocol import Explanation, Health, Reply, StateFrame
from engine.events import JournalEvent


class DeskPort(Protocol):
    """Commands raise TickdeskError with one line for the person who asked."""

    def state(self) -> StateFrame:
        """Every row, ``full=True``."""
        ...

    def health(self) -> Health: ...

    def explain(self, identity: str) -> Explanation | None:
        """None when neither an opportunity nor an order has this id."""
        ...

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        """Durable events after ``since``, oldest first, at most ``limit``. Called on a thread of its own."""
        ...

    def set_strategy(self, name: str, enabled: bool | None, weight: float | None, who: str) -> Reply: ...

    async def set_risk(self, state: str, reason: str, who: str) -> Reply: ...

    async def reload_model(self, who: str) -> Reply: ...

    async def flatten(self, who: str) -> Reply: ...

    def stop(self, who: str) -> Reply: ...
