"""Daily runs as lines to read: the days, the steps of one of them, its orders and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.api.daily_protocol import DailyDetail, DailyOrderRow, DailyRow, DailyStepRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.text_table import table_lines

_STATES: Mapping[str, Cell] = {
    "done": ("✓ done", "good"),
    "skipped": ("– skipped", "muted"),
    "running": ("▶ running", "accent"),
    "killed": ("✗ killed", "bad"),
    "failed": ("✗ failed", "bad"),
    "waiting": ("· waiting", "muted"),
}
_ORDER_STATES = {"done": "good", "denied": "bad", "left": "warn", "sending": "warn"}
_RUNS = (
    Column("mark", "", 1, 0),
    Column("day", "day", 10, 0),
    Column("kind", "run", 9, 1, grow=6),
    Column("state", "state", 9, 0),
    Column("steps", "steps", 5, 1, right=True),
    Column("took", "took", 5, 2, right=True),
    Column("text", "came to", 20, 2, grow=FILL),
)
_STEPS = (
    Column("step", "step", 9, 0),
    Column("state", "state", 9, 0),
    Column("tries", "tries", 5, 3, right=True),
    Column("took", "took", 7, 1, right=True),
    Column("text", "came to", 20, 0, grow=FILL),
)
_ORDERS = (
    Column("number", "nr", 4, 2, right=True),
    Column("symbol", "symbol", 12, 0, grow=10, whole=24),
    Column("side", "side", 4, 0),
    Column("quantity", "quantity", 10, 0, right=True, grow=4),
    Column("state", "state", 7, 0),
    Column("filled", "filled", 10, 1, right=True, grow=4),
    Column("price", "price", 10, 2, right=True, grow=4),
    Column("text", "", 12, 1, grow=FILL),
)
_SHOWN = 8
"""Runs that are listed around the one that is shown."""


def daily_lines(
    runs: Sequence[DailyRow], chosen: int, detail: DailyDetail | None, now_ns: int, width: int
) -> list[Line]:
    """The list of days, ``chosen`` of them marked, and what is known of that one."""
    if not runs:
        return [
            (("no daily run yet", "text"),),
            (("tickdesk daily begins one; tickdesk systemd --timer prints a timer for it", "muted"),),
        ]
    first = max(0, min(chosen - _SHOWN // 2, len(runs) - _SHOWN))
    rows = [
        _run(row, now_ns, marked=number == chosen)
        for number, row in enumerate(runs[first : first + _SHOWN], first)
    ]
    lines = table_lines(_RUNS, rows, width)
    row = runs[chosen]
    lines += section(f"{row.day} {kind_words(row)}", row.account)
    for step in row.steps:
        if step.state in ("failed", "killed"):
            lines += _fault(row, step, width)
    lines += table_lines(_STEPS, [_step(step, now_ns) for step in row.steps], width)
    if detail is not None:
        lines += _figures(detail)
        lines += _orders(detail.orders, width)
    return lines


def kind_words(row: DailyRow) -> str:
    return f"{row.kind} (dry)" if row.dry else row.kind


def _run(row: DailyRow, now_ns: int, *, marked: bool) -> list[Cell]:
    over = sum(step.state in ("done", "skipped") for step in row.steps)
    return [
        ("›" if marked else " ", "accent"),
        (row.day, "bold" if marked else "text"),
        (kind_words(row), "text"),
        _STATES.get(row.state, (row.state, "text")),
        (f"{over}/{len(row.steps)}", "muted"),
        (_took(row.started_ns, row.ended_ns, now_ns, row.state), "muted"),
        (row.text, "bad" if row.state == "failed" else "text"),
    ]


def _step(step: DailyStepRow, now_ns: int) -> list[Cell]:
    bad = step.state in ("failed", "killed")
    return [
        (step.name, "muted" if step.state == "waiting" else "text"),
        _STATES.get(step.state, (step.state, "text")),
        (str(step.attempt) if step.attempt > 1 else "", "warn"),
        (_took(step.started_ns, step.ended_ns, now_ns, step.state), "muted"),
        (step.text, "bad" if bad else "muted" if step.state == "skipped" else "text"),
    ]


def _fault(row: DailyRow, step: DailyStepRow, width: int) -> list[Line]:
    """What is wrong, whole, and what to do."""
    goes_on = f"its process ended in the middle: `tickdesk {row.kind}` goes on at this step"
    todo = step.todo or goes_on
    lines: list[Line] = []
    if step.text:
        lines += [((part, "bad"),) for part in wrapped(f"✗ {step.name}: {step.text}", width)]
    return [*lines, *(((part, "bold"),) for part in wrapped(f"next: {todo}", width))]


def wrapped(text: str, width: int) -> list[str]:
    """In lines of ``width`` cells, broken at blanks."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, line]


def _figures(detail: DailyDetail) -> list[Line]:
    if not detail.report:
        return []
    lines = section("The day")
    for text in detail.report:
        label, _, value = text.partition(": ")
        lines.append(((f"{label:<20}", "muted"), (value, "text")))
    return lines


def _orders(orders: Sequence[DailyOrderRow], width: int) -> list[Line]:
    if not orders:
        return []
    return [*section("Orders"), *table_lines(_ORDERS, [_order(order) for order in orders], width)]


def _order(order: DailyOrderRow) -> list[Cell]:
    return [
        (str(order.number), "muted"),
        (order.symbol, "text"),
        (order.side, "up" if order.side == "buy" else "down"),
        (figures.amount(order.quantity), "text"),
        (order.state, _ORDER_STATES.get(order.state, "text")),
        (figures.amount(order.filled) if order.filled else "", "text"),
        (figures.amount(order.price) if order.price else "", "text"),
        ("" if order.text == "filled" else order.text, "muted"),
    ]


def _took(started_ns: int, ended_ns: int, now_ns: int, state: str) -> str:
    if not started_ns:
        return ""
    if not ended_ns:
        return figures.age(now_ns - started_ns) if state == "running" else ""
    took_s = (ended_ns - started_ns) / 1e9
    return f"{took_s:.1f} s" if took_s < 10 else figures.age(ended_ns - started_ns)
