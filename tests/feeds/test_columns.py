"""A block's columns become the rows that they were made of, and what no writer wrote is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds.column_kernel import BEFORE_RECEIPT, DELTA, DELTA_BYTES, PLAIN, SCALED
from engine.feeds.columns import CODES_V1, Ticks, packed, unpacked
from engine.ticks import TICK

NAMES = TICK.names or ()


def block(rows: Ticks, head: bytes = b"") -> tuple[bytes, bytes]:
    """(``head`` and the columns, their codes)."""
    parts = [packed(rows, name) for name in NAMES]
    return head + b"".join(column for _, column in parts), bytes(code for code, _ in parts)


def some(count: int = 5) -> Ticks:
    rows = np.zeros(count, TICK)
    rows["recv_ns"] = 1_700_000_000_000_000_000 + np.arange(count) * 7
    rows["event_ns"] = rows["recv_ns"] - 3
    rows["a"] = 0.25
    return rows


def with_code(codes: bytes, name: str, code: int) -> bytes:
    changed = bytearray(codes)
    changed[NAMES.index(name)] = code
    return bytes(changed)


@given(st.binary(max_size=64 * 9), st.binary(max_size=9))
def test_any_rows_come_back_wherever_the_columns_begin(body: bytes, head: bytes) -> None:
    rows = np.frombuffer(body[: len(body) // 64 * 64], TICK).copy()
    rows["symbol"] &= 3
    raw, codes = block(rows, head)
    found = unpacked(raw, codes, len(head), len(rows), 4)
    assert found is not None and found.tobytes() == rows.tobytes()


@pytest.mark.parametrize("symbol", [-1, 2, 2**31 - 1])
def test_a_tick_of_none_of_the_symbols_is_refused(symbol: int) -> None:
    rows = some()
    rows["symbol"][3] = symbol
    raw, codes = block(rows)
    assert unpacked(raw, codes, 0, len(rows), 2) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("recv_ns", BEFORE_RECEIPT),
        ("trade_id", BEFORE_RECEIPT),
        ("event_ns", SCALED),
        ("symbol", DELTA),
        ("flags", DELTA_BYTES),
        ("a", DELTA),
        ("d", SCALED + 10),
        ("d", 255),
    ],
)
def test_a_code_that_a_column_cannot_have_is_refused(name: str, code: int) -> None:
    rows = some()
    raw, codes = block(rows)
    assert unpacked(raw, codes, 0, len(rows), 1) is not None
    assert unpacked(raw, with_code(codes, name, code), 0, len(rows), 1) is None


def test_the_first_version_has_differences_and_the_rest_as_it_is() -> None:
    rows = some()
    deltas = ("recv_ns", "event_ns", "trade_id")
    columns = [np.diff(rows[n], prepend=np.int64(0)) if n in deltas else rows[n] for n in NAMES]
    found = unpacked(b"".join(one.tobytes() for one in columns), CODES_V1, 0, len(rows), 1)
    assert found is not None and found.tobytes() == rows.tobytes()
    assert CODES_V1[NAMES.index("a")] == PLAIN
