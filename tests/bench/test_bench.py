"""The harness and its tape; not the figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.feeds.columnar import ColumnarReader
from engine.ticks import QUOTE, TRADE
from tests.bench import __main__ as command
from tests.bench import machine, synthetic_tape
from tests.bench.registry import Figure, Skipped, at_least, at_most, benchmarks


def test_goals_know_their_direction() -> None:
    assert at_least(5).met(5) and not at_least(5).met(4.9)
    assert at_most(5).met(5) and not at_most(5).met(5.1)
    assert Figure("m", None, "s", at_most(1)).met is None
    assert Figure("m", 1.0, "s").met is None


def test_every_benchmark_is_found_and_says_what_it_measures() -> None:
    found = benchmarks()
    assert {"decode", "kernel", "replay"} <= set(found)
    assert all(function.__doc__ for function in found.values())


def test_table_and_json_show_values_goals_and_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders: list[Path] = []

    def good(scratch: Path) -> list[Figure]:
        folders.append(scratch)
        return [Figure("speed", 1234567.0, "ticks/s", at_least(2e6)), Figure("delay", 0.5, "s", at_most(2.0))]

    def lacking(scratch: Path) -> list[Figure]:
        raise Skipped("no data")

    monkeypatch.setattr(command, "benchmarks", lambda: {"good": good, "lacking": lacking})
    stolen = iter([(10, 1000), (60, 1200), None, None])
    monkeypatch.setattr(command.machine, "stolen", lambda: next(stolen))
    target = tmp_path / "bench.json"
    assert command.main(["--json", str(target)]) == 0
    assert not folders[0].exists()
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split() == ["good", "speed", "1,234,567", "ticks/s", ">=", "2,000,000", "MISSED"]
    assert shown[2].split() == ["good", "delay", "0.5000", "s", "<=", "2.00"]
    assert shown[3].split()[:5] == ["good", "stolen", "meanwhile", "25.00", "%"]
    assert shown[4].endswith("skipped: no data") and len(shown) == 5
    written = json.loads(target.read_text())
    assert [figure["met"] for figure in written["figures"]] == [False, True, None, None]
    assert written["machine"]["cores"] >= 1 and written["date"]


def test_a_failure_is_told_and_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(scratch: Path) -> list[Figure]:
        raise RuntimeError("it broke")

    monkeypatch.setattr(command, "benchmarks", lambda: {"a": broken, "b": lambda _: [Figure("x", 1.0, "s")]})
    assert command.main([]) == 1
    shown = capsys.readouterr().out
    assert "failed: RuntimeError: it broke" in shown and "1.00" in shown


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nonsense"]) == 2
    assert "there are" in capsys.readouterr().err


def test_synthetic_tape_is_what_it_says(tmp_path: Path) -> None:
    path = synthetic_tape.tape(tmp_path, 120_000)
    reader = ColumnarReader(path)
    ticks = np.concatenate(list(reader.blocks()))
    assert reader.symbols == list(synthetic_tape.SYMBOLS)
    assert len(ticks) == 120_000
    assert (np.diff(ticks["recv_ns"]) > 0).all()
    assert ticks["recv_ns"][-1] - ticks["recv_ns"][0] == 119_999 * 1_000_000
    trades, quotes = ticks[ticks["kind"] == TRADE], ticks[ticks["kind"] == QUOTE]
    assert 0.25 < len(trades) / len(ticks) < 0.35
    assert (quotes["a"] < quotes["b"]).all() and (quotes["c"] > 0).all() and (trades["b"] > 0).all()
    for symbol in range(10):
        ids = trades["trade_id"][trades["symbol"] == symbol]
        assert (ids == np.arange(1, len(ids) + 1)).all()
    burst = trades[trades["symbol"] == 0][:150]["a"]
    assert burst[-1] / burst[0] > 1.025
    assert np.array_equal(ticks, np.concatenate(list(synthetic_tape.blocks(120_000))))


def test_what_was_stolen_is_read_where_the_system_tells() -> None:
    first, second = machine.stolen(), machine.stolen()
    if first is None or second is None:
        pytest.skip("this system does not tell")
    assert 0 <= first[0] <= second[0] <= second[1] and 0 < first[1] <= second[1]
