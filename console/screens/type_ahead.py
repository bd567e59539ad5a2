"""Keys that come before what they are meant for: a dialog is there before the engine has told its values."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.events import Key

from console.screens.calm import CalmScreen

Result = TypeVar("Result")


class TypeAheadScreen(CalmScreen[Result]):
    """Keys wait, in their order, from when it is made until ``act_on_keys`` or ``forget_keys``."""

    AT_ONCE: ClassVar[tuple[str, ...]] = ()
    """Actions that lead to other values: they need none, and wait only behind keys that do."""

    def __init__(self) -> None:
        super().__init__()
        self.typed_ahead: list[Key] | None = []
        """None: no key waits any more."""

    def keep_keys(self) -> None:
        """From now on they are meant for what is asked for."""
        if self.typed_ahead is None:
            self.typed_ahead = []

    def act_on_keys(self) -> None:
        """What they are meant for is there now."""
        if self.typed_ahead is not None:
            # In the order of the app's own messages: of keys that came meanwhile, none goes before them.
            self.app.call_later(self._act_on_keys)

    def forget_keys(self) -> None:
        """There will be nothing that they could be meant for."""
        self.typed_ahead = None

    async def _act_on_keys(self) -> None:
        keys, self.typed_ahead = self.typed_ahead or [], None
        for key in keys if self.is_current else []:
            await self.app.on_event(key)
