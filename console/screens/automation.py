"""An automation: how it went, its definition, and what the dispatcher did."""

from __future__ import annotations

from collections.abc import Callable

from console.link_protocol import Link
from console.screens.reader import Reader
from engine.api.protocol import AutomationRow
from engine.errors import LinkError
from widgets.automations import automation_lines


class AutomationScreen(Reader):
    """``row`` gives the newest counters, None when it is gone; ``now_ns`` the desk's time."""

    def __init__(
        self, name: str, link: Link, row: Callable[[], AutomationRow | None], now_ns: Callable[[], int]
    ) -> None:
        super().__init__(f"Automation {name}", [(("asking the engine…", "muted"),)])
        self._name_of, self._link, self._row, self._now_ns = name, link, row, now_ns

    def on_mount(self) -> None:
        self.run_worker(self._fill(), exclusive=True)

    async def _fill(self) -> None:
        try:
            definition = await self._link.automation(self._name_of)
            statistics = await self._link.automation_statistics()
        except LinkError as error:
            self.fail(str(error))
        else:
            self.show(automation_lines(self._row(), definition, statistics, self._now_ns()))
