"""What check-feed says of books that it could not check: never that they are right."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.cli.check_feed import lines
from engine.feeds.checking.coverage import Coverage, is_book, native_of
from engine.feeds.checking.files import check_file
from engine.feeds.checking.report import CheckReport, KindCount

Row = dict[str, Any]


def depth(first: int, last: int, symbol: str = "BTCUSDT") -> str:
    data = {"e": "depthUpdate", "E": 1, "s": symbol, "U": first, "u": last, "b": [["10", "1"]], "a": []}
    return json.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": data}, separators=(",", ":"))


def capture(path: Path, *raw: str, venue_url: str = "") -> Path:
    rows = [{"t": 1_723_161_253_000_000_000 + at, "ch": "ws", "raw": one} for at, one in enumerate(raw)]
    path.write_text("".join(json.dumps({**row, "url": venue_url}) + "\n" for row in rows))
    return path


def test_messages_are_counted_by_what_became_of_their_book() -> None:
    coverage = Coverage()
    for live in (False, False, True, True, False, False, False):  # the fifth is what was found wrong
        coverage.message("A", live)
    coverage.message("B", False)
    assert (coverage.after_fault, coverage.built, dict(coverage.never_built())) == (2, {"A"}, {"B": 1})
    coverage.whole("B")
    assert not coverage.never_built()
    coverage.whole("A")
    coverage.message("A", True)
    assert coverage.after_fault == 2


def test_messages_of_books_are_known_of_every_venue() -> None:
    for kind, raw, native in (
        ("depth", depth(1, 2), "BTCUSDT"),
        ("orderbook", '{"topic":"orderbook.50.XRPUSDT","data":{"s":"XRPUSDT"}}', "XRPUSDT"),
        ("book-10", '[336,{"b":[]},"book-10","XBT/USD"]', "XBT/USD"),
        ("l2_data", '{"channel":"l2_data","events":[{"product_id":"BTC-USD"}]}', "BTC-USD"),
        ("books", '{"arg":{"channel":"books","instId":"BTC-USDT"}}', "BTC-USDT"),
    ):
        assert is_book(kind, raw) and native_of(raw) == native
    assert not is_book("bookTicker", '{"u":1,"s":"A"}')
    assert not is_book("book", '{"method":"subscribe","result":{"channel":"book","symbol":"A"}}')


def test_a_book_that_was_never_built_is_not_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = capture(tmp_path / "a.jsonl", *(depth(at, at) for at in range(5)))
    assert main(["check-feed", "binance", str(path)]) == 1
    told = capsys.readouterr().out
    assert "WRONG: no book was ever built of BTCUSDT: 5 messages not judged" in told
    assert "has no ticker" not in told and "there is no book to compare" in told


def test_a_capture_of_another_venue_is_told_whose_it_is(tmp_path: Path) -> None:
    path = capture(tmp_path / "a.jsonl", *(depth(at, at) for at in range(5)))
    assert check_file("okx", path).wrong[-1].startswith("its frames look like those of binance: check")
    path = capture(tmp_path / "b.jsonl", depth(1, 1), venue_url="wss://stream.binance.com:9443/stream")
    assert "look like those of binance:" in check_file("binance-futures", path).wrong[-1]
    assert "look like" not in str(check_file("binance", path).wrong)
    frames = [
        f'{{"channel":"ticker","timestamp":"","sequence_num":{at},"events":[]}}' for at in (1, 2, 4)
    ]  # as Kraken's begin
    wrong = str(check_file("coinbase-advanced", capture(tmp_path / "c.jsonl", *frames)).wrong)
    assert "undecodable" in wrong and "look like" not in wrong


def test_what_the_adapter_has_no_use_for_is_nothing_to_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = capture(tmp_path / "a.jsonl", '{"channel":"instrument","type":"snapshot","data":{}}')
    assert main(["check-feed", "kraken", str(path)]) == 0
    told = capsys.readouterr().out
    assert "nothing to judge" in told and not told.endswith("right\n")


def test_the_table_stays_a_table_and_a_cut_is_told_in_the_verdict() -> None:
    long = "a-kind-of-channel-whose-name-is-long"
    report = CheckReport("okx", "a", truncated=True, used=2, kinds={long: KindCount(1234), "b": KindCount(2)})
    text = lines(report)
    assert {len(line) for line in text[1:4]} == {len(text[1])}
    assert text[-1] == "  right, up to where it is cut off"


def without_snapshot(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["ch"] != "http"]


def without_an_update(rows: list[Row]) -> list[Row]:
    updates = [row for row in rows if row["ch"] == "ws" and "nknusdt@depth" in row["raw"]]
    return [row for row in rows if row is not updates[20]]


@pytest.mark.data
@pytest.mark.parametrize("change", [without_snapshot, without_an_update])
def test_a_real_capture_tells_what_it_stopped_checking(
    change: Callable[[list[Row]], list[Row]], data_dir: Path, tmp_path: Path
) -> None:
    with gzip.open(data_dir / "feeds/binance/spot_multi_20211012.jsonl.gz", "rt") as file:
        rows = change([json.loads(line) for line in file])
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report, text = check_file("binance", path), "\n".join(lines(check_file("binance", path)))
    if change is without_snapshot:
        assert len(report.unjudged) == 4 and report.wrong[0].startswith("no book was ever built of")
    else:
        assert report.books_built == 4 and report.unchecked > 10
        assert f"{report.unchecked:,} messages of books not checked" in text
