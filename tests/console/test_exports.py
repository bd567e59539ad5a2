"""What leaves the console: CSV, files, the clipboard."""

from __future__ import annotations

import base64
import csv
import io
import stat
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clipboard import LONGEST, osc52
from console.export_files import ExportError, write_file
from console.table_csv import grid_csv, guarded, iso, struct_csv
from engine.plain_number import is_plain
from widgets.columns import Column
from widgets.rows import GridRow

NS = 1_700_000_000_123_456_789


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_table_is_written_with_all_its_digits_and_times() -> None:
    columns = (
        Column("symbol", "symbol", 9),
        Column("last", "last", 9, shorten=True),
        Column("age", "age", 4, exported="time", heading="created"),
        Column("done", "filled/qty", 9, exported="text"),
    )
    row = GridRow(
        "=1+1",
        (("▲ X", "bold"), ("~67,012.5", "text"), ("2m", "text"), (" 0/0.58 ", "text")),
        ("@x", Decimal("67012.50000001"), -NS, Decimal("0.58")),
    )
    bare = GridRow("o2", (("Y", "text"), ("1", "text"), ("–", "text"), ("", "text")), ("Y", None, None, None))
    assert read(grid_csv(columns, [row, bare])) == [
        ["id", "symbol", "last", "created", "created_ns", "filled/qty"],
        ["'=1+1", "'@x", "67012.50000001", "2023-11-14T22:13:20.123456789Z", str(NS), "0/0.58"],
        ["o2", "Y", "", "", "", ""],
    ]


class Row(msgspec.Struct):
    name: str
    ns: int
    worth: float | None
    ok: bool
    parts: tuple[str, ...]


def test_structs_are_written_by_their_fields() -> None:
    text = struct_csv([Row("-cmd", NS, -0.1, True, ("a", "b")), Row("-1.5", 0, None, False, ())])
    assert read(text) == [
        ["name", "ns", "time_utc", "worth", "ok", "parts"],
        ["'-cmd", str(NS), iso(NS), "-0.1", "true", '["a","b"]'],
        ["-1.5", "0", "", "", "false", "[]"],
    ]
    assert struct_csv([]) == ""


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_cell_begins_a_formula(text: str) -> None:
    cell = guarded(text)
    assert is_plain(cell) or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert is_plain(cell) or not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text


@pytest.mark.parametrize("text", ["\u200b=cmd()", "\n=cmd()", " =cmd()", "\x1b[31m\u202e\x9b2Jx", "\ta"])
def test_a_cell_from_outside_is_no_escape_and_hides_no_formula(text: str) -> None:
    written = struct_csv([Row(text, 0, None, False, (text,))])
    assert not {"\x1b", "\x9b", "\u200b", "\u202e"} & {*written}
    cell = read(written)[1][0]
    assert cell.startswith("'") is ("x" not in text)


def test_files_are_for_this_user_only_and_none_is_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "exports"
    first = write_file(folder, "Working orders/../x", NS, ".csv", "a\r\n")
    second = write_file(folder, "Working orders/../x", NS, ".csv", "b\r\n")
    assert first.name == "working-orders----x-20231114T221320Z.csv" and first.parent == folder
    assert first.read_bytes() == b"a\r\n" and second.read_bytes() == b"b\r\n" and first != second
    assert stat.S_IMODE(first.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        write_file(tmp_path / "file", "x", NS, ".csv", "")


def unwrapped(sequence: str) -> str:
    return sequence.removeprefix("\x1b]52;c;").removesuffix("\a")


def test_the_clipboard_through_multiplexers() -> None:
    text = "BTC-USD\t67,012.5 €" * 60
    plain = osc52(text, {})
    assert plain is not None and base64.b64decode(unwrapped(plain)).decode() == text
    tmux = osc52(text, {"TMUX": "/tmp/x"})
    assert tmux is not None and tmux.startswith("\x1bPtmux;\x1b\x1b]52;c;") and tmux.endswith("\a\x1b\\")
    screen = osc52(text, {"STY": "1.pts"})
    assert screen is not None
    chunks = screen.split("\x1b\\")
    assert chunks.pop() == "" and all(c.startswith("\x1bP") and len(c) <= 256 for c in chunks)
    assert "".join(c.removeprefix("\x1bP") for c in chunks) == plain


def test_more_than_terminals_take_is_not_sent() -> None:
    assert osc52("x" * (LONGEST // 4 * 3), {}) is not None
    assert osc52("x" * (LONGEST // 4 * 3 + 1), {}) is None
