"""Alerts: the rules as a table, and as a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.alert_rule import OF_SYMBOL, ONLY_ABOVE, AlertRule
from engine.api.alert_protocol import AlertRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.form import FormField
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow
from widgets.symbol_names import short_name

Values = Mapping[str, str]

KINDS = {
    "last": "last price",
    "bid": "bid",
    "ask": "ask",
    "change": "change %",
    "score": "blended score",
    "opportunity": "opportunity",
    "day_pnl": "day P&L",
    "drawdown": "drawdown %",
    "unrealized": "position's P&L",
    "feed": "feed silent",
}
_UNITS = {
    "change": "percent",
    "drawdown": "percent",
    "feed": "seconds",
    "score": "-1 to 1",
    "opportunity": "0 to 1",
}
"""Of a value, where it is no price and no amount."""
_SIDES = {"above": "▲ above", "below": "▼ below"}
_BLIND = "? blind"
_ON = {"": "once", "on": "again"}
_ANY = ""
_MAY_BE_NOTHING = frozenset({"opportunity", "unrealized"})
"""No opportunity yet, no position: nothing is amiss. All else that is not known cannot come true."""


class AlertsGrid(Grid):
    COLUMNS = (
        Column("on", "on", 3, 0),
        Column("what", "alert", 26, 0, grow=30),
        Column("state", "state", 8, 1),
        Column("now", "now", 10, 2, right=True, grow=4),
        Column("fired", "fired", 5, 1, right=True),
        Column("last", "last", 16, 3, exported="time"),
        Column("repeat", "", 5, 4),
        Column("note", "note", 8, 5, grow=FILL),
        Column("id", "id", 4, 6),
    )
    EMPTY = "no alerts: a makes one"

    def show(self, rows: Sequence[AlertRow]) -> int:
        return self.set_rows([alert_cells(row) for row in rows])


def alert_cells(row: AlertRow) -> GridRow:
    rule, now_ink = row.rule, "stale" if row.stale else "text" if row.on else "muted"
    state: Cell = ("off", "muted")
    if row.on:
        state = ("● armed", "good") if row.armed else ("◌ waits", "accent")
        if row.now is None and rule.what not in _MAY_BE_NOTHING:
            state = (_BLIND, "warn")
    elif row.fired:
        state = ("✓ came", "warn")
    return GridRow(
        row.id,
        (
            ("[x]", "good") if row.on else ("[ ]", "muted"),
            (row.text, "bold" if row.on else "muted"),
            state,
            (
                figures.UNKNOWN if row.now is None else f"{'~' * row.stale}{figures.any_number(row.now)}",
                now_ink,
            ),
            (str(row.fired), "warn" if row.fired else "muted"),
            (figures.moment(row.last_ns) if row.last_ns else figures.UNKNOWN, "muted"),
            (_ON["on" if rule.repeat else ""], "muted"),
            (rule.note, "muted"),
            (row.id, "muted"),
        ),
        (row.on, row.text, state[0], row.now, row.fired, row.last_ns or None, rule.repeat, rule.note, row.id),
    )


def alert_lines(row: AlertRow) -> list[Line]:
    """All of one, for where the columns are cut."""
    rule = row.rule
    more = [f"back by {rule.rearm:g} first"] if rule.rearm else []
    again = f"again, {rule.pause_s:g} s apart at least" if rule.repeat else "once"
    said = ", ".join([again, *more])
    waits = "" if row.armed or not row.on else "  waits until it is on the other side"
    if alert_cells(row).cells[2][0] == _BLIND:
        waits = "  nothing of it is known: it cannot come true"
    return [
        ((row.text, "bold"), (f"  {rule.note}" if rule.note else "", "text")),
        ((said, "muted"), (waits, "accent")),
    ]


def alert_fields(values: Values, symbols: Sequence[str]) -> list[FormField]:
    """What a rule of the chosen kind is made of."""
    what = values["what"]

    def of(
        key: str, label: str, column: int, choices: Mapping[str, str] | None = None, hint: str = ""
    ) -> FormField:
        return FormField(key, label, values.get(key, ""), tuple((choices or {}).items()), hint, column)

    fields = [of("what", "when", 0, KINDS)]
    names = {symbol: short_name(symbol) for symbol in symbols}
    if what in OF_SYMBOL:
        fields.append(of("symbol", "symbol", 0, names))
    if what == "opportunity":
        fields.append(of("symbol", "symbol", 0, {_ANY: "any", **names}))
    if what not in ONLY_ABOVE:
        fields.append(of("beyond", "goes", 0, _SIDES))
    fields.append(of("value", "value", 0, hint=_UNITS.get(what, "value")))
    if what == "change":
        fields.append(of("window_s", "within", 0, hint="seconds"))
    if what in ("opportunity", "feed"):
        label = "venue" if what == "feed" else "source"
        fields.append(FormField("source", label, values.get("source", ""), hint="any", column=1, text=True))
    fields.append(of("repeat", "tell", 1, _ON))
    if values.get("repeat"):
        fields.append(of("pause_s", "pause", 1, hint="60 s"))
        if what != "opportunity":
            fields.append(of("rearm", "back by", 1, hint="0"))
    fields.append(FormField("note", "note", values.get("note", ""), hint="none", column=1, text=True))
    return fields


def alert_of(values: Values) -> AlertRule:
    """The rule that the shown fields say. Raises ValueError, one line, for what is no number."""
    shown = {field.key: field.value for field in alert_fields(values, ())}
    wanted: dict[str, Any] = {"what": values["what"], "value": _number("value", shown.get("value", ""))}
    for key in ("window_s", "pause_s", "rearm"):
        if shown.get(key):
            wanted[key] = _number(key, shown[key])
    for key in ("symbol", "source", "beyond", "note"):
        if shown.get(key):
            wanted[key] = shown[key].strip()
    return AlertRule(repeat=bool(shown.get("repeat")), **wanted)


def _number(name: str, text: str) -> float:
    value = figures.decimal(text)
    if value is None:
        raise ValueError(f"give the {name.removesuffix('_s')}")
    return float(value)
