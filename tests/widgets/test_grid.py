"""The table: only changed lines are drawn, the cursor keeps its row, columns fall by priority."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from themes import THEMES, VARIABLE_DEFAULTS
from widgets.columns import FILL, Column, choose_columns
from widgets.grid import Grid
from widgets.rows import GridRow

COLUMNS = (
    Column("name", "name", 8, 0),
    Column("value", "value", 8, 1, right=True),
    Column("note", "note", 6, 2, grow=FILL),
)


class Table(Grid):
    COLUMNS = COLUMNS


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "tickdesk-dark"
        self.table = Table()
        self.refreshed: list[tuple[Region, ...]] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.table


def row(key: str, value: float, note: str = "") -> GridRow:
    return GridRow(key, ((key, "bold"), (f"{value:.2f}", "up"), (note, "muted")), (key, value, note))


@asynccontextmanager
async def table(rows: list[GridRow], height: int = 12) -> AsyncIterator[tuple[Table, Pilot[None]]]:
    app = Host()
    async with app.run_test(size=(40, height)) as pilot:
        app.table.set_rows(rows)
        app.table.focus()
        await pilot.pause()
        yield app.table, pilot


def lines(grid: Grid) -> list[str]:
    return [grid.render_line(y).text for y in range(grid.size.height)]


async def test_only_changed_rows_are_drawn_in_one_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"r{n}", n) for n in range(8)]
    async with table(rows) as (grid, pilot):
        drawn = grid.lines_drawn
        calls: list[tuple[Region, ...]] = []
        refresh = grid.refresh
        monkeypatch.setattr(
            grid, "refresh", lambda *regions, **kw: (calls.append(regions), refresh(*regions, **kw))[1]
        )
        changed = [row(r.key, 90 + n if n in (2, 5) else n) for n, r in enumerate(rows)]
        assert grid.set_rows(changed) == 2
        await pilot.pause()
        assert calls == [(Region(0, 3, 40, 1), Region(0, 6, 40, 1))]
        assert grid.lines_drawn == drawn + 2
        assert "92.00" in lines(grid)[3] and "95.00" in lines(grid)[6]
        assert grid.set_rows(changed) == 0


async def test_every_line_is_as_wide_as_the_table() -> None:
    async with table([row("wide", 1, "日本語" * 9), row("combine", 2, "é̀" * 30), row("n" * 40, 3)]) as (
        grid,
        _,
    ):
        assert {grid.render_line(y).cell_length for y in range(grid.size.height)} == {40}


async def test_a_number_that_does_not_fit_is_not_cut() -> None:
    async with table([row("big", 123_456_789.5)]) as (grid, _):
        assert "########" in lines(grid)[1] and "1234" not in lines(grid)[1]


async def test_an_amount_that_does_not_fit_is_rounded_and_copied_whole() -> None:
    class Amounts(Table):
        COLUMNS = (COLUMNS[0], COLUMNS[1]._replace(shorten=True))

    app = Host()
    app.table = Amounts()
    async with app.run_test(size=(40, 4)):
        app.table.set_rows([GridRow("a", (("a", "bold"), ("0.12345678", "text")))])
        assert "~0.12346" in lines(app.table)[1] and "#" not in lines(app.table)[1]
        assert app.table.row_text("a") == "a\t0.12345678"


async def test_the_cursor_keeps_its_row_through_inserts_removals_and_sorts() -> None:
    async with table([row(f"r{n}", n) for n in range(5)]) as (grid, _):
        grid.move_cursor(2)
        grid.set_rows([row("new", 9), *[row(f"r{n}", n) for n in range(5)]])
        assert grid.cursor_key == "r2"
        grid.sort_by(1, reverse=True)
        assert grid.cursor_key == "r2"
        assert [r.key for r in grid.rows] == ["new", "r4", "r3", "r2", "r1", "r0"]
        grid.set_rows([row("r0", 0), row("r1", 1)])
        assert grid.cursor_key == "r0"  # the row is gone: the last line that there is
        grid.set_rows([])
        assert grid.cursor_key is None
        assert "nothing yet" in lines(grid)[1]


async def test_a_table_nobody_was_in_keeps_its_cursor_on_the_first_line() -> None:
    app = Host()
    app.AUTO_FOCUS = None
    async with app.run_test(size=(40, 12)) as pilot:
        app.table.set_rows([row("old", 1)])
        app.table.set_rows([row("new", 2), row("old", 1)])
        assert app.table.cursor_key == "new"
        app.table.focus()
        await pilot.pause()
        app.table.set_rows([row("newest", 3), row("new", 2), row("old", 1)])
        assert app.table.cursor_key == "new"


async def test_unknown_values_sort_last_both_ways() -> None:
    rows = [
        row("a", 1),
        GridRow("x", (("x", "text"), ("–", "text"), ("", "text")), ("x", None, "")),
        row("b", 2),
    ]
    async with table(rows) as (grid, _):
        for reverse, order in ((False, "abx"), (True, "bax")):
            grid.sort_by(1, reverse)
            assert "".join(r.key for r in grid.rows) == order


async def test_the_cursor_scrolls_into_view() -> None:
    async with table([row(f"r{n:02}", n) for n in range(50)], height=10) as (grid, pilot):
        grid.move_end()
        await pilot.pause()
        assert "r49" in lines(grid)[-1]
        assert lines(grid)[0].startswith("name")
        grid.move_page(-1)
        grid.move_home()
        await pilot.pause()
        assert "r00" in lines(grid)[1]


async def test_a_new_theme_draws_in_its_colours() -> None:
    async with table([row("a", 1)]) as (grid, pilot):
        before = [segment.style for segment in grid.render_line(1)]
        grid.app.theme = "tickdesk-light"
        await pilot.pause()
        assert [segment.style for segment in grid.render_line(1)] != before


async def test_a_faded_table_has_one_ink() -> None:
    async with table([row("a", 1), row("b", 2)]) as (grid, _):
        grid.faded = True
        stale = grid.cell_styles()["stale"].color
        assert {segment.style.color for segment in grid.render_line(2) if segment.style} == {stale}


def test_columns_fall_by_priority_and_come_back() -> None:
    assert choose_columns(COLUMNS, 40) == [(0, 8), (1, 8), (2, 22)]
    assert choose_columns(COLUMNS, 24) == [(0, 8), (1, 8), (2, 6)]
    assert choose_columns(COLUMNS, 23) == [(0, 8), (1, 8)]
    assert choose_columns(COLUMNS, 16) == [(0, 8)]
    assert choose_columns(COLUMNS, 5) == [(0, 5)]


columns = st.lists(
    st.builds(
        Column,
        key=st.just("k"),
        title=st.just("t"),
        width=st.integers(1, 20),
        priority=st.integers(0, 5),
        grow=st.sampled_from([0, 3, FILL]),
    ),
    min_size=1,
    max_size=9,
)


@given(columns, st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_columns_never_exceed_the_width(columns: list[Column], width: int) -> None:
    plan = choose_columns(columns, width)
    assert sum(w for _, w in plan) + len(plan) - 1 <= max(width, 0)
    assert [i for i, _ in plan] == sorted(i for i, _ in plan)
    if len(plan) > 1:
        assert all(w >= columns[i].width for i, w in plan)
    dropped = [columns[i].priority for i in range(1, len(columns)) if i not in dict(plan)]
    kept = [columns[i].priority for i, _ in plan[1:]]
    assert not dropped or not kept or min(dropped) >= max(kept)


async def test_a_filter_that_hides_every_row_is_not_taken_for_an_empty_table() -> None:
    async with table([row("BTC", 1.0)]) as (grid, _):
        grid.look_for("eth")
        for rows in ([row("BTC", 1.0)], [row("BTC", 1.0), row("SOL", 2.0)]):
            assert not grid.set_rows(rows) and grid.cursor_key is None
            assert f"{len(rows)} hidden: nothing matches /eth" in grid.render_line(1).text
        grid.look_for("")
        grid.set_rows([])
        assert grid.render_line(1).text.strip() == "nothing yet"


class Followed(Table):
    FOLLOW = True


async def test_the_newest_row_is_followed_also_where_it_comes_in_at_the_top() -> None:
    app = Host()
    app.table = Followed()
    async with app.run_test(size=(40, 6)) as pilot:
        grid = app.table
        for sort, wanted in (((None, False), 5), ((1, True), 1), ((1, False), 5)):
            grid.set_rows([row(f"r{n:02}", n) for n in range(20)])
            grid.sort_by(*sort)
            grid.set_rows([row(f"r{n:02}", n) for n in range(21)])
            await pilot.pause()
            assert grid.cursor_key == "r20" and "r20" in lines(grid)[wanted], sort
        grid.sort_by(1, reverse=True)
        grid.move_by(1)  # it is left
        grid.set_rows([row(f"r{n:02}", n) for n in range(22)])
        assert grid.cursor_key == "r19"


async def test_a_resize_scrolls_to_the_cursor_only_where_it_is_looked_at() -> None:
    rows = [row(f"r{n:02}", n) for n in range(30)]
    async with table(rows) as (grid, pilot):
        grid.move_cursor(8)
        await pilot.resize_terminal(40, 6)
        await pilot.pause()
        assert "r08" in lines(grid)[-1]
        grid.move_home()
        grid.screen.set_focus(None)
        grid.set_rows([*(row(f"new{n}", n) for n in range(20)), *rows])
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert grid.cursor_key == "r00" and "new0" in lines(grid)[1]
        grid.focus()
        await pilot.pause()
        await pilot.resize_terminal(40, 6)
        await pilot.pause()
        assert "r00" in lines(grid)[-1]
