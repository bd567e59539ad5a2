"""Text from outside through every widget: no escape reaches a strip, nothing raises, every line is exact."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from rich.cells import cell_len
from textual.widget import Widget
from textual.widgets import Input

from console.app import DeskApp
from console.link_protocol import LinkState
from console.screens.models import ModelsScreen
from engine.api.model_protocol import ModelsDetail
from engine.api.protocol import EventFrame, Explanation, StateFrame
from engine.events import Alert
from tests.api import samples
from tests.console import sample_desk as sample
from tests.console import sample_models
from tests.console.fake_link import FakeLink
from widgets.explanation import explanation_lines
from widgets.grid import Grid
from widgets.lines import FixedLines, Lines

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b2J\x90q\x9c",
    "\u202egnp.exe\u2066",
    "[@click=app.halt]click[/]",
    "[bold red]markup[/",
    "日本語の銘柄名前",
    "e\u0301\u0300\u0302" * 12,
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "a\nb\tc\r\0\x7f",
    "x" * 5000,
    "\u200b\u2028\ufeff\ue000",
    "",
)
WIDE_OR_LONG = HOSTILE[6:9] + HOSTILE[10:11]
"""What takes more or fewer cells than it has characters, or more than there are."""
KEPT = {"kind", "family", "side", "status", "state", "risk_state", "mode", "level", "code", "phase"}


def poison(value: Any, text: str) -> Any:
    """The same struct with every free text replaced; keys stay apart by a number in front."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value,
            **{name: poison(getattr(value, name), text) for name in value.__struct_fields__ if name != "id"},
        )
    if isinstance(value, tuple):
        return tuple(poison(item, text) for item in value)
    if isinstance(value, dict):
        return {text: 3, **value}
    if isinstance(value, str) and type(value) is str:
        return text
    return value


def printable(text: str) -> bool:
    return all(ch.isprintable() for ch in text)


class Anything(dict[str, Any]):
    """The same value whatever is asked for."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        return self._value


def check(widget: Widget) -> None:
    width = widget.size.width
    for y in range(widget.size.height):
        strip = widget.render_line(y)
        shown = strip.text
        assert all(ch.isprintable() for ch in shown), repr(shown)
        if isinstance(widget, Grid | Lines):
            assert cell_len(shown) in (width, width - widget.scrollbar_size_vertical)
        else:
            assert cell_len(shown) == width
        assert not any(segment.style and segment.style.meta for segment in strip)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=str)
async def test_hostile_text_in_every_widget(size: tuple[int, int]) -> None:
    link = FakeLink()
    app = DeskApp(link, frames_per_s=0.5, first_run=True)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for number, text in enumerate(HOSTILE):
            frame = poison(sample.full_frame(), text)
            ticks = tuple(
                msgspec.structs.replace(row, symbol=f"{text}:{text}{n}") for n, row in enumerate(frame.ticks)
            )
            link.on_message(msgspec.structs.replace(frame, ticks=ticks))
            link.on_message(EventFrame(number, Alert(level=text, source=text, text=text, ns=1)))
            link.on_state(LinkState.UP if number % 2 else LinkState.LOST, text)
            for pane in range(1, 7) if size == (80, 24) else (1,):
                app.desk.go_to(pane)
                app.paint()
                for widget in app.screen.walk_children(Widget):
                    if isinstance(widget, Grid | FixedLines | Lines) and widget.display and widget.size.width:
                        check(widget)
        await pilot.pause()
    assert link.sent == []


async def test_hostile_text_in_an_explanation() -> None:
    app = DeskApp(FakeLink(), frames_per_s=0.5)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.paint()
        await pilot.press("2", "enter")
        await pilot.pause()
        lines = app.screen.query_one(Lines)
        for text in HOSTILE:
            story: Explanation = poison(sample.explanation(), text)
            lines.set_lines(explanation_lines(story))
            for page in range(4):
                lines.scroll_to(y=page * 20, animate=False, force=True)
                check(lines)


@pytest.mark.parametrize(
    ("size", "texts"), [((80, 24), HOSTILE), ((200, 50), WIDE_OR_LONG)], ids=["80x24", "200x50"]
)
@pytest.mark.parametrize(
    "keys", [("5", "enter"), ("w",), ("1", "enter"), ("5", "left_square_bracket", "enter")], ids=" ".join
)
async def test_hostile_text_in_a_dialog(
    keys: tuple[str, ...], size: tuple[int, int], texts: tuple[str, ...]
) -> None:
    """What a user's strategy, a quant server or an automation is called and says."""
    for text in texts:
        link = FakeLink(poison(sample.full_frame(), text))
        # By whatever name they are asked for.
        link.details = Anything(poison(samples.strategy_details()[1], text))
        link.live = poison(samples.symbol_signals(text), text)
        link.definitions = Anything({text: [text, {"step": text}]})
        app = DeskApp(link, frames_per_s=0.5)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            app.paint()
            await pilot.press(*keys)
            await pilot.pause()
            assert app.screen is not app.desk
            if keys == ("5", "enter"):
                await pilot.press("j", "j", "j", "enter")  # the symbols: text to type over
            await pilot.pause()
            check_dialog(app)
            for field in app.screen.query(Input):
                assert all(ch.isprintable() for ch in field.value)


@pytest.mark.parametrize(
    ("size", "texts"), [((60, 16), HOSTILE), ((200, 50), WIDE_OR_LONG)], ids=["60x16", "200x50"]
)
async def test_hostile_text_of_models(size: tuple[int, int], texts: tuple[str, ...]) -> None:
    """Versions, sources and reasons come from files and from whoever registers models."""
    link = FakeLink()
    app = DeskApp(link, frames_per_s=0.5)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        link.registry = hostile_models("")
        link.model_details = Anything(sample_models.model())
        await pilot.press("M")
        models = app.screen
        assert isinstance(models, ModelsScreen)
        for text in texts:
            link.on_message(poison(sample.full_frame(), text))
            link.registry = hostile_models(text)
            link.model_details = Anything(poison(sample_models.model(), text))
            link.taken_apart = poison(sample_models.contributions(), text)
            app.paint()
            await models._fill()
            for _ in range(4):
                models.action_tab(1)
                await pilot.pause()
                check_dialog(app)
            for key in "aeb":
                await pilot.press(key)
                assert app.screen is not models
                check_dialog(app)
                await pilot.press("escape")


def hostile_models(text: str) -> ModelsDetail:
    """Each with its role, none that may be activated."""
    detail = sample_models.models()
    models = tuple(
        msgspec.structs.replace(poison(row, text), version=f"{text}{number}", role=row.role, promotable=False)
        for number, row in enumerate(detail.models)
    )
    training = msgspec.structs.replace(poison(sample_models.running(), text), state="running")
    return msgspec.structs.replace(poison(detail, text), models=models, training=training)


def check_dialog(app: DeskApp) -> None:
    for widget in app.screen.walk_children(Widget):
        if isinstance(widget, Grid | FixedLines | Lines) and widget.display and widget.size.width:
            check(widget)
        assert widget.border_title is None or printable(str(widget.border_title))
    (dialog,) = app.screen.query(".dialog")
    assert dialog._border_title is not None and not dialog._border_title.spans


async def test_an_empty_desk_draws() -> None:
    empty = StateFrame(
        full=True, status=sample.status(funnel={}, drops={}, phase="starting", latency_p99_us=None)
    )
    app = DeskApp(FakeLink(empty), frames_per_s=0.5)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.paint()
        for pane in range(1, 7):
            app.desk.go_to(pane)
            check(app.desk.grid)
