"""Filters: words, columns, numbers, ranks; and how a table and lines show what is looked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.protocol import LogRow
from tests.widgets.test_grid import Host, lines, row, table
from widgets.columns import Column
from widgets.highlight import HIT, marked, marked_line, pattern
from widgets.lines import Lines
from widgets.logs import LogsPane
from widgets.row_filter import RowFilter, number_of, typed_number
from widgets.rows import GridRow

COLUMNS = (
    Column("symbol", "symbol", 9),
    Column("last", "last", 9, right=True),
    Column("age", "age", 4, right=True),
    Column("level", "level", 7, ranks=("debug", "info", "warning", "error")),
)
BTC = GridRow(
    "x:BTC-USD",
    (("BTC-USD", "bold"), ("~67,012.50", "text"), ("2m", "text"), ("! warn", "warn")),
    ("BTC-USD", 67012.5, -1_700_000_000_000_000_000, "warning"),
)
ETH = GridRow(
    "x:ETH-USD",
    (("ETH-USD", "bold"), ("–", "text"), ("<1s", "text"), ("  info", "text")),
    ("ETH-USD", None, -1_700_000_000_000_000_000, "info"),
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", "BE"),
        ("usd", "BE"),
        ("btc", "B"),
        ("usd !btc", "E"),
        ("symbol:eth", "E"),
        ("sym:eth", "E"),
        ("!symbol:eth", "B"),
        ("last>67000", "B"),
        ("last>=67,012.5 last<=67012.5", "B"),
        ("last<67000", ""),
        ("last=67012.5", "B"),
        ("age>60", "B"),
        ("age<1m", "E"),
        ("info+", "BE"),
        ("warn+", "B"),
        ("!warn+", "E"),
        ("error+", ""),
        ("level>", "BE"),
        ("last>", "BE"),
        ("last>-", "BE"),
        ("last>67.", "BE"),
        ("last>x", ""),
        ("last>>67000", ""),
        ("last><67000", ""),
        ("!last>>67000", ""),
        ("btc last==67012.5", ""),
        ("!", "BE"),
        ("nocolumn:btc", ""),
        ("symbol=btc-usd", "B"),
    ],
)
def test_what_a_filter_lets_through(text: str, keys: str) -> None:
    chosen = RowFilter(text, COLUMNS)
    assert "".join(one.key[2] for one in (BTC, ETH) if chosen.matches(one)) == keys


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_is_typed_is_a_filter(text: str) -> None:
    RowFilter(text, COLUMNS).matches(BTC)
    needles = pattern(RowFilter(text, COLUMNS).needles)
    if needles is not None:
        for cell in BTC.cells:
            assert "".join(part for part, _ in marked(cell, needles)) == cell[0]
        line = marked_line(BTC.cells, needles)
        assert "".join(part for part, _ in line) == "".join(part for part, _ in BTC.cells)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("▲+12.40", 12.4),
        ("−3.2 %", -3.2),
        ("1.2k", 1200.0),
        ("12:00:07", None),
        ("0/0.58", None),
        ("x", None),
    ],
)
def test_numbers_as_they_are_shown(text: str, number: float | None) -> None:
    assert typed_number(text) == number


def test_a_number_that_is_not_shown_is_what_it_sorts_by() -> None:
    both = GridRow("o", (("0/0.58", "text"),), (0.58,))
    assert number_of(both, 0) == 0.58
    assert number_of(GridRow("o", (("–", "text"),), (-5,)), 0) is None


def test_a_hit_may_go_from_one_cell_into_the_next() -> None:
    needles = pattern(["b c"])
    assert needles is not None
    line = (("a b", "text"), (" c d", "bold"))
    assert marked_line(line, needles) == (("a ", "text"), ("b", HIT), (" c", HIT), (" d", "bold"))


async def test_a_filtered_table_keeps_its_cursor_and_says_how_much_it_shows() -> None:
    rows = [row(f"r{n}", n) for n in range(12)]
    async with table(rows) as (grid, _):
        grid.move_cursor(11)
        grid.look_for("r1")
        assert [one.key for one in grid.rows] == ["r1", "r10", "r11"] and grid.cursor_key == "r11"
        assert grid.found == "3 of 12" and grid.sought == "r1"
        grid.set_rows([*rows, row("r12", 12)])
        assert grid.found == "4 of 13" and [one.key for one in grid.rows][-1] == "r12"
        grid.sort_by(1, True)
        assert [one.key for one in grid.rows] == ["r12", "r11", "r10", "r1"]
        grid.set_foot("/r1")
        assert lines(grid)[-1].startswith(" /r1")
        grid.look_for("")
        assert len(grid.rows) == 13
        assert grid.find(1) and grid.cursor_key == "r10" and grid.find(-1) and grid.cursor_key == "r11"
        grid.look_for("nothing")
        assert not grid.rows and not grid.find(1)
        assert grid.found == "0 of 13" and "/nothing " in grid.render_line(1).text
        grid.look_for("r1 foo>1")
        assert grid.found == "0 of 13 · no column foo"
        assert "13 hidden: no column foo /r1 foo>1" in grid.render_line(1).text
        for text, doubt in (
            ("value>>5", "no comparison value>>"),
            ("value=>5", "no comparison value=>"),
            ("value>x", "value> takes a number"),
        ):
            grid.look_for(text)
            assert not grid.rows and grid.found == f"0 of 13 · {doubt}"
        grid.look_for("value>")
        assert len(grid.rows) == 13 and grid.found == "13 of 13", "unfinished: it narrows nothing yet"
        for text in ("value>99", "12:00:07"):
            grid.look_for(text)
            assert grid.found == "0 of 13", text


async def test_the_log_marks_what_is_searched_and_filters_by_level() -> None:
    app = Host()
    pane = LogsPane()
    app.table = pane  # type: ignore[assignment]
    texts = ("started", "feed up", "order lost", "FEED down", "ready")
    levels = ("info", "debug", "error", "warning", "info")
    log = [
        LogRow(n, n + 1, level, "x", text) for n, (level, text) in enumerate(zip(levels, texts, strict=True))
    ]
    async with app.run_test(size=(60, 8)):
        pane.show(log)
        pane.look_for("feed")
        assert len(pane.rows) == 5 and pane.cursor_key == "3" and pane.found == "2 of 5"
        hit = pane.cell_styles()["hit"]
        marked_parts = [s.text for s in pane._row_strip(pane.rows[3], 60) if s.style == hit]
        assert marked_parts == ["FEED"] and hit.reverse
        assert pane.find(1) and pane.cursor_key == "1" and pane.find(1) and pane.cursor_key == "3"
        pane.look_for("warn+")
        assert [one.key for one in pane.rows] == ["2", "3"]
        pane.look_for("")
        pane.step_level(-1)
        pane.show(log)
        assert pane.mode == "error and above" and [one.key for one in pane.rows] == ["2"]
        pane.step_level(1)
        pane.show(log)
        assert pane.mode == "" and len(pane.rows) == 5


async def test_a_page_is_searched_line_by_line() -> None:
    app = Host()
    page = Lines([((f"line {n}" + (" Needle" if n % 20 == 7 else ""), "text"),) for n in range(60)])
    app.table = page  # type: ignore[assignment]
    async with app.run_test(size=(30, 10)) as pilot:
        page.look_for("needle")
        await pilot.pause()
        assert page.found == "1 of 3"
        assert page.find(1) and page.found == "2 of 3"
        await pilot.pause()
        shown = [page.render_line(y) for y in range(10)]
        assert any(
            s.text == "Needle" and s.style is not None and s.style.reverse for line in shown for s in line
        )
        assert page.find(-1) and page.find(-1) and page.found == "3 of 3"
        page.look_for("")
        assert page.found == "0 of 0"
        assert page.find(1) and page.sought == "needle", "what was looked for last"
        page.look_for("haystack")
        assert not page.find(1)
