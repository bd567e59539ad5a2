"""The columnar tape: exact, and readable up to the last whole block after a crash."""

from __future__ import annotations

import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import TapeError
from engine.feeds.columnar import MAGIC, ColumnarReader, ColumnarWriter, Ticks
from engine.feeds.tape_ticks import TapeTicks
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


def test_symbols_may_join_on_the_way(tmp_path: Path) -> None:
    path, ticks = tmp_path / "a.tape", random_ticks(3000)
    with ColumnarWriter(path, []) as writer:
        for first, symbol in ((0, "x:A"), (1000, "x:B"), (2000, "x:C")):
            writer.add_symbols([symbol])
            part = ticks[first : first + 1000]
            part["symbol"] = writer.symbols - 1
            writer.write(part)
    reader = ColumnarReader(path)
    assert (reader.symbols, reader.ticks) == (["x:A", "x:B", "x:C"], 3000)
    assert read(reader).tobytes() == ticks.tobytes()
    cut = tmp_path / "cut.tape"
    cut.write_bytes(path.read_bytes()[:-1])
    reader = ColumnarReader(cut)
    assert read(reader).tobytes() == ticks[:2000].tobytes()
    assert reader.truncated


floats = st.floats() | st.sampled_from([0.0, -0.0, 0.1, 61837.63, 1e-9, 1e300, float("nan"), float("inf")])


@settings(max_examples=60)
@given(st.lists(st.tuples(floats, floats, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=300))
def test_every_number_comes_back_bit_for_bit(rows: list[tuple[float, float, int]]) -> None:
    ticks = np.zeros(len(rows), TICK)
    for name, column in zip(("a", "b", "recv_ns"), zip(*rows, strict=True), strict=True):
        ticks[name] = column
    ticks["event_ns"], ticks["trade_id"], ticks["c"] = ticks["recv_ns"][::-1], ticks["recv_ns"], -0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tape"
        with ColumnarWriter(path, ["x:A"]) as writer:
            writer.write(ticks)
        # Every NaN is written as it is: only its being none is kept by arithmetic.
        assert read(ColumnarReader(path)).tobytes() == ticks.tobytes()


def test_a_tape_of_the_first_version_is_still_read(tmp_path: Path) -> None:
    ticks = random_ticks(500)
    columns = []
    for name in TICK.names or ():
        column = np.ascontiguousarray(ticks[name])
        if name in ("recv_ns", "event_ns", "trade_id"):
            column = np.diff(column, prepend=np.int64(0))
        columns.append(column.tobytes())
    packed = zstandard.ZstdCompressor().compress(b"".join(columns))
    header = b'{"version":1,"symbols":["x:A","x:B"]}'
    path = tmp_path / "old.tape"
    path.write_bytes(
        MAGIC
        + struct.pack("<II", len(header), zlib.crc32(header))
        + header
        + struct.pack("<III", len(ticks), len(packed), zlib.crc32(packed))
        + packed
    )
    assert read(ColumnarReader(path)).tobytes() == ticks.tobytes()


def test_a_real_capture_takes_less_than_ten_bytes_a_tick(data_dir: Path, tmp_path: Path) -> None:
    capture = data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"
    for rows in (512, 8192):
        ticks, path = TapeTicks(capture), tmp_path / f"{rows}.tape"
        count = 0
        with ColumnarWriter(path, ["binance:BTCUSDT"]) as writer:
            for block, _ in ticks.blocks():
                for start in range(0, len(block), rows):
                    writer.write(block[start : start + rows])
                    writer.flush()
                count += len(block)
        assert count == 93_078
        assert path.stat().st_size / count < 9.5
