"""How the fields of a form are drawn."""

from __future__ import annotations

import pytest
from textual import events
from textual.app import App, ComposeResult

from themes import THEMES, VARIABLE_DEFAULTS
from widgets.form import Form, FormField


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.changed: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.register_theme(THEMES["tickdesk-dark"])
        self.theme = "tickdesk-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield Form(self)

    def form_changed(self, key: str, value: str) -> None:
        self.changed.append((key, value))

    def form_submitted(self) -> None:
        self.changed.append(("submitted", ""))

    def form_refused(self, text: str) -> None:
        self.refused.append(text)


async def test_a_choice_of_wide_characters_is_shown_whole_and_in_its_cells() -> None:
    app = Host()
    async with app.run_test(size=(60, 5)):
        form = app.query_one(Form)
        form.show(
            [FormField("symbol", "symbol", "a", (("a", "日本語-USD"),)), FormField("size", "size", "5")]
        )
        line = form.render_line(0)
        assert "‹日本語-USD›" in line.text and line.cell_length == 60


FIELDS = (
    FormField("side", "side", "buy", (("buy", "buy"), ("sell", "sell"))),
    FormField("size", "size", "5"),
    FormField("note", "note", "a ", text=True),
    FormField("why", "why", "", text=True),
)


def shown_at(app: Host, field: str) -> Form:
    form = app.query_one(Form)
    form.show(FIELDS)
    form.move_to(field)
    form.focus()
    return form


@pytest.mark.parametrize(
    ("field", "pasted", "value"),
    [
        ("size", " 1250.5\n", "1250.5"),
        ("size", "-3", "-3"),
        ("note", "first\nsecond\x1b[2J\u202e\r", "a first second[2J"),
    ],
)
async def test_what_is_pasted_is_typed_as_a_whole_and_no_key(field: str, pasted: str, value: str) -> None:
    app = Host()
    async with app.run_test(size=(60, 5)) as pilot:
        form = shown_at(app, field)
        form.post_message(events.Paste(pasted))
        await pilot.pause()
        assert app.changed == [(field, value)] and app.refused == []


@pytest.mark.parametrize(
    ("field", "pasted", "told"),
    [
        ("size", "1,250.5", "no plain number"),  # of which nobody knows what the comma means
        ("size", "1" * 40, "too long"),
        ("size", "[bold]7", "no plain number"),
        ("size", "1e5", "no plain number"),
        ("size", "7\n8", "no plain number"),
        pytest.param("why", "x" * 401, "too long", id="not cut without a word"),
        ("side", "sell", ""),
        ("size", " \n", ""),
    ],
)
async def test_what_is_no_number_or_too_long_is_not_pasted(field: str, pasted: str, told: str) -> None:
    app = Host()
    async with app.run_test(size=(60, 5)) as pilot:
        form = shown_at(app, field)
        form.post_message(events.Paste(pasted))
        await pilot.pause()
        assert app.changed == []
        assert [told in text for text in app.refused] == ([True] if told else [])


async def test_a_pasted_number_goes_on_with_what_was_typed() -> None:
    app = Host()
    async with app.run_test(size=(60, 5)) as pilot:
        form = shown_at(app, "size")
        await pilot.press("1", "2")
        form.post_message(events.Paste(".75"))
        await pilot.pause()
        assert app.changed[-1] == ("size", "12.75")
