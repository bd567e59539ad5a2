"""``tickdesk report`` on a state directory that an engine has, and on one that it left."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from console.cli import main
from engine.portfolio.report.day import DayReport
from engine.store.read import DATABASE
from engine.store.rows import EquityPoint
from engine.store.store import Store
from tests.bench.long_journal import START_NS, long_journal

Capture = pytest.CaptureFixture[str]
DAY = "2023-11-14"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Of a desk that traded for 12 s on ``DAY``; open."""
    made = Store(tmp_path / DATABASE)
    made.start()
    for order in long_journal(600):
        made.commit_now(order)
    made.behind(EquityPoint(START_NS, "100000", "100000", "0"))
    made.behind(EquityPoint(START_NS + 10**10, "100010", "100000", "0"))
    assert made.flush()
    return made


def call(capsys: Capture, where: Path, *argv: str) -> tuple[int, str, str]:
    code = main(["report", "--state-dir", str(where), *argv])
    out, err = capsys.readouterr()
    return code, out, err


def test_text_json_and_html(capsys: Capture, tmp_path: Path, store: Store) -> None:
    code, out, err = call(capsys, tmp_path, "--day", DAY)
    assert (code, err) == (0, "") and out.startswith(f"tickdesk {DAY} (UTC)\n")
    assert store.close()
    assert call(capsys, tmp_path, "--day", DAY)[1].splitlines()[3:] == out.splitlines()[3:]
    _, out, _ = call(capsys, tmp_path, "--day", DAY, "--format", "json")
    report = msgspec.json.decode(out, type=DayReport)
    assert report.fills > 100 and report.trips == len(report.trades) > 10 and report.denied == {}
    assert float(report.equity_end) - float(report.equity_start) == pytest.approx(float(report.desk.net))
    target = tmp_path / "day.html"
    code, out, _ = call(capsys, tmp_path, "--day", DAY, "--format", "html", "--out", str(target))
    assert code == 0 and out == f"{target}: {DAY} as html\n"
    page = target.read_text()
    assert page.startswith("<!DOCTYPE html>") and "<svg" in page and report.desk.net in page
    assert target.stat().st_mode & 0o077 == 0


def test_nothing_is_changed(capsys: Capture, tmp_path: Path, store: Store) -> None:
    assert store.close()
    path = tmp_path / DATABASE
    before = hashlib.sha256(path.read_bytes()).digest()
    assert call(capsys, tmp_path, "--day", DAY)[0] == 0
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_today_so_far(capsys: Capture, tmp_path: Path, store: Store) -> None:
    code, out, _ = call(capsys, tmp_path)
    assert code == 0 and "(UTC, until " in out.splitlines()[0]
    assert store.close()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--day", "yesterday"), 2, "'yesterday' is no day: write it as in 2025-01-31"),
        (("--day", "2999-01-01"), 2, "2999-01-01 has not begun (days are of UTC)"),
        (("--day", "2020-01-01"), 1, "no data for 2020-01-01"),
        (("--day", "2020-01-01", "--format", "json"), 1, "no data for 2020-01-01"),
        (("--day", "1960-01-01"), 2, "1960-01-01 is too early"),
        (("--out", "/nonexistent/report"), 2, "cannot write /nonexistent/report"),
    ],
)
def test_what_is_refused(
    capsys: Capture, tmp_path: Path, store: Store, options: tuple[str, ...], code: int, says: str
) -> None:
    got, out, err = call(capsys, tmp_path, *options)
    assert (got, out) == (code, "") and says in err and err.count("\n") == 1
    assert store.close()


def test_without_a_database(capsys: Capture, tmp_path: Path) -> None:
    code, out, err = call(capsys, tmp_path)
    assert (code, out) == (1, "") and "there is no database at" in err
    assert not list(tmp_path.iterdir())
