"""Explain: opened at once, filled when the engine answers."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.binding import Binding, BindingType

from console.commanding import CommandingApp
from console.link_protocol import Link
from console.screens.contributions import ContributionsScreen
from console.screens.reader import Reader
from engine.api.protocol import Explanation
from engine.errors import LinkError
from widgets.explanation import explanation_lines


class ExplainScreen(Reader):
    """Of an opportunity's or an order's ``id``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "contributions", show=False, id="explain_contributions")
    ]

    def __init__(self, id: str, link: Link) -> None:
        super().__init__("Explain", [(("asking the engine…", "muted"),)])
        self._subject, self._link = id, link
        self._story: Explanation | None = None

    def on_mount(self) -> None:
        self.run_worker(self._fill(), exclusive=True)

    async def _fill(self) -> None:
        try:
            self._story = await self._link.explain(self._subject)
        except LinkError as error:
            self.fail(str(error))
            return
        self.show(explanation_lines(self._story))
        if self._story.model_version:
            self.dialog.border_subtitle = self.hints(
                "{explain_contributions} what moved the model", "{down} {up} scroll", "esc close"
            )

    def action_contributions(self) -> None:
        """The prediction that spoke in it, taken apart."""
        story = self._story
        if story is None:
            return
        if story.model_version and story.model_ns:
            screen = ContributionsScreen(self._link, [story.symbol], story.symbol, story.model_ns)
            self.app.push_screen(screen)
            return
        why = (
            "which of its predictions it was is no longer known"
            if story.model_version
            else "no model spoke in it"
        )
        cast(CommandingApp, self.app).say(why)
