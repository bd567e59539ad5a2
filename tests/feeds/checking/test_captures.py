"""check-feed on real captures, whole and mutilated: what is right exits with 0, what is not never does."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from engine.feeds.checking.files import check_file
from engine.feeds.checking.report import CheckReport

Row = dict[str, Any]
pytestmark = pytest.mark.data

SMALL = {
    "binance": "binance/spot_multi_20211012.jsonl.gz",
    "coinbase": "coinbase/exchange_5products_20210417.jsonl.gz",
    "coinbase-advanced": "coinbase/advanced_DERIVED_5products.jsonl.gz",
    "kraken": "kraken/v2_DERIVED_5pairs_depth1000.jsonl.gz",
    "okx": "okx/unisw_btcfut_20220513.jsonl.gz",
    "bybit": "bybit/v5_xrpusdt_ob500_20241201_first15.jsonl.gz",
}


def venue_of(path: Path) -> str:
    """The adapter for a file of the captures."""
    names = {"yahoo": "yahoo", "polygon": "polygon", "twelve": "twelve-data", "alpha": "alpha-vantage"}
    if path.parent.name == "rest":
        return names[path.name.partition("_")[0].partition(".")[0]]
    return "coinbase-advanced" if path.name.startswith("advanced") else path.parent.name


def feeds(data_dir: Path) -> list[Path]:
    found = [path for path in (data_dir / "feeds").glob("*/*.gz") if path.parent.name != "tapes"]
    return sorted(path for path in found if "websocket_spec" not in path.name)  # no data: a specification


@cache
def checked(venue: str, path: Path) -> CheckReport:
    """Of a whole capture: it is looked at, and no more."""
    return check_file(venue, path)


def test_every_capture_is_right(data_dir: Path) -> None:
    reports = [checked(venue_of(path), path) for path in feeds(data_dir)]
    assert len(reports) > 15
    assert {report.file: report.wrong for report in reports if report.wrong} == {}
    assert all(sum(kind.decoded for kind in report.kinds.values()) or report.skipped for report in reports)


def test_what_is_compared_is_compared(data_dir: Path) -> None:
    folder = data_dir / "feeds"
    binance = checked("binance", folder / "binance/spot_btcusdt_20240808-09.jsonl.gz")
    assert binance.events == {"books": 5359, "quotes": 73_174, "trades": 19_904}
    assert binance.kinds["depth"].decoded == 6495
    assert binance.ticker.compared == 6493  # all that the snapshot did not hold already
    assert binance.ticker.equal >= 0.999 * binance.ticker.compared
    assert binance.ticker.compared - binance.ticker.equal == 2  # two that the venue's ticker skipped
    kraken = checked("kraken", folder / "kraken/v1_5pairs_20210417.jsonl.gz")
    assert (kraken.checksums_ok, kraken.checksums_bad) == (2892, 0)
    okx = checked("okx", folder / "okx/unisw_btcfut_20220513.jsonl.gz")
    assert (okx.checksums_ok, okx.checksums_bad) == (192, 0)
    coinbase = checked("coinbase", folder / "coinbase/exchange_5products_20210417.jsonl.gz")
    assert coinbase.ticker.compared == coinbase.ticker.equal == 79


# --- mutilated ---


def rows_of(path: Path) -> list[Row]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def write(rows: list[Row], path: Path) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def frames(rows: list[Row], what: str) -> list[int]:
    return [at for at, row in enumerate(rows) if row["ch"] == "ws" and re.search(what, row["raw"])]


def without(what: str, n: int) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        del rows[frames(rows, what)[n]]

    return change


def edited(what: str, n: int, pattern: str, new: str) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        row = rows[frames(rows, what)[n]]
        text, count = re.subn(pattern, new, row["raw"], count=1)
        assert count and text != row["raw"]
        row["raw"] = text

    return change


def garbage(rows: list[Row]) -> None:
    rows.insert(len(rows) // 2, {"t": rows[-1]["t"], "ch": "ws", "url": "", "raw": '{"half a fra'})


def no_row(rows: list[Row]) -> None:
    rows.insert(len(rows) // 2, {"t": 1, "ch": "nonsense", "raw": "x"})


MUTILATED = [
    ("binance", without("nknusdt@depth", 20), "gaps in the sequence"),
    ("binance", without("nknusdt@depth", 60), "gaps in the sequence"),
    ("coinbase-advanced", without('"l2_data"', 3000), "gaps in the sequence"),
    ("okx", without('"books"', 60), "checksums do not match"),
    ("bybit", without('"delta"', 5), "gaps in the sequence"),
    ("kraken", edited('"bids":\\[\\{', 600, '"qty":(\\d)', r'"qty":9\1'), "checksums do not match"),
    ("okx", edited('"books"', 50, r'"bids":\[\["(\d+)', r'"bids":[["1\1'), "checksums do not match"),
    ("coinbase", without('"type":"match"', 20), "gaps in trade ids, 1 trades missing"),
    ("coinbase-advanced", without('"market_trades"', 30), "gaps in"),
    *((venue, garbage, "1 undecodable") for venue in SMALL),
    *((venue, no_row, "1 undecodable") for venue in SMALL),
]


@pytest.mark.parametrize(("venue", "change", "told"), MUTILATED)
def test_a_mutilated_capture_is_found_out(
    venue: str, change: Callable[[list[Row]], None], told: str, data_dir: Path, tmp_path: Path
) -> None:
    rows = rows_of(data_dir / "feeds" / SMALL[venue])
    change(rows)
    report = check_file(venue, write(rows, tmp_path / "mutilated.jsonl.gz"))
    assert told in "; ".join(report.wrong)
    assert report.undetected_gaps == 0


@pytest.mark.parametrize("n", range(1, 60, 7))
def test_an_update_of_kraken_that_is_missing_is_found_out(n: int, data_dir: Path, tmp_path: Path) -> None:
    """Of a book of ten levels: the checksum covers no more of a deeper one."""
    rows = rows_of(data_dir / "feeds/kraken/v2_real_btcusd_depth10_first60.jsonl.gz")
    without('"update"', n)(rows)
    report = check_file("kraken", write(rows, tmp_path / "cut.jsonl.gz"))
    assert report.checksums_bad and report.wrong


def test_a_trade_that_is_missing_of_ten_thousands_is_found_out(data_dir: Path, tmp_path: Path) -> None:
    rows = rows_of(data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz")[:12_000]
    del rows[frames(rows, "btcusdt@trade")[1000]]
    report = check_file("binance", write(rows, tmp_path / "cut.jsonl.gz"))
    assert report.wrong == ["1 gaps in trade ids, 1 trades missing"]


def test_a_book_that_went_another_way_is_no_longer_the_tickers(data_dir: Path, tmp_path: Path) -> None:
    """Its numbers are all there, but its best levels are not what the venue says they are."""
    rows = rows_of(data_dir / "feeds" / SMALL["binance"])
    for at in frames(rows, "nknusdt@depth")[30:33]:
        rows[at]["raw"] = re.sub(r'"([ab])":\[\["[0-9.]+","[0-9.]+"\],?', r'"\1":[', rows[at]["raw"])
    report = check_file("binance", write(rows, tmp_path / "changed.jsonl.gz"))
    assert report.sequence_gaps == 0
    assert any("best bid and offer differ" in wrong for wrong in report.wrong) or report.crossed


def test_a_stale_level_of_a_book_without_numbers_is_found_by_the_ticker(
    data_dir: Path, tmp_path: Path
) -> None:
    rows = rows_of(data_dir / "feeds" / SMALL["coinbase"])
    deaf = re.compile('"l2update".*"SKL')
    kept = [row for row in rows if row["ch"] != "ws" or not deaf.search(row["raw"])]
    report = check_file("coinbase", write(kept, tmp_path / "deaf.jsonl.gz"))
    assert report.ticker.compared - report.ticker.equal > report.ticker.allowed or report.books_broken
    assert report.wrong


# --- files ---


def test_a_capture_that_was_cut_off_is_read_up_to_there(data_dir: Path, tmp_path: Path) -> None:
    whole = (data_dir / "feeds" / SMALL["kraken"]).read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    report = check_file("kraken", path)
    assert report.truncated and not report.wrong
    assert report.checksums_ok > 1000


def test_the_command_prints_kinds_and_exits_by_what_it_found(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = data_dir / "feeds" / SMALL["okx"]
    rows = rows_of(good)
    garbage(rows)
    bad = write(rows, tmp_path / "bad.jsonl.gz")
    assert main(["check-feed", "okx", str(good)]) == 0
    told = capsys.readouterr().out
    assert "books                            192             0" in told
    assert "192 ok, 0 bad" in told and told.endswith("  right\n")
    assert main(["check-feed", "okx", str(good), str(bad)]) == 1
    assert "WRONG: 1 undecodable" in capsys.readouterr().out
    assert main(["check-feed", "okx", "--json", str(good), str(bad)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [bool(report["wrong"]) for report in told["captures"]] == [False, True]
    assert told["captures"][1]["kinds"]["message"] == {"decoded": 0, "undecodable": 1}


def test_what_cannot_be_checked_is_one_clear_line(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = data_dir / "feeds/tapes/us_stock_AMZN_trades_20120621_full_session.jsonl.gz"
    assert main(["check-feed", "nowhere", str(tape)]) == 2
    assert "no adapter nowhere: there are" in capsys.readouterr().err
    assert main(["check-feed", "okx", str(tape)]) == 1
    assert "holds normalised ticks" in capsys.readouterr().err
    assert main(["check-feed", "okx", str(tmp_path / "none.gz")]) == 1
    assert "cannot read the capture" in capsys.readouterr().err
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert main(["check-feed", "okx", str(empty)]) == 1
    assert "there is nothing in it" in capsys.readouterr().out


# --- in other recorders' hands ---


def twice(rows: list[Row]) -> list[Row]:
    """Two connections after one another, and nobody noted where the second begins."""
    return rows + [row for row in rows if row["ch"] != "open"]


def spaced(rows: list[Row]) -> list[Row]:
    changed = [dict(row) for row in rows]
    for row in changed:
        if row["ch"] == "ws" and row["raw"][:1] == "{":
            row["raw"] = json.dumps(json.loads(row["raw"]))
    return changed


@pytest.mark.parametrize("venue", ["binance", "coinbase", "coinbase-advanced", "okx"])
@pytest.mark.parametrize("change", [twice, spaced])
def test_how_it_was_recorded_changes_no_verdict(
    change: Callable[[list[Row]], list[Row]], venue: str, data_dir: Path, tmp_path: Path
) -> None:
    path = data_dir / "feeds" / SMALL[venue]
    usual = check_file(venue, path)
    report = check_file(venue, write(change(rows_of(path)), tmp_path / "a.jsonl.gz"))
    assert report.wrong == usual.wrong == []
    assert report.ticker.compared >= usual.ticker.compared > 0
