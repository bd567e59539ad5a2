"""All of one model on the whole screen."""

from __future__ import annotations

from collections.abc import Callable

from console.link_protocol import ModelsLink
from console.screens.asking_reader import AskingReader
from engine.api.model_protocol import ModelDetail, ModelEntry
from widgets.lines import Line
from widgets.model_detail import detail_lines


class ModelScreen(AskingReader):
    """``entry``: what is known of it already; ``now_ns`` tells the desk's time."""

    EVERY_S = 2.0
    DEFAULT_CSS = """
    ModelScreen > .dialog { width: 100%; height: 100%; max-width: 180; max-height: 100%; }
    """

    def __init__(self, entry: ModelEntry, link: ModelsLink, now_ns: Callable[[], int]) -> None:
        super().__init__(f"Model {entry.version}")
        self._entry, self._link, self._now_ns = entry, link, now_ns
        self._detail: ModelDetail | None = None

    async def ask(self) -> None:
        self._detail = await self._link.model(self._entry.version)

    def told(self, width: int) -> list[Line]:
        entry = self._detail.entry if self._detail is not None else self._entry
        return detail_lines(entry, self._detail, width, self._now_ns())
