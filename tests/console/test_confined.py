"""A layout of a part of the desk leaves every widget where a layout of all of it puts it."""

from __future__ import annotations

import pytest
from textual._compositor import Compositor, CompositorMap, ReflowResult
from textual.geometry import Size
from textual.widget import Widget

from console.screens.compositor import DeskCompositor
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, until

_WALK = (
    *("2", "3", "5", "right_square_bracket", "right_square_bracket", "left_square_bracket", "1", "4"),
    *("right_square_bracket", "7", "right_square_bracket", "8", "right_square_bracket", "z", "3", "z"),
    *("question_mark", "escape", "o", "escape", "colon", "a", "escape", "slash", "a", "escape", "6", "1"),
)


def places(where: CompositorMap) -> list[tuple[Widget, object]]:
    """Each widget and where it stands, the topmost first."""
    topmost = sorted(where.items(), key=lambda item: item[1].order, reverse=True)
    return [(widget, place._replace(order=())) for widget, place in topmost]


@pytest.mark.parametrize("size", [COMPACT, (120, 40), WIDE])
async def test_what_is_around_a_part_stands_as_it_stood(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[str | None] = []
    wrong: list[object] = []
    reflow = DeskCompositor.reflow

    def look(compositor: DeskCompositor, parent: Widget, size: Size) -> ReflowResult:
        part = compositor.part
        result = reflow(compositor, parent, size)
        if part is not None:
            parts.append(part.id)
            where, widgets = Compositor._arrange_root(compositor, parent, size, False)
            if (places(where), widgets) != (places(compositor._full_map), compositor.widgets):
                wrong.append((part, widgets ^ compositor.widgets))
        return result

    async with desk(FakeLink(), size) as (app, pilot):
        await until(pilot, lambda: not app.desk._coaches() and app.desk.is_placed)
        await pilot.pause()
        monkeypatch.setattr(DeskCompositor, "reflow", look)
        for key in _WALK:
            await pilot.press(key)
            await pilot.pause()
        app.desk.hide(5)
        await pilot.pause()
        app.desk.hide(5)
        await pilot.resize_terminal(*(COMPACT if size != COMPACT else WIDE))
        await pilot.press(*_WALK[:8])
    assert wrong == []
    assert {"strategies", "panes"} & set(parts), "nothing kept to its part"


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_the_command_line_opens_and_closes_where_it_has_its_place(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reflow = DeskCompositor.reflow
    placed = 0

    def count(compositor: DeskCompositor, parent: Widget, size: Size) -> ReflowResult:
        nonlocal placed
        placed += compositor is app.desk._compositor  # dialogs are made ready meanwhile
        return reflow(compositor, parent, size)

    def foot() -> list[str]:
        return [line.text for line in app.desk._compositor.render_strips()[-10:]]

    async with desk(FakeLink(), size) as (app, pilot):
        await until(pilot, lambda: not app.desk._coaches() and app.desk.is_placed)
        await pilot.press("colon", "m", "o", "d", "escape")
        await pilot.pause()
        before = foot()
        monkeypatch.setattr(DeskCompositor, "reflow", count)
        last = size[1] - 1
        assert app.desk.get_widget_at(5, last)[0] is app.desk.keys, "a click falls through"
        await pilot.press("colon")
        await pilot.pause()
        assert foot()[-1].startswith(" :") and app.focused is app.desk.line_place.line.input
        assert app.desk.get_widget_at(5, last)[0] is app.focused
        await pilot.press("escape")
        await pilot.pause()
        assert foot() == before and app.focused is app.desk.grid
        assert app.desk.line_place.line.input not in app.desk.focus_chain
        assert placed == 0
