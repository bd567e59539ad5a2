"""The command palette: every action of the key table by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from console.keymap import KEYS, MODEL_KEYS, Key
from console.screens.models import ModelsScreen


def _entry(key: Key) -> str:
    return f"{key.help}  ({key.shown})" if key.shown else key.help


class DeskCommands(Provider):
    @property
    def keys(self) -> Sequence[Key]:
        """Of the screen that the palette was opened on."""
        return MODEL_KEYS if isinstance(self.screen, ModelsScreen) else KEYS

    async def discover(self) -> Hits:
        for key in self.keys:
            if key.palette:
                yield DiscoveryHit(Content(_entry(key)), self._runner(key), text=key.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self.keys:
            if key.palette and (score := matcher.match(key.help)) > 0:
                yield Hit(score, Content(_entry(key)), self._runner(key), text=key.help)

    def _runner(self, key: Key) -> Callable[[], Awaitable[None]]:
        screen = self.screen

        async def run() -> None:
            await screen.run_action(key.action)

        return run
