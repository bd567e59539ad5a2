"""Text from outside through every widget: no escape reaches a strip, nothing raises, every line is exact."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import cycle, repeat
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len
from textual.widget import Widget
from textual.widgets import Input

from console.app import DeskApp
from console.keymap import PANES
from console.link_protocol import LinkState
from console.screens.models import ModelsScreen
from engine.api.model_protocol import ModelsDetail
from engine.api.protocol import EventFrame, Explanation, StateFrame
from engine.events import Alert
from tests.api import samples
from tests.console import sample_desk as sample
from tests.console import sample_explanation, sample_market, sample_models
from tests.console.fake_link import FakeLink
from tests.console.hostile import HOSTILE, poison
from widgets.explanation import explanation_lines
from widgets.grid import Grid
from widgets.lines import FixedLines, Lines

ROUNDS = int(os.environ.get("TICKDESK_CHAOS_TEXTS", "3"))
"""How often every field gets another text; with 13, each gets each."""


def rounds() -> Iterator[Iterator[str]]:
    """For each round the texts by turns, beginning elsewhere than in the others."""
    for start in random.Random(7).sample(range(len(HOSTILE)), ROUNDS):
        yield cycle((*HOSTILE[start:], *HOSTILE[:start]))


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
        for number, texts in enumerate(rounds()):
            frame = poison(sample.full_frame(), texts)
            ticks = tuple(
                msgspec.structs.replace(row, symbol=f"{next(texts)}:{next(texts)}{n}")
                for n, row in enumerate(frame.ticks)
            )
            link.on_message(msgspec.structs.replace(frame, ticks=ticks))
            link.on_message(poison(EventFrame(number, Alert(level="", source="", text="", ns=1)), texts))
            link.on_state(LinkState.UP if number % 2 else LinkState.LOST, next(texts))
            app.desk.market.go_to(number % len(app.desk.market.names))
            for pane in range(1, len(PANES) + 1) if size == (80, 24) else (1,):
                app.desk.go_to(pane)
                app.paint()
                market = poison(sample_market.full_frame(), texts)
                link.on_message(msgspec.structs.replace(market, symbol=app.market_symbol))
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
        for texts in rounds():
            story: Explanation = poison(sample_explanation.explanation(), texts)
            lines.set_lines(explanation_lines(story))
            for page in range(4):
                lines.scroll_to(y=page * 20, animate=False, force=True)
                check(lines)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=str)
async def test_hostile_text_in_a_dialog(size: tuple[int, int]) -> None:
    """What a user's strategy, a quant server or an automation is called and says."""
    link = FakeLink()
    app = DeskApp(link, frames_per_s=0.5)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for texts in rounds():
            link.on_message(poison(sample.full_frame(), texts))
            # By whatever name they are asked for.
            link.details = Anything(poison(samples.strategy_details()[1], texts))
            link.live = poison(samples.symbol_signals(next(texts)), texts)
            link.definitions = Anything({next(texts): [next(texts), {"step": next(texts)}]})
            app.paint()
            # The third: a strategy's symbols are text to type over.
            for tab, keys in ((0, "w"), (0, "1 enter"), (0, "5 enter j j j enter"), (2, "5 enter")):
                app.desk.go_to(5)
                app.desk.go_to_tab(tab)
                await pilot.press(*keys.split())
                await pilot.pause()
                assert app.screen is not app.desk, keys
                check_dialog(app)
                for field in app.screen.query(Input):
                    assert all(ch.isprintable() for ch in field.value)
                while app.screen is not app.desk:
                    await pilot.press("escape")
    assert link.sent == []


@pytest.mark.parametrize("size", [(60, 16), (200, 50)], ids=["60x16", "200x50"])
async def test_hostile_text_of_models(size: tuple[int, int]) -> None:
    """Versions, sources and reasons come from files and from whoever registers models."""
    link = FakeLink()
    app = DeskApp(link, frames_per_s=0.5)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        link.registry = hostile_models(repeat(""))
        link.model_details = Anything(sample_models.model())
        await pilot.press("M")
        models = app.screen
        assert isinstance(models, ModelsScreen)
        for texts in rounds():
            link.on_message(poison(sample.full_frame(), texts))
            link.registry = hostile_models(texts)
            link.model_details = Anything(poison(sample_models.model(), texts))
            link.taken_apart = poison(sample_models.contributions(), texts)
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


def hostile_models(texts: Iterator[str]) -> ModelsDetail:
    """Each with its role, none that may be activated."""
    detail = sample_models.models()
    models = tuple(
        msgspec.structs.replace(
            poison(row, texts), version=f"{next(texts)}{number}", role=row.role, promotable=False
        )
        for number, row in enumerate(detail.models)
    )
    training = msgspec.structs.replace(poison(sample_models.running(), texts), state="running")
    return msgspec.structs.replace(poison(detail, texts), models=models, training=training)


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
        for pane in range(1, len(PANES) + 1):
            app.desk.go_to(pane)
            check(app.desk.grid)
