"""``tickdesk backtest``: the report in its formats, and where it goes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from console.cli import main
from engine.events import LimitChange
from engine.store.read import DATABASE
from engine.store.store import Store

DAYS = 120


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "WAVE.csv"
    closes = 100.0 + 20.0 * np.sin(np.arange(DAYS) / 9.0)
    opens = np.append(100.0, closes[:-1])
    days = np.datetime64("2024-01-01") + np.arange(DAYS)
    rows = zip(days, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, strict=True)
    path.write_text(
        "date,open,high,low,close,volume\n"
        + "".join(f"{day},{o:.4f},{h:.4f},{low:.4f},{c:.4f},1000000\n" for day, o, h, low, c in rows)
    )
    return path


def test_text_json_and_page(bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, told = tmp_path / "report.html", tmp_path / "report.json"
    where = [str(bars), "--strategy", "ema_cross", "--state-dir", str(tmp_path)]
    fast = ["--set", "features.ema_fast=3", "--set", "features.ema_slow=8"]
    assert main(["backtest", *where, *fast, "--html", str(page)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tickdesk backtest: file:WAVE, 2024-01-01 to 2024-04-30\n")
    assert "WARNINGS\n- the result rests on" in text
    *lines, rest = text.splitlines()
    assert max(map(len, lines)) <= 80 and rest == f"The rest: --full prints it, and it is in {page}"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o077 == 0
    assert len(lines) <= 50 and "Not modelled" not in text
    assert main(["backtest", *where, *fast, "--full"]) == 0
    whole = capsys.readouterr().out
    assert "Not modelled" in whole and len(whole.splitlines()) > 100
    assert main(["backtest", *where, *fast, "--out", str(told)]) == 0 and _same(told.read_text(), whole)
    assert main(["backtest", *where, *fast, "--json", "--out", str(told), "--trials", "40"]) == 0
    found = json.loads(told.read_text())
    assert found["summary"]["trials"] == 40
    assert found["summary"]["trades"] == len(found["backtest"]["trades"]) > 0
    assert any("the best of 40 trials" in text for text in found["summary"]["warnings"])
    assert any("the spread: bars tell none" in text for text in found["not_modelled"])
    assert any("features.max_fill_bars" in text for text in found["not_modelled"])


def _same(text: str, other: str) -> bool:
    """But for how long it took."""
    return [line for line in text.splitlines() if not line.startswith("ticks  ")] == [
        line for line in other.splitlines() if not line.startswith("ticks  ")
    ]


def test_what_cannot_be_is_told_in_a_line(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", "--state-dir", str(tmp_path)]) == 2
    assert "name what to run over" in capsys.readouterr().err
    assert main(["backtest", str(bars), "--html", "/nonexistent/a.html", "--state-dir", str(tmp_path)]) == 2
    assert "cannot write /nonexistent/a.html" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["backtest", str(bars), "--trials", "0"])


STRATEGY = """
from engine.strategies.base import Strategy

class Falls(Strategy):
    name = "falls"
    description = "raises at its first bar"

    def on_bar(self, row):
        return None + 1
"""


def _with(tmp_path: Path, text: str) -> list[str]:
    """What a backtest is told of a folder of strategies with the one file falls.py."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    (folder / "falls.py").write_text(text)
    (folder / "falls.py").chmod(0o600)
    return ["--state-dir", str(tmp_path / "state"), "--set", f"strategies_dir={folder}"]


def test_a_strategy_that_does_not_load_is_refused(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = _with(tmp_path, STRATEGY.replace("Strategy\n", "Strategem\n", 1))
    assert main(["backtest", str(bars), "--strategy", "falls", *where]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "--strategy falls could not be loaded: ImportError: cannot import name" in told.err
    assert main(["backtest", str(bars), "--strategy", "rises", *where]) == 2
    assert "there is none; known are" in (told := capsys.readouterr()).err
    assert "; falls could not be loaded: ImportError" in told.err


@pytest.mark.parametrize("option", ["--out", "--html"])
def test_a_report_never_takes_the_place_of_data(
    bars: Path, option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bars.read_bytes()
    monkeypatch.chdir(bars.parent)
    assert main(["backtest", f"WAVE={bars}", option, bars.name]) == 2
    assert f"cannot write {bars.name}: this command reads or writes it already" in capsys.readouterr().err
    assert bars.read_bytes() == data


def test_where_a_report_goes_is_looked_at_before_the_run(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = str(tmp_path / "page")
    assert main(["backtest", str(bars), "--html", page, "--out", page]) == 2
    assert main(["backtest", str(bars), "--html", str(tmp_path / "none" / "page.html")]) == 2
    told = capsys.readouterr().err
    assert "reads or writes it already" in told and "there is no such folder" in told
    assert "reading" not in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("folder/falls.py", "there is none of this name: give the name alone, falls; known are"),
        ("folder/rises.py", "and give its name without .py; known are"),
        ("fals", "there is none; did you mean falls?; known are"),
    ],
)
def test_a_strategy_is_given_by_its_name(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    where = _with(tmp_path, STRATEGY)
    assert main(["backtest", str(bars), "--strategy", name, *where]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("ts,opening,high,low,close,volume", "has no column open: its first line names ts, opening, high,"),
        ("open,high,low,close,volume", "has no column for the time, named one of open_ns, ts, time"),
    ],
)
def test_a_column_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, told: str
) -> None:
    (file := tmp_path / "bad.csv").write_text(f"{header}\n")
    assert main(["backtest", str(file), "--state-dir", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err


def test_a_strategy_that_fails_in_the_run_is_told_first(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, page = _with(tmp_path, STRATEGY), tmp_path / "report.html"
    of = ["backtest", str(bars), "--strategy", "falls", *where]
    assert main([*of, "--html", str(page)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "WARNINGS - strategy falls failed at 2024-01-" in text
    assert "strategy falls failed at 2024-01-" in page.read_text()
    assert main([*of, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (failed,) = found["backtest"]["failed"]
    assert failed["name"] == "falls" and failed["error"].startswith("TypeError: ")
    first = found["summary"]["warnings"][0]
    assert failed["error"] in first and first.endswith("what follows is without it")


def test_a_warm_up_before_nothing_is_refused(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [str(bars), "--warm-up", "20", "--state-dir", str(tmp_path)]
    assert main(["backtest", *where]) == 2
    assert "--warm-up is of the bars before --since" in capsys.readouterr().err
    assert main(["backtest", *where, "--since", "2024-03-01"]) == 0


def test_what_was_set_while_a_desk_ran_is_told(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", str(bars), "--strategy", "ema_cross", "--state-dir", str(tmp_path)]
    store = Store(tmp_path / DATABASE)
    store.start()
    store.put_setting("strategy:trend", {"enabled": False})
    store.put_setting("repeater:breakout", "")  # a person switched it on again
    store.put_setting("ledger:day", {"day": 1})
    store.commit_now([LimitChange("desk", "max_position_pct", "20", "10", "me", 8)])
    assert store.close()
    for more in ([], ["sweep"]):
        over = [
            "--over",
            "strategies.ema_cross.score=0.5,0.6",
            "--jobs",
            "1",
            "--out",
            str(tmp_path / "swept"),
        ]
        assert main([*more, *command[1:], *over] if more else command) == 0
        err = capsys.readouterr().err
        assert err.count("strategy trend, max_position_pct; this goes by the configuration alone") == 1
        assert "breakout" not in err
    assert main([*command[:-1], str(tmp_path / "other")]) == 0
    assert "while it ran" not in capsys.readouterr().err
