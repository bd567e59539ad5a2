"""All of one model on the whole screen."""

from __future__ import annotations

from collections.abc import Callable

from console.link_protocol import ModelsLink
from console.screens.reader import Reader
from engine.api.model_protocol import ModelDetail, ModelEntry
from engine.errors import LinkError
from widgets.lines import faded
from widgets.model_detail import detail_lines

REFRESH_S = 2.0


class ModelScreen(Reader):
    """``entry``: what is known of it already; ``now_ns`` tells the desk's time."""

    DEFAULT_CSS = """
    ModelScreen > .dialog { width: 100%; height: 100%; max-width: 180; max-height: 100%; }
    """

    def __init__(self, entry: ModelEntry, link: ModelsLink, now_ns: Callable[[], int]) -> None:
        super().__init__(f"Model {entry.version}", [(("asking the engine…", "muted"),)])
        self._entry, self._link, self._now_ns = entry, link, now_ns
        self._detail: ModelDetail | None = None
        self._fault = ""

    def on_mount(self) -> None:
        self.keep_asking(REFRESH_S, self._fill)

    def on_resize(self) -> None:
        self._draw()

    async def _fill(self) -> None:
        try:
            self._detail = await self._link.model(self._entry.version)
            self._fault = ""
        except LinkError as error:
            self._fault = str(error)
        self._draw()

    def _draw(self) -> None:
        if self.lines_width <= 0:
            return
        entry = self._detail.entry if self._detail is not None else self._entry
        lines = detail_lines(entry, self._detail, self.lines_width, self._now_ns())
        if self._fault:
            lines = [((self._fault, "bad"),), *(faded(line) for line in lines)]
        self.show(lines)
