"""``tickdesk quarantine``: what was set aside, read from the state directory."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from console.cli import main
from engine.events import Quarantined
from engine.store.quarantine import MOST
from engine.store.read import DATABASE
from engine.store.store import Store

ROWS = [
    Quarantined(1_700_000_000_000_000_000, "binance:BTCUSDT", "OUTLIER", "trade", "price 1.0 size 2.0", 0),
    Quarantined(1_700_000_060_000_000_000, "kraken:", "MALFORMED", "frame", "not JSON: {[red]", 0),
    Quarantined(1_700_000_120_000_000_000, "binance:BTCUSDT", "DUPLICATE", "trade", "price 3.0", 1_240),
]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    store = Store(tmp_path / DATABASE)
    store.start()
    for row in ROWS:
        store.behind(row)
    assert store.close()
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], state_dir: Path, *options: str) -> list[Quarantined]:
    assert main(["quarantine", "--state-dir", str(state_dir), "--json", *options]) == 0
    return msgspec.json.decode(capsys.readouterr().out, type=list[Quarantined])


def test_it_lists_newest_first(capsys: pytest.CaptureFixture[str], state_dir: Path) -> None:
    assert listed(capsys, state_dir) == ROWS[::-1]
    assert listed(capsys, state_dir, "--limit", "1") == ROWS[2:]
    assert main(["quarantine", "--state-dir", str(state_dir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("time (UTC)") and "1240" in lines[1] and "2023-11-14 22:13:20" in lines[3]


def test_it_filters(capsys: pytest.CaptureFixture[str], state_dir: Path) -> None:
    assert listed(capsys, state_dir, "--symbol", "binance:BTCUSDT") == [ROWS[2], ROWS[0]]
    assert listed(capsys, state_dir, "--reason", "malformed") == [ROWS[1]]
    assert listed(capsys, state_dir, "--since", "2023-11-14T22:14:30") == [ROWS[2]]
    assert listed(capsys, state_dir, "--symbol", "BTC/USDT") == [ROWS[2], ROWS[0]]
    assert listed(capsys, state_dir, "--symbol", "no:SUCH") == []
    assert main(["quarantine", "--symbol", "SUCH", "--state-dir", str(state_dir)]) == 2
    assert "unknown symbol SUCH" in capsys.readouterr().err


def test_a_symbol_is_known_however_much_came_after_its_rows(
    capsys: pytest.CaptureFixture[str], state_dir: Path
) -> None:
    store = Store(state_dir / DATABASE)
    store.start()
    for at in range(MOST):
        store.behind(msgspec.structs.replace(ROWS[1], ns=ROWS[2].ns + at))
    assert store.close()
    assert listed(capsys, state_dir, "--symbol", "BTCUSDT") == [ROWS[2], ROWS[0]]


def test_nothing_and_no_database_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["quarantine", "--state-dir", str(tmp_path)]) != 0
    assert "there is no database" in capsys.readouterr().err
    store = Store(tmp_path / DATABASE)
    store.start()
    assert store.close()
    assert main(["quarantine", "--state-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing was set aside\n"


@pytest.mark.parametrize("options", [["--limit", "0"], ["--limit", "x"], ["--since", "yesterday"]])
def test_what_is_no_option_is_one_line(
    capsys: pytest.CaptureFixture[str], state_dir: Path, options: list[str]
) -> None:
    try:
        code = main(["quarantine", "--state-dir", str(state_dir), *options])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2 and len(capsys.readouterr().err.splitlines()) == 1
