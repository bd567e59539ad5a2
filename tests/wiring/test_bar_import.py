"""Bars of somebody else's file: every line is a bar that is believed, or told with its reason."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BarsError
from engine.events import NS
from engine.market.candle_check import Split
from engine.wiring.bar_import import named_file, read_bar_file, read_bar_files
from engine.wiring.import_columns import time_ns

DAY = 86_400
FIRST = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp())
HEAD = "Date,Open,High,Low,Close,Volume"


def _file(tmp_path: Path, *lines: str, head: str = HEAD) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join((head, *lines)) + "\n")
    return path


def _day(number: int, price: float = 10.0, rest: str = "100") -> str:
    date = datetime.fromtimestamp(FIRST + number * DAY, UTC).date()
    return f"{date},{price},{price + 1},{price - 1},{price},{rest}"


def test_bars_of_a_plain_file(tmp_path: Path) -> None:
    found = read_bar_file(_file(tmp_path, *map(_day, range(5))), "poll:X", daily_return_pct=30.0)
    assert found.rejects == ()
    bars = found.bars
    assert (bars.symbol, bars.interval_s, bars.sources) == ("poll:X", DAY, ("bars.csv",))
    assert bars.open_ns.tolist() == [(FIRST + number * DAY) * NS for number in range(5)]
    assert bars.values[0, :5].tolist() == [10.0, 11.0, 9.0, 10.0, 100.0]
    assert np.isnan(bars.values[:, 5]).all()


def test_a_path_may_have_an_equals_sign_in_it_as_those_of_an_export_do(tmp_path: Path) -> None:
    folder = tmp_path / "symbol=poll%3AX"
    folder.mkdir()
    path = _file(folder, *map(_day, range(5)))
    assert named_file(str(path)) == ("", path)
    assert named_file(f"poll:X={path}") == ("poll:X", path)
    assert named_file("BTC/USD=there/is/none.csv") == ("BTC/USD", Path("there/is/none.csv"))
    assert named_file("none.csv") == ("", Path("none.csv")) and named_file(f"={path}") == ("", path)


def test_every_line_that_is_not_believed_is_told_with_its_reason(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        _day(0),
        _day(1),
        _day(1),  # twice
        "2024-01-09,10,11,9",  # torn
        "yesterday,10,11,9,10,5",
        "2024-01-10,10,eleven,9,10,5",
        "2024-01-11,10,9,11,10,5",  # high below low
        "2024-01-12,-1,11,-2,10,5",
        _day(11, 500.0),  # fifty times as dear, and never again
        _day(12),
    )
    found = read_bar_file(path, "X", daily_return_pct=30.0)
    assert len(found.bars) == 3
    told = [(reject.line, reject.reason) for reject in found.rejects]
    assert told == [
        (4, "DUPLICATE"),
        (5, "COLUMNS"),
        (6, "TIME"),
        (7, "NUMBER"),
        (8, "RANGE"),
        (9, "NOT_POSITIVE"),
        (10, "OUTLIER"),
    ]
    assert found.rejects[2].told == "yesterday,10,11,9,10,5"


@given(st.lists(st.text(alphabet="0123456789.,-eEnaif\u202e\x1b é", max_size=40), max_size=12))
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    path.write_text("\n".join((HEAD, _day(0), _day(1), *lines)) + "\n")
    found = read_bar_file(path, "X", daily_return_pct=30.0)
    assert len(found.bars) + len(found.rejects) == 2 + sum(bool(line) for line in lines)
    assert all("\x1b" not in reject.told and "\u202e" not in reject.told for reject in found.rejects)


def test_a_split_that_is_known_is_no_outlier(tmp_path: Path) -> None:
    path = _file(tmp_path, _day(0, 100.0), _day(1, 100.0), _day(2, 10.0), _day(3, 10.0))
    assert [one.reason for one in read_bar_file(path, "X", daily_return_pct=30.0).rejects] == ["OUTLIER"] * 2
    splits = (Split((FIRST + 2 * DAY) * NS, 10.0),)
    assert read_bar_file(path, "X", daily_return_pct=30.0, splits=splits).rejects == ()


def test_several_symbols_in_a_file_are_told_apart(tmp_path: Path) -> None:
    lines = [f"{_day(number)},{symbol}" for number in range(3) for symbol in ("AAA", "BBB")]
    path = _file(tmp_path, *lines, head=f"{HEAD},Ticker")
    found = read_bar_files(path, daily_return_pct=30.0)
    assert {name: len(one.bars) for name, one in found.items()} == {"AAA": 3, "BBB": 3}
    with pytest.raises(BarsError, match="several symbols"):
        read_bar_file(path, "X", daily_return_pct=30.0)


@pytest.mark.parametrize("names", [("bars.csv.gz", "bars.parquet"), ("BARS.CSV.GZ", "bars.pq")])
def test_parquet_and_gzip_say_the_same_as_csv(tmp_path: Path, names: tuple[str, str]) -> None:
    polars = pytest.importorskip("polars")
    path = _file(tmp_path, *map(_day, range(5)))
    zipped, parquet = (tmp_path / name for name in names)
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    polars.read_csv(path, try_parse_dates=True).write_parquet(parquet)
    plain, *others = (read_bar_file(one, "X", daily_return_pct=30.0) for one in (path, zipped, parquet))
    for other in others:
        assert other.rejects == ()
        assert other.bars.open_ns.tolist() == plain.bars.open_ns.tolist()
        assert np.array_equal(other.bars.values, plain.bars.values, equal_nan=True)


@pytest.mark.parametrize("when", ["1e999999", "1e30", "-1", "NaN", "Infinity", "9" * 19, "9999-12-31"])
def test_a_time_that_no_clock_tells_is_a_line_not_believed(tmp_path: Path, when: str) -> None:
    path = _file(tmp_path, *map(_day, range(3)), f"{when},10,11,9,10,5")
    (reject,) = read_bar_file(path, "X", daily_return_pct=30.0).rejects
    assert (reject.line, reject.ns, reject.reason) == (5, 0, "TIME")


def test_a_file_that_begins_with_the_newest_bar_is_as_good(tmp_path: Path) -> None:
    lines = [_day(number, 10.0 + number / 10) for number in range(5)]
    found = read_bar_file(_file(tmp_path, *reversed(lines)), "X", daily_return_pct=30.0)
    assert found.rejects == () and found.bars.interval_s == DAY
    assert found.bars.values[:, 3].tolist() == [10.0, 10.1, 10.2, 10.3, 10.4]
    mixed = read_bar_file(_file(tmp_path, *lines[:4], lines[1], lines[4]), "X", daily_return_pct=30.0)
    assert [one.reason for one in mixed.rejects] == ["OUT_OF_ORDER"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-02", FIRST),
        ("20240102", FIRST),
        ("2024-01-02T00:00:00Z", FIRST),
        (str(FIRST), FIRST),
        (str(FIRST * 1_000), FIRST),
        (str(FIRST * 1_000_000), FIRST),
        (str(FIRST * NS), FIRST),
        (f"{FIRST}.5", FIRST + 0.5),
    ],
)
def test_times_in_every_usual_form(text: str, seconds: float) -> None:
    assert time_ns(text) == round(seconds * NS)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("step_s", [60, 900, 1800, 3600])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
def test_the_hour_that_comes_twice_is_read_twice(
    zone: str, step_s: int, newest_first: bool, tmp_path: Path
) -> None:
    back = {"America/New_York": (2025, 11, 2, 6), "Europe/Berlin": (2025, 10, 26, 1)}
    at = datetime(*back.get(zone, (2025, 4, 5, 15)), tzinfo=UTC)
    if zone == "Australia/Lord_Howe" and step_s == 3600:
        pytest.skip("half an hour comes twice there")
    opens = [int(at.timestamp()) + step_s * k for k in range(-10_800 // step_s, 10_800 // step_s)]
    told = [datetime.fromtimestamp(one, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for one in opens]
    assert len(set(told)) < len(told)
    lines = [f"{time},10,11,9,10,{number}" for number, time in enumerate(told)]
    path = _file(tmp_path, *(lines[::-1] if newest_first else lines))
    found = read_bar_file(path, "poll:X", daily_return_pct=30.0, zone=ZoneInfo(zone))
    assert found.rejects == ()
    assert found.bars.open_ns.tolist() == [one * NS for one in opens]
    assert found.bars.values[:, 4].tolist() == list(range(len(opens)))


def test_a_line_that_comes_twice_is_no_hour_that_does(tmp_path: Path) -> None:
    zone = ZoneInfo("America/New_York")
    opens = [int(datetime(2025, 11, 2, 4, tzinfo=UTC).timestamp()) + 60 * k for k in range(240)]
    lines = [f"{datetime.fromtimestamp(one, zone):%Y-%m-%d %H:%M},10,11,9,10,1" for one in opens]
    lines[80:80] = lines[77:80]
    found = read_bar_file(_file(tmp_path, *lines), "poll:X", daily_return_pct=30.0, zone=zone)
    assert [one.reason for one in found.rejects] == ["OUT_OF_ORDER", "OUT_OF_ORDER", "DUPLICATE"]
    assert found.bars.open_ns.tolist() == [one * NS for one in opens]


def test_a_time_without_a_zone_is_of_the_one_given() -> None:
    assert time_ns("2024-07-01 09:30", ZoneInfo("America/New_York")) == time_ns("2024-07-01T13:30Z")


def test_bars_of_another_length_than_was_said_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, *map(_day, range(5)))
    for wrong in (2 * DAY, 3600):
        with pytest.raises(BarsError, match="its bars are 86400 s apart, so they are not of"):
            read_bar_file(path, "X", wrong, daily_return_pct=30.0)
    assert read_bar_file(path, "X", DAY, daily_return_pct=30.0).bars.interval_s == DAY


def test_what_is_wrong_with_the_times_is_said_as_it_is(tmp_path: Path) -> None:
    """It was told to give --bars, which then was refused too."""
    months = [f"{2000 + at // 12}-{at % 12 + 1:02}-01,10,11,9,10,100" for at in range(40)]
    with pytest.raises(BarsError, match=r"its bars are 31 days apart, and of a week at most"):
        read_bar_file(_file(tmp_path, *months), "X", daily_return_pct=30.0)
    with pytest.raises(BarsError, match="s apart; say --bars SECONDS"):
        read_bar_file(_file(tmp_path, *months[:3]), "X", daily_return_pct=30.0)
    shuffled = np.random.default_rng(1).permutation(60).tolist()
    for given_s in (0, DAY):
        with pytest.raises(BarsError, match="its lines are in no order of time: sort them"):
            read_bar_file(_file(tmp_path, *map(_day, shuffled)), "X", given_s, daily_return_pct=30.0)
    twice = read_bar_file(_file(tmp_path, *map(_day, [*range(30)] * 2)), "X", daily_return_pct=30.0)
    assert len(twice.bars) == len(twice.rejects) == 30


def test_nights_and_weekends_make_no_other_length(tmp_path: Path) -> None:
    weekdays = [number for number in range(14) if (number + 1) % 7 < 5]  # the first is a Tuesday
    path = _file(tmp_path, *map(_day, weekdays))
    assert len(read_bar_file(path, "X", DAY, daily_return_pct=30.0).bars) == 10
    two = _file(tmp_path, _day(3), _day(6))
    assert len(read_bar_file(two, "X", DAY, daily_return_pct=30.0).bars) == 2


@pytest.mark.parametrize("first", [0, 1, 100_000])
def test_row_numbers_are_no_times(tmp_path: Path, first: int) -> None:
    path = _file(tmp_path, *(f"{first + number},10,11,9,10,5" for number in range(5)))
    with pytest.raises(BarsError, match="its times begin in 1970: does its column hold row numbers"):
        read_bar_file(path, "X", daily_return_pct=30.0)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d", "%Y-%m-%dT%H:%M:%SZ"])
def test_dates_may_be_as_old_as_1970(tmp_path: Path, form: str) -> None:
    days = [datetime.fromtimestamp(number * DAY, UTC).strftime(form) for number in range(1, 6)]
    path = _file(tmp_path, *(f"{day},10,11,9,10,5" for day in days))
    assert len(read_bar_file(path, "X", daily_return_pct=30.0).bars) == 5


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["2024-01-02,10,9,11,10,5", "2024-01-03,10,9,11,10,5"],
            r"\(2 RANGE\); .* line 2, RANGE: 2024-01-02",
        ),
        (
            ["now,1,1,1,1,1", "2024-01-03,x,1,1,1,1", "then,1,1,1,1,1"],
            r"\(2 TIME, 1 NUMBER\); .* line 2, TIME",
        ),
    ],
)
def test_a_file_of_which_nothing_is_believed_says_why(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(BarsError, match=f"no line was believed {told}"):
        read_bar_file(_file(tmp_path, *lines), "X", daily_return_pct=30.0)


@pytest.mark.parametrize("head", ["Date,Open,High,Low", "Open,High,Low,Close", ""])
def test_a_file_without_its_columns_says_which(tmp_path: Path, head: str) -> None:
    with pytest.raises(BarsError, match=r"column|empty"):
        read_bar_file(_file(tmp_path, _day(0), head=head), "X", daily_return_pct=30.0)
