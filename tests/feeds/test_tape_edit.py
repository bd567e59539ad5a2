"""tickdesk tape: what is on a tape, a part of it, the same in another form."""

from __future__ import annotations

import csv
import gzip
import json
import resource
from pathlib import Path

import numpy as np
import polars
import pytest

from console.cli import main
from engine.events import NS, MarketEvent, Quote, Trade
from engine.feeds.columnar import ColumnarReader, ColumnarWriter
from engine.feeds.packing import Packer
from engine.feeds.tape import Tape, events_of
from engine.feeds.tape_info import tape_info

START_NS = 1_700_000_000 * NS


def trade(symbol: str, trade_id: int, at_s: float) -> Trade:
    at_ns = START_NS + int(at_s * NS)
    return Trade(symbol, trade_id, 100.25, 0.5, 1, at_ns - 1_000_000, at_ns)


def quote(symbol: str, at_s: float, size: float = 2.0) -> Quote:
    at_ns = START_NS + int(at_s * NS)
    return Quote(symbol, 100.0, size, 100.5, 3.0, at_ns, at_ns)


EVENTS: list[MarketEvent] = [
    trade("kraken:BTC/USD", 7, 0),
    quote("bybit:XRPUSDT", 1, float("nan")),
    trade("kraken:BTC/USD", 8, 2),
    trade("bybit:XRPUSDT", 900, 3),
    trade("kraken:BTC/USD", 12, 4),
    quote("kraken:BTC/USD", 5),
]


def tape(path: Path, events: list[MarketEvent]) -> Path:
    packer = Packer()
    packer.add(events)
    with ColumnarWriter(path, packer.symbols) as writer:
        writer.write(*packer.take())
    return path


def read(path: Path) -> list[MarketEvent]:
    found, played = Tape([path]), []
    for batch in found.batches():
        played += batch if isinstance(batch, list) else events_of(batch, found.symbols)
    return played


def test_info_tells_what_is_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tape(tmp_path / "a.tape", EVENTS)
    info = tape_info(path)
    assert (info.kind, info.venue, info.trades, info.quotes, info.gaps) == ("ticks", "bybit, kraken", 4, 2, 1)
    assert (info.from_ns, info.to_ns) == (START_NS, START_NS + 5 * NS)
    told = {row.symbol: (row.trades, row.gaps, row.missing) for row in info.symbols}
    assert told == {"kraken:BTC/USD": (3, 1, 3), "bybit:XRPUSDT": (1, None, None)}  # whose ids are no row
    assert main(["tape", "info", str(path)]) == 0
    out = capsys.readouterr().out
    assert "from      2023-11-14 22:13:20.000 UTC" in out
    assert "kraken:BTC/USD          3 trades, 1 quotes, 1 gaps (3 trades)" in out
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["tape", "info", "--json", str(path)]) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert again["truncated"] and again["trades"] == 0


def test_a_part_of_a_tape_of_ticks(tmp_path: Path) -> None:
    path, out = tape(tmp_path / "a.tape", EVENTS), tmp_path / "b.tape"
    times = ["--from", "2023-11-14T22:13:22", "--to", "2023-11-14T22:13:24+00:00"]
    assert main(["tape", "cut", str(path), *times, "-o", str(out)]) == 0
    assert read(out) == EVENTS[2:4]
    one = tmp_path / "c.tape"
    assert main(["tape", "cut", str(path), "--symbols", "XBT/USD", "-o", str(one)]) == 0
    assert read(one) == [EVENTS[n] for n in (0, 2, 4, 5)]
    other = tmp_path / "d.tape"
    assert main(["tape", "cut", str(path), "--symbols", "bybit:XRPUSDT", "-o", str(other)]) == 0
    assert repr(read(other)) == repr([EVENTS[1], EVENTS[3]])


def test_a_part_of_a_capture_can_still_be_read(data_dir: Path, tmp_path: Path) -> None:
    whole = data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz"
    out = tmp_path / "part.jsonl.gz"
    assert main(["tape", "cut", str(whole), "--symbols", "SKL/USD", "-o", str(out)]) == 0
    assert {event.symbol for event in read(out) if isinstance(event, Trade)} == {"coinbase:SKL-USD"}
    assert main(["check-feed", "coinbase", str(out)]) == 0
    assert [spec.symbol for spec in Tape([out]).specs]
    late = tmp_path / "late.jsonl"
    assert main(["tape", "cut", str(whole), "--from", "2021-04-17T16:43:50", "-o", str(late)]) == 0
    rows = [json.loads(line) for line in late.read_text().splitlines()]
    assert rows[0]["ch"] == "http"
    assert min(row["t"] for row in rows if row["ch"] == "ws") >= 1_618_677_830 * NS


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz"])
def test_ticks_there_and_back(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, there, back = tape(tmp_path / "a.tape", EVENTS), tmp_path / f"b.{form}", tmp_path / "c.tape"
    assert main(["tape", "convert", str(path), "-o", str(there)]) == 0
    assert repr(read(there)) == repr(EVENTS)
    assert "only a .tape holds the steps" in capsys.readouterr().err
    assert main(["tape", "convert", str(there), "-o", str(back)]) == 0
    assert capsys.readouterr().err == ""
    assert back.read_bytes() == path.read_bytes()
    assert tape_info(there).kind == "lines"


def test_a_capture_becomes_every_other_form(data_dir: Path, tmp_path: Path) -> None:
    capture = data_dir / "feeds/coinbase/exchange_5products_20210417.jsonl.gz"
    outs = {form: tmp_path / f"a.{form}" for form in ("tape", "csv", "csv.gz", "parquet")}
    for out in outs.values():
        assert main(["tape", "convert", str(capture), "-o", str(out)]) == 0
    blocks = list(ColumnarReader(outs["tape"]).blocks())
    ticks = np.concatenate(blocks)
    with gzip.open(outs["csv.gz"], "rt") as file:
        assert file.read() == outs["csv"].read_text()
    rows = list(csv.DictReader(outs["csv"].read_text().splitlines()))
    frame = polars.read_parquet(outs["parquet"])
    taken = [one for one in read(capture) if isinstance(one, Trade | Quote)]
    assert len(rows) == len(ticks) == len(frame) == len(taken) > 84 + 1200
    assert [int(row["recv_ns"]) for row in rows] == frame["recv_ns"].to_list() == ticks["recv_ns"].tolist()
    traded = [row for row in rows if row["kind"] == "trade"]
    assert traded[0]["symbol"] == "coinbase:BAND-GBP" and float(traded[0]["price"]) == 14.7775
    assert {row["side"] for row in traded} == {"buy", "sell"}
    assert {row["bid"] for row in traded} == {""}
    assert frame.filter(polars.col("kind") == "trade")["price"][0] == 14.7775


def test_what_cannot_be_done_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tape(tmp_path / "a.tape", EVENTS)
    for arguments, code, words in (
        (["convert", str(path), "-o", str(tmp_path / "a.xls")], 1, "must end with one of .tape, .jsonl"),
        (["convert", str(path), "-o", str(path)], 1, "exists already"),
        (["convert", str(path)], 2, "takes one FILE, and -o OUT"),
        (["cut", str(path), "--from", "yesterday", "-o", str(tmp_path / "b.tape")], 2, "is no time"),
        (["cut", str(tmp_path / "none"), "-o", str(tmp_path / "b.tape")], 1, "no such file"),
        (["info", str(tmp_path / "none")], 1, "cannot read the tape"),
        (["info", str(path), "--symbols", "BTC/USD"], 2, "tape info takes no --since, --until or --symbols"),
        (["convert", str(path), "--from", "2023", "-o", str(tmp_path / "b.tape")], 2, "cut the tape first"),
    ):
        assert main(["tape", *arguments]) == code
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1


@pytest.mark.parametrize("form", ["tape", "jsonl", "jsonl.gz", "csv", "csv.gz", "parquet"])
def test_what_cannot_be_written_whole_is_not_written(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [trade("kraken:BTC/USD", n, n / 7 + n**2 % 13 / 1000) for n in range(20_000)]
    path, out = tape(tmp_path / "a.tape", many), tmp_path / "out" / f"b.{form}"
    out.parent.mkdir()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, most))  # as where the disk is full
    try:
        assert main(["tape", "convert", str(path), "-o", str(out)]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    told = capsys.readouterr().err
    assert told.startswith("tickdesk: cannot write") and str(out) in told and told.count("\n") == 1
    assert list(out.parent.iterdir()) == []
    assert main(["tape", "convert", str(path), "-o", str(out)]) == 0
    assert [one.name for one in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("what", ["cut", "convert"])
@pytest.mark.parametrize("form", ["tape", "jsonl.gz"])
def test_a_tape_that_was_cut_off_is_said_to_be(
    form: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [trade("kraken:BTC/USD", n, n / 7) for n in range(200_000 if form == "tape" else 2000)]
    path, out = tape(tmp_path / "a.tape", many), tmp_path / "b.tape"
    if form != "tape":
        out = tmp_path / "b.jsonl.gz"
        assert main(["tape", "convert", str(path), "-o", str(tmp_path / f"a.{form}")]) == 0
        path = tmp_path / f"a.{form}"
    assert main(["tape", what, str(path), "-o", str(tmp_path / f"whole.{form}")]) == 0
    assert "cut off" not in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-100])
    assert main(["tape", what, str(path), "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert f"{path} ends before its end (cut off or damaged): what came before was written" in told.err
    assert 0 < len(read(out)) < len(many)


@pytest.mark.parametrize("part", [["--symbols", "NO/SUCH"], ["--from", "2030-01-01"], ["--to", "1999-01-01"]])
@pytest.mark.parametrize("form", ["tape", "jsonl", "capture"])
def test_a_part_with_nothing_in_it_is_no_tape(
    form: str, part: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tape(tmp_path / "a.tape", EVENTS), tmp_path / "out"
    if form == "jsonl":
        path = tmp_path / "a.jsonl"
        assert main(["tape", "convert", str(tmp_path / "a.tape"), "-o", str(path)]) == 0
    elif form == "capture":
        path = tmp_path / "c.jsonl"
        frames = [
            '{"type":"heartbeat"}',
            '{"type":"match","trade_id":1,"side":"sell","size":"1","price":"2","product_id":"BTC-USD",'
            '"sequence":1,"time":"2023-11-14T22:13:20.000000Z"}',
        ]
        rows = [{"t": START_NS + n, "ch": "ws", "url": "", "raw": raw} for n, raw in enumerate(frames)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert main(["tape", "cut", str(path), *part, "-o", str(out)]) == 1
    assert f"nothing of {path} is of that time and those symbols" in capsys.readouterr().err
    assert not out.exists()
