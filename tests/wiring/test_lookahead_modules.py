"""The look-ahead test judges the strategy that it was asked about, and no other file beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cli import main
from console.cli import progress as shown
from engine.wiring.lookahead_modules import modules_of, unheard

BARS = 60
MINE = """
import sys
from engine.strategies.base import Strategy
{above}

class {name}(Strategy):
    name = "{name}"
    description = "of a test"

    def on_bar(self, row):
        {within}
        return self.signal(row.symbol, row.ns, 0.5 if row.close > row.open else -0.5, 0.9, "bar")
"""
OPENS = 'open(r"{path}").close()'


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "WALK.csv"
    rows = (
        f"2022-{1 + n // 28:02d}-{1 + n % 28:02d},{100 + n % 7},{110 + n},{90},{100 + n % 5},1000"
        for n in range(BARS)
    )
    path.write_text("date,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "strategies"
    path.mkdir(mode=0o700)
    return path


def write(folder: Path, name: str, *, above: str = "", within: str = "pass") -> None:
    save(folder / f"{name}.py", MINE.format(name=name, above=above, within=within))


def save(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def judged(name: str, bars: Path, folder: Path) -> int:
    state = ["--state-dir", str(folder.parent / "state"), "--set", f"strategies_dir={folder}"]
    return main(["lookahead", name, str(bars), "--cuts", "1", *state])


def test_what_another_file_opens_does_not_count(
    bars: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "other", above=OPENS.format(path=bars))
    write(folder, "mine")
    assert judged("mine", bars, folder) == 0
    out = capsys.readouterr().out
    assert "READS" not in out
    assert out.splitlines()[-1].startswith("mine passed: ")
    assert judged("other", bars, folder) == 1
    out = capsys.readouterr().out
    assert "READS: other.py opens" in out
    assert out.splitlines()[-1].startswith("other NOT passed: ")


@pytest.mark.parametrize("call", ["", "table.rows()"], ids=["imported", "called"])
def test_what_an_imported_file_opens_counts(
    call: str, bars: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    opens = OPENS.format(path=bars)
    name = f"table_{'called' if call else 'imported'}"
    save(folder / f"{name}.py", f"def rows():\n    {opens}\n" if call else opens)
    write(folder, "mine", above=f"import {name} as table", within=call or "pass")
    assert judged("mine", bars, folder) == 1
    assert f"READS: {name}.py opens" in capsys.readouterr().out


def test_a_database_counts_and_so_does_what_a_library_reads_by_itself(
    bars: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = bars.with_name("bars.db")
    write(folder, "asks", within=f'import sqlite3; sqlite3.connect(r"{base}").close()')
    write(folder, "keeps", within='import sqlite3; sqlite3.connect(":memory:").close()')
    reads = f'from pyarrow import parquet as pq; import polars as pl; f = lambda: pl.read_csv(r"{bars}")'
    write(folder, "reads", above=reads, within='pl.DataFrame({"read_csv": [1]})')
    assert judged("asks", bars, folder) == 1
    assert "READS: asks.py sqlite3.connect" in capsys.readouterr().out
    assert judged("keeps", bars, folder) == 0
    assert [name for _, name in unheard([folder / "reads.py"])] == ["polars.read_csv"]
    save(folder / "late.py", "import pyarrow.parquet\nx = pyarrow.parquet.read_table('a')\nread_csv('b')\n")
    assert unheard([folder / "late.py"]) == [("late.py", "pyarrow.parquet.read_table")]
    trains = "import pandas as pd\nif __name__ == '__main__':\n    pd.read_parquet('a')\n"
    save(folder / "trains.py", trains)
    assert not unheard([folder / "trains.py"]), "it does so where it is run by itself"
    save(folder / "trains.py", f"{trains}else:\n    pd.HDFStore('a')\n")
    assert ("trains.py", "pandas.HDFStore") in unheard([folder / "trains.py"])


def test_files_that_fail_beside_it_are_one_line(
    bars: Path, folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    save(folder / "broken.py", "nothing_like_that")
    save(folder / "empty.py", "X = 1\n")
    write(folder, "mine")
    assert judged("mine", bars, folder) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("mine passed: ")
    assert [line for line in told.err.splitlines() if "broken" in line or "empty" in line] == [
        "not tested, for their files define no strategy that can run: broken, empty"
    ]
    assert "broken" not in caplog.text


def test_its_own_failure_fails(bars: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(folder / "broken.py", "nothing_like_that")
    write(folder, "mine", within="1 / 0")
    assert judged("broken", bars, folder) == 2
    assert "NameError: name 'nothing_like_that'" in capsys.readouterr().err
    assert judged("mine", bars, folder) == 2
    assert "mine failed: ZeroDivisionError" in capsys.readouterr().err


def test_without_a_terminal_each_part_is_told(
    bars: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "_LINE_EVERY_S", 0.0)
    write(folder, "mine")
    assert judged("mine", bars, folder) == 0
    told = capsys.readouterr().err.splitlines()
    assert "running over the data as it is" in told
    assert [line.partition(":")[0] for line in told if line.startswith("part")] == [
        "part 1 of 3",
        "part 2 of 3",
        "part 3 of 3",
    ]
    assert "100% done" in told


def test_imports_are_followed_below_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    for name, text in {
        "mine.py": "import json, lib.deep\nfrom importlib import import_module\nimport_module('late')\n",
        "late.py": "from . import *\nimport mine\n",
        "other.py": "import mine\n",
        "lib/__init__.py": "",
        "lib/deep.py": "from .near import x\n",
        "lib/near.py": "def (",
    }.items():
        save(tmp_path / name, text)
    found = modules_of([tmp_path / "mine.py"], tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in found} == {
        *("mine.py", "late.py", "lib/__init__.py", "lib/deep.py", "lib/near.py"),
    }
