"""From when to when a tape goes, whatever its form, and without playing it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from console.cli import main
from engine.errors import TapeError
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.tape_info import tape_info
from engine.feeds.tape_span import tape_span
from engine.ticks import TICK
from tests.feeds.test_tape import binance_trade, row


def capture(count: int) -> bytes:
    return "".join(row(1_000 * n, binance_trade(n)) for n in range(1, count + 1)).encode()


def columnar(path: Path, count: int, blocks: int = 1) -> Path:
    ticks = np.zeros(count, TICK)
    ticks["recv_ns"] = np.arange(1, count + 1) * 10
    with ColumnarWriter(path, ["kraken:BTC/USD"]) as writer:
        for part in np.array_split(ticks, blocks):
            writer.write(part)
            writer.flush()
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_capture_its_first_and_last_line(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    content = capture(30_000)  # several chunks
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    span = tape_span(path)
    assert (span.kind, span.venue, span.from_ns, span.to_ns) == ("capture", "binance", 1_000, 30_000_000)
    assert span.bytes == path.stat().st_size and span.error == ""
    path.write_bytes(path.read_bytes()[:-40])  # a crash cut its last line off
    assert 29_000_000 < tape_span(path).to_ns <= 30_000_000


def test_a_compressed_one_is_left_when_nobody_waits_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(capture(30_000), 1))
    assert tape_span(path, stopped=lambda: True).to_ns == 0


def test_of_a_columnar_tape_its_first_and_last_block(tmp_path: Path) -> None:
    path = columnar(tmp_path / "a.tape", 1000, blocks=4)
    span = tape_span(path)
    assert (span.kind, span.venue, span.from_ns, span.to_ns) == ("ticks", "kraken", 10, 10_000)
    path.write_bytes(path.read_bytes()[:-3])  # the last block is cut off
    assert tape_span(path).to_ns == 7_500
    empty = columnar(tmp_path / "b.tape", 0)
    assert (tape_span(empty).from_ns, tape_span(empty).to_ns) == (0, 0)


def test_the_command_tells_a_line_a_tape_and_goes_on_after_what_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = columnar(tmp_path / "a.tape", 10), tmp_path / "b.tape"
    bad.write_text("nothing")
    assert main(["tape", "span", "--json", str(bad), str(good)]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "is not a tape" in told[0]["error"] and told[1]["to_ns"] == 100
    assert main(["tape", "span", str(good)]) == 0
    assert "kraken, 1970-01-01 00:00:00.000 UTC to" in capsys.readouterr().out
    with pytest.raises(TapeError, match="is not a tape"):
        tape_span(bad)


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["binance/spot_btcusdt_20240808-09", "tapes/us_stock_XXX_taq_trades_quotes_20180102"],
)
def test_of_real_tapes_what_reading_them_tells(name: str, data_dir: Path) -> None:
    path = data_dir / "feeds" / f"{name}.jsonl.gz"
    span, info = tape_span(path), tape_info(path)
    # A capture's first and last frames may be none of its ticks.
    assert 0 <= info.from_ns - span.from_ns < 5e9
    assert 0 <= span.to_ns - info.to_ns < 5e9
