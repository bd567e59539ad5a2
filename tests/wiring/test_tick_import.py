"""A file of ticks becomes a tape, and every line that does not is told."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from console.cli import main
from engine.config import Config
from engine.errors import BarsError, TapeError
from engine.feeds.columnar import ColumnarReader
from engine.feeds.tape import Tape
from engine.feeds.tape_edit import convert
from engine.wiring.history_import import stored_symbol
from engine.wiring.tick_import import ImportedTicks, import_ticks

START = 1_700_000_000


def _import(path: Path, out: Path, default: str = "AAPL") -> ImportedTicks:
    return import_ticks(
        path, out, lambda name: stored_symbol(name, Config()), outlier_pct=30.0, default_symbol=default
    )


def test_trades_and_quotes_of_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(
        "Time,Price,Size,Side,Trade ID,Bid,Ask,Bid Size,Ask Size\n"
        f"{START},,,,,99.5,100.5,3,4\n"
        f"{START}.25,100,2,buy,7,,,,\n"
        f"{START}500,101,1,s,8,100.5,101.5,,\n"
    )
    found = _import(path, tmp_path / "out.tape")
    assert (found.trades, found.quotes, found.reasons, found.symbols) == (2, 2, {}, ("poll:AAPL",))
    rows = [row for block in ColumnarReader(tmp_path / "out.tape").blocks() for row in block]
    assert [int(row["recv_ns"]) - START * 10**9 for row in rows] == [0, 250_000_000, 500_000_000, 500_000_000]
    assert [(row["a"], row["b"], int(row["aggressor"])) for row in rows] == [
        (99.5, 100.5, 0),
        (100.0, 2.0, 1),
        (100.5, 101.5, 0),
        (101.0, 1.0, -1),
    ]


def test_numbers_that_no_tape_holds_are_lines_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"time,price,size,id\n{START},100,1,1\n{START},100,1,{'9' * 30}\n1e30,100,1,3\n")
    found = _import(path, tmp_path / "out.tape")
    assert (found.trades, found.reasons) == (1, {"NUMBER": 1, "TIME": 1})


def test_every_line_that_is_not_believed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(
        "time,price,size,id\n"
        f"{START},100,1,1\n"
        f"{START + 1},100,1,1\n"  # the same trade again
        f"{START + 2},900,1,2\n"
        f"{START + 3},-5,1,3\n"
        "noon,100,1,4\n"
        f"{START + 5},many,1,5\n"
        f"{START + 6},,,\n"
        f"{START + 7},100\n"
    )
    found = _import(path, tmp_path / "out.tape")
    assert [(one.line, one.reason) for one in found.rejects] == [
        (3, "DUPLICATE"),
        (4, "OUTLIER"),
        (5, "NOT_POSITIVE"),
        (6, "TIME"),
        (7, "NUMBER"),
        (8, "EMPTY"),
        (9, "COLUMNS"),
    ]
    assert found.trades == 4  # what the screen refuses is on the tape: who plays it judges anew


def test_whose_ticks_they_are(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"symbol,time,price,size\nBTC-USD,{START},100,1\nbinance:ETHUSDT,{START + 1},200,1\n")
    assert _import(path, tmp_path / "out.tape", "").symbols == ("sim:BTC-USD", "binance:ETHUSDT")
    path.write_text(f"time,price,size\n{START},100,1\n")
    with pytest.raises(BarsError, match="--symbols"):
        _import(path, tmp_path / "other.tape", "")


def test_buyer_is_maker_means_that_the_taker_sold(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"time,price,qty,is_buyer_maker\n{START},100,1,true\n{START},100,1,False\n")
    _import(path, tmp_path / "out.tape")
    rows = [row for block in ColumnarReader(tmp_path / "out.tape").blocks() for row in block]
    assert [int(row["aggressor"]) for row in rows] == [-1, 1]


@pytest.mark.parametrize("form", ["csv", "parquet", "csv.gz"])
def test_what_a_tape_became_becomes_that_tape_again(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("polars")
    path = tmp_path / "ticks.csv"
    path.write_text(
        "symbol,time,price,size,bid,ask\n"
        + "".join(f"BTC-USD,{START + at},{100 + at / 7},{1 + at},99,111\n" for at in range(50))
    )
    _import(path, tmp_path / "first.tape")
    convert(tmp_path / "first.tape", tmp_path / f"between.{form}")
    _import(tmp_path / f"between.{form}", tmp_path / "second.tape")
    assert (tmp_path / "second.tape").read_bytes() == (tmp_path / "first.tape").read_bytes()


def test_a_share_is_quoted_in_the_account_s_currency(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"symbol,time,price,size\nAAPL,{START},123.4,1\nBTC-USD,{START},60000,1\n")
    _import(path, tmp_path / "out.tape", "")
    (spec,) = Tape([tmp_path / "out.tape"]).specs
    assert (spec.symbol, spec.quote_currency) == ("poll:AAPL", "USD")


def test_the_hour_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    zone, first = ZoneInfo("America/New_York"), int(datetime(2025, 11, 2, 4, tzinfo=UTC).timestamp())
    times = [first + 7 * at for at in range(2000)]
    path = tmp_path / "ticks.csv"
    told = [f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S}" for at in times]
    told[900:902] = told[901:899:-1]  # a service's own times need not rise
    path.write_text("time,price,size\n" + "".join(f"{time},100,1\n" for time in told))
    found = import_ticks(
        path, tmp_path / "a.tape", lambda name: "poll:X", outlier_pct=30.0, default_symbol="X", zone=zone
    )
    times[900:902] = times[901:899:-1]
    rows = np.concatenate(list(ColumnarReader(tmp_path / "a.tape").blocks()))
    assert found.trades == 2000 and rows["event_ns"].tolist() == [at * 10**9 for at in times]


def test_what_fails_half_way_leaves_no_tape(tmp_path: Path) -> None:
    path, out = tmp_path / "ticks.csv", tmp_path / "out"
    out.mkdir()
    path.write_text("time,price,size\n" + "".join(f"{START + at},{100 + at / 7},1\n" for at in range(500)))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, most))  # as where the disk is full
    try:
        with pytest.raises(TapeError, match=f"cannot write the tape {out / 'a.tape'}"):
            _import(path, out / "a.tape")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert list(out.iterdir()) == []
    _import(path, out / "a.tape")
    assert [one.name for one in out.iterdir()] == ["a.tape"]


def test_a_tape_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"time,price,size\n{START},100,1\n")
    (tmp_path / "out.tape").write_text("precious")
    with pytest.raises(TapeError, match="exists already"):
        _import(path, tmp_path / "out.tape")


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, rejects = tmp_path / "ticks.csv", tmp_path / "rejects.csv"
    path.write_text(f"time,price,size\n{START},100,1\n{START + 1},x,1\n=1+cmd(),1,1\n")
    out = tmp_path / "out.tape"
    given = ["tape", "import", str(path), "-o", str(out), "--symbols", "AAPL", "--rejects", str(rejects)]
    assert main(given) == 0
    told = capsys.readouterr()
    assert "1 trades and 0 quotes of poll:AAPL; not believed: 1 NUMBER, 1 TIME" in told.out
    assert "line 3: NUMBER" in told.err
    written = rejects.read_text().splitlines()
    assert written[1].startswith("ticks.csv,3,,NUMBER,")
    assert written[2] == 'ticks.csv,4,,TIME,"\'=1+cmd(),1,1"', "no spreadsheet runs it"
    assert main(["--state-dir", str(tmp_path), "replay", str(out)]) == 0
