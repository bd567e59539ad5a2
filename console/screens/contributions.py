"""A prediction taken apart: asked for once, since the engine has to work for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.link_protocol import ModelsLink
from console.screens.reader import Reader
from engine.api.model_protocol import Contributions
from engine.errors import LinkError
from widgets.contributions import contribution_lines
from widgets.lines import Line
from widgets.symbol_names import short_name


class ContributionsScreen(Reader):
    """``symbol`` first, the others of ``symbols`` by ``[`` and ``]``; ``ns`` as in ``Link.contributions``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "ask", show=False, id="contributions_ask"),
        Binding("tab", "walk(1)", show=False),
        Binding("shift+tab", "walk(-1)", show=False),
        Binding("right_square_bracket", "walk(1)", show=False, id="tab_right"),
        Binding("left_square_bracket", "walk(-1)", show=False, id="tab_left"),
    ]

    def __init__(self, link: ModelsLink, symbols: Sequence[str], symbol: str, ns: int = 0) -> None:
        super().__init__("What moved the model", ())
        self._link, self._symbols, self._symbol, self._ns = link, list(symbols), symbol, ns
        self._parts: Contributions | None = None

    def on_mount(self) -> None:
        super().on_mount()
        walks = ["{tab_left} {tab_right} symbol"] if len(self._symbols) > 1 else []
        self.dialog.border_subtitle = self.hints(
            *walks, "{contributions_ask} asks anew", "{down} {up} scroll", "esc close"
        )
        self.action_ask()

    def on_resize(self) -> None:
        self._draw()

    def action_walk(self, step: int) -> None:
        if len(self._symbols) < 2:
            return
        at = self._symbols.index(self._symbol) if self._symbol in self._symbols else 0
        self._symbol = self._symbols[(at + step) % len(self._symbols)]
        self.action_ask()
        self.action_home()

    def action_ask(self) -> None:
        self._parts = None
        native = short_name(self._symbol)
        asking: Line = ((f"taking the prediction for {native} apart, outside the engine…", "muted"),)
        self.show([asking])
        # Whoever walks on wants the symbol of now, not the answers in between.
        self.run_worker(self._ask(), group="ask", exclusive=True)

    async def _ask(self) -> None:
        try:
            self._parts = await self._link.contributions(self._symbol, self._ns)
        except LinkError as error:
            self.show([((self._symbol, "bold"),), ((str(error), "bad"),)])
        else:
            self._draw()

    def _draw(self) -> None:
        if self._parts is not None and self.lines_width > 0:
            self.show(contribution_lines(self._parts, self.lines_width))
