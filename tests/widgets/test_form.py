"""How the fields of a form are drawn."""

from __future__ import annotations

from textual.app import App, ComposeResult

from themes import THEMES, VARIABLE_DEFAULTS
from widgets.form import Form, FormField


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES["tickdesk-dark"])
        self.theme = "tickdesk-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield Form(self)

    def form_changed(self, key: str, value: str) -> None:
        """Nothing is typed."""

    def form_submitted(self) -> None:
        """Nor sent."""


async def test_a_choice_of_wide_characters_is_shown_whole_and_in_its_cells() -> None:
    app = Host()
    async with app.run_test(size=(60, 5)):
        form = app.query_one(Form)
        form.show(
            [FormField("symbol", "symbol", "a", (("a", "日本語-USD"),)), FormField("size", "size", "5")]
        )
        line = form.render_line(0)
        assert "‹日本語-USD›" in line.text and line.cell_length == 60
