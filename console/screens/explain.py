"""Explain: opened at once, filled when the engine answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from console.screens.reader import Reader
from engine.api.protocol import Explanation
from engine.errors import LinkError
from widgets.explanation import explanation_lines


class ExplainScreen(Reader):
    """``ask`` fetches the explanation of ``id``."""

    def __init__(self, id: str, ask: Callable[[str], Awaitable[Explanation]]) -> None:
        super().__init__("Explain", [(("asking the engine…", "muted"),)])
        self._subject, self._ask = id, ask

    def on_mount(self) -> None:
        self.run_worker(self._fill(), exclusive=True)

    async def _fill(self) -> None:
        try:
            explanation = await self._ask(self._subject)
        except LinkError as error:
            self.fail(str(error))
        else:
            self.show(explanation_lines(explanation))
