"""The columnar tape: exact, and readable up to the last whole block after a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import TapeError
from engine.feeds.columnar import ColumnarReader, ColumnarWriter, Ticks
from engine.ticks import TICK


def random_ticks(count: int, seed: int = 3) -> Ticks:
    rng = np.random.default_rng(seed)
    ticks = np.zeros(count, TICK)
    ticks["recv_ns"] = np.cumsum(rng.integers(0, 10**9, count)) + 1_700_000_000_000_000_000
    ticks["event_ns"] = ticks["recv_ns"] - rng.integers(-(10**9), 10**9, count)
    ticks["trade_id"] = rng.integers(-1, 2**40, count)
    ticks["symbol"] = rng.integers(0, 2, count)
    ticks["kind"] = rng.integers(0, 2, count)
    ticks["aggressor"] = rng.integers(-1, 2, count)
    for name in "abcd":
        ticks[name] = rng.normal(60_000, 10, count)
    ticks["c"][::3] = np.nan
    return ticks


def write(path: Path, ticks: Ticks, piece: int = 7919) -> Path:
    with ColumnarWriter(path, ["x:A", "x:B"]) as writer:
        for start in range(0, len(ticks), piece):
            writer.write(ticks[start : start + piece])
    return path


def read(reader: ColumnarReader) -> Ticks:
    blocks = list(reader.blocks())
    return np.concatenate(blocks) if blocks else np.empty(0, TICK)


def test_what_is_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    ticks = random_ticks(150_000)
    reader = ColumnarReader(write(tmp_path / "a.tape", ticks))
    assert reader.symbols == ["x:A", "x:B"]
    assert read(reader).tobytes() == ticks.tobytes()
    assert not reader.truncated
    assert read(reader).tobytes() == ticks.tobytes()


@pytest.mark.parametrize("lost", [1, 20, 3000])
def test_a_cut_costs_the_last_block_only(tmp_path: Path, lost: int) -> None:
    ticks = random_ticks(140_000)
    path = write(tmp_path / "a.tape", ticks)
    path.write_bytes(path.read_bytes()[:-lost])
    reader = ColumnarReader(path)
    assert read(reader).tobytes() == ticks[:131_072].tobytes()
    assert reader.truncated


def test_a_damaged_block_ends_the_tape_there(tmp_path: Path) -> None:
    ticks = random_ticks(140_000)
    path = write(tmp_path / "a.tape", ticks)
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 1
    path.write_bytes(damaged)
    reader = ColumnarReader(path)
    assert len(read(reader)) == 131_072 and reader.truncated


def test_a_flush_makes_what_was_written_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    writer = ColumnarWriter(path, ["x:A", "x:B"])
    writer.write(random_ticks(10))
    writer.flush()
    assert len(read(ColumnarReader(path))) == 10
    writer.close()


def test_a_tick_of_no_known_symbol_is_refused(tmp_path: Path) -> None:
    with ColumnarWriter(tmp_path / "a.tape", ["x:A"]) as writer, pytest.raises(ValueError, match="table"):
        writer.write(random_ticks(100))


@pytest.mark.parametrize("keep", [4, 10, 20])
def test_a_tape_cut_in_its_header_is_refused(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.tape", random_ticks(5))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TapeError):
        ColumnarReader(path)
