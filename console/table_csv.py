"""Tables as CSV (RFC 4180): all digits, times as ISO 8601 and as ns, nothing that a spreadsheet would run.

Text that begins like a formula gets an apostrophe in front, as in
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from console.export_files import Export
from engine.events import NS
from engine.plain_number import is_plain
from engine.text import clean_block
from widgets.columns import Column
from widgets.rows import GridRow

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_MARGIN = ("\t", "\r", "\n")
_LONGEST = 10_000
"""Characters of a cell: some spreadsheets take 32,767."""


def grid_csv(columns: Sequence[Column], rows: Iterable[GridRow]) -> str:
    """The rows of a table in the order shown, the key of each first."""
    header = ["id"]
    for column in columns:
        name = column.heading or column.title or column.key
        header += [name, f"{name}_ns"] if column.exported == "time" else [name]
    return _written(header, (_grid_row(columns, row) for row in rows))


def struct_csv(rows: Sequence[msgspec.Struct]) -> str:
    """A row per struct, all of one type, and a column per field; "" when there is none."""
    if not rows:
        return ""
    names = rows[0].__struct_fields__
    header = [
        part for name in names for part in ((name, f"{_stem(name)}_utc") if _is_time(name) else (name,))
    ]

    def values(row: msgspec.Struct) -> Iterable[Any]:
        for name in names:
            value = getattr(row, name)
            yield value
            if _is_time(name):
                yield iso(value) if isinstance(value, int) else ""

    return _written(header, (list(values(row)) for row in rows))


def exported(tables: Iterable[tuple[str, Sequence[msgspec.Struct]]]) -> list[Export]:
    """A file per (name, rows) that has any."""
    return [Export(name, ".csv", struct_csv(rows)) for name, rows in tables if rows]


def iso(ns: int) -> str:
    """``2026-01-01T12:00:00.000000001Z``; "" for 0 and below."""
    if ns <= 0:
        return ""
    seconds, rest = divmod(ns, NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def guarded(text: str) -> str:
    """``text`` that no spreadsheet takes for a formula; plain numbers stay."""
    begins = text.lstrip().startswith(_FORMULA) or text.startswith(_MARGIN)
    return f"'{text}" if begins and not is_plain(text) else text


def _grid_row(columns: Sequence[Column], row: GridRow) -> list[Any]:
    values: list[Any] = [row.key]
    for index, column in enumerate(columns):
        shown = row.cells[index][0].strip()
        value = row.order[index] if row.order else shown
        if column.exported == "time":
            ns = abs(value) if isinstance(value, int) else 0
            values += [iso(ns), ns or ""]
        else:
            values.append(shown if column.exported == "text" else value)
    return values


def _written(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_text(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str):
        return _text(value)
    return _text(msgspec.json.encode(value).decode())


def _text(text: str) -> str:
    """A file is shown by terminals too: no escape in it, nothing invisible before a formula."""
    return guarded(text if text.isascii() and text.isprintable() else clean_block(text, _LONGEST))


def _is_time(name: str) -> bool:
    return name == "ns" or name.endswith("_ns")


def _stem(name: str) -> str:
    return name.removesuffix("_ns") if name != "ns" else "time"
