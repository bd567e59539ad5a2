"""Strategies that know the future are caught; those that do not pass."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from console.cli import main
from console.cli.lookahead import lines
from engine.config import Config, RecordConfig, changed
from engine.errors import ConfigError
from engine.research.lookahead import LookAhead
from engine.research.plan import Plan
from engine.strategies.registry import STRATEGIES
from engine.wiring.backtest import prepare
from engine.wiring.backtest_data import Prepared
from engine.wiring.lookahead import lookahead
from engine.wiring.recording import Recording
from tests.wiring.conftest import Bench, simulated

BARS = 240
CUTS = int(os.environ.get("TICKDESK_LOOKAHEAD_CUTS", "3"))

HEAD = """
import csv, random, sys, time
from engine.strategies.base import Strategy

class Mine(Strategy):
    name = "mine"
    description = "of a test"

    def __init__(self, params):
        super().__init__(params)
        self.count = 0

    def on_bar(self, row):
        self.count += 1
"""
HONEST = """
        score = 0.5 if row.close > row.open else -0.5
        return self.signal(row.symbol, row.ns, score, 0.9, f"bar {self.count}")
"""
OF_A_FILE = """
        with open(r"{path}") as file:
            rows = list(csv.reader(file))[1:]
        if self.count < len(rows):
            rises = float(rows[self.count][4]) > row.close
            return self.signal(row.symbol, row.ns, 0.9 if rises else -0.9, 0.9, "I know tomorrow")
"""
OF_ALL_DATA = """
        frame = sys._getframe()
        while frame is not None and "ticks" not in frame.f_locals:
            frame = frame.f_back
        ticks = frame.f_locals["ticks"]
        later = ticks["a"][(ticks["recv_ns"] > row.ns) & (ticks["kind"] == 0)]
        if len(later) > 5:
            score = 0.9 if later[3] > row.close else -0.9
            return self.signal(row.symbol, row.ns, score, 0.9, "I know tomorrow")
"""
OF_ALL_EVENTS = """
        if self.count % 20:
            return None
        frame = sys._getframe()
        while frame is not None and "data" not in frame.f_locals:
            frame = frame.f_back
        later, seen = 0.0, 0
        for block, symbols in frame.f_locals["data"].stream():
            for tick in block if isinstance(block, list) else block[block["recv_ns"] > row.ns + 10**9][:9]:
                if not isinstance(block, list):
                    later += tick["a"]
                elif tick.recv_ns > row.ns + 10**9 and type(tick).__name__ == "Trade":
                    later, seen = later + tick.price, seen + 1
            if seen > 9:
                break
        return self.signal(row.symbol, row.ns, 0.5, 0.9, f"{later}")
"""
OF_A_GLOBAL = """
        import engine
        seen = engine.__dict__.setdefault("_seen_by_mine", {})
        seen[row.ns] = row.close
        after = [close for ns, close in seen.items() if ns > row.ns]
        return self.signal(row.symbol, row.ns, 0.9 if after and after[0] > row.close else -0.9, 0.9, "kept")
"""
OF_THE_CLOCK = """
        return self.signal(row.symbol, row.ns, 0.5, 0.9, f"at {time.perf_counter_ns()}")
"""
OF_CHANCE = """
        return self.signal(row.symbol, row.ns, random.uniform(0.1, 1.0), 0.9, "who knows")
"""
BROKEN = """
        return 1 / 0
"""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of the simulated venue."""
    bench, where = Bench(), tmp_path_factory.mktemp("tape")
    recording = Recording(
        RecordConfig(ticks=True),
        where,
        bench.desk.intake,
        clock=lambda: bench.desk.now_ns,
        alert=lambda level, text: pytest.fail(text),
    )
    recording.start()
    simulated(bench, 60, symbols=2)
    asyncio.run(recording.close())
    (path,) = (where / "tapes").glob("*.tape")
    return path


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of a random walk."""
    path = tmp_path_factory.mktemp("bars") / "WALK.csv"
    random = np.random.default_rng(11)
    closes = 100.0 * np.exp(np.cumsum(random.standard_normal(BARS) * 0.02))
    opens = np.append(100.0, closes[:-1])
    highs, lows = np.maximum(opens, closes) * 1.01, np.minimum(opens, closes) * 0.99
    days = np.datetime64("2022-01-01") + np.arange(BARS)
    volumes = 1e6 * np.exp(random.standard_normal(BARS))
    rows = zip(days, opens, highs, lows, closes, volumes, strict=True)
    path.write_text(
        "date,open,high,low,close,volume\n"
        + "".join(f"{d},{o:.4f},{h:.4f},{low:.4f},{c:.4f},{v:.0f}\n" for d, o, h, low, c, v in rows)
    )
    return path


@pytest.fixture(scope="module")
def prepared(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(Config(), Plan(files=(str(walk),)), tmp_path_factory.mktemp("state"))


def alone(name: str, folder: Path | None = None) -> Config:
    short = {"features.sma_fast": 5, "features.sma_slow": 20}
    config = changed(Config(), short | ({} if folder is None else {"strategies_dir": str(folder)}))
    return changed(config, {f"strategies.{one}.enabled": one == name for one in (*STRATEGIES, name)})


def looked_at(
    body: str, prepared: Prepared, tmp_path: Path, *, count: int = CUTS, **names: object
) -> LookAhead:
    path = tmp_path / "mine.py"
    path.write_text(HEAD + (body.format(**names) if names else body))
    path.chmod(0o600)
    return lookahead(alone("mine", tmp_path), prepared, count=count)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "model"])
def test_shipped_strategies_know_nothing_of_the_future(name: str, prepared: Prepared) -> None:
    found = lookahead(alone(name), prepared, count=CUTS)
    assert found.findings == ()
    assert found.runs == 2 + 3 * len(found.cuts)


def test_an_honest_strategy_passes(prepared: Prepared, tmp_path: Path) -> None:
    found = looked_at(HONEST, prepared, tmp_path)
    assert found.passed
    assert found.signals >= BARS - 2
    assert lines(found)[-1].startswith("mine passed: ")
    assert not found.adjusted and "adjusted" not in " ".join(lines(found))


def test_what_adjusted_prices_know_of_later_splits_is_said_not_to_be_tried(
    prepared: Prepared, tmp_path: Path
) -> None:
    sources = tuple(msgspec.structs.replace(one, adjusted=True) for one in prepared.sources)
    found = looked_at(HONEST, msgspec.structs.replace(prepared, sources=sources), tmp_path)
    assert found.passed and found.adjusted == tuple(one.symbol for one in sources)
    assert f"not tried: {sources[0].symbol} adjusted backwards" in " ".join(lines(found))
    assert lines(found)[-1].startswith("mine passed: ")


def test_one_that_reads_tomorrow_from_a_file_is_caught(
    prepared: Prepared, walk: Path, tmp_path: Path
) -> None:
    found = looked_at(OF_A_FILE, prepared, tmp_path, count=1, path=walk)
    assert not found.passed
    assert [one.kind for one in found.findings] == ["reads"]
    assert "mine.py opens" in found.findings[0].told
    assert walk.name in found.findings[0].told


def test_one_that_finds_the_whole_data_in_memory_is_caught(prepared: Prepared, tmp_path: Path) -> None:
    found = looked_at(OF_ALL_DATA, prepared, tmp_path)
    assert {one.change for one in found.findings if one.kind == "future"} >= {"turned", "removed"}
    one = found.findings[0]
    assert one.expected is not None
    assert one.expected.ns <= one.cut_ns
    assert any(line.startswith("LOOKS AHEAD: with every later rise made a fall") for line in lines(found))


@pytest.mark.parametrize("form", ["tape", "jsonl"])
def test_tapes_of_ticks_and_of_events(form: str, tape: Path, tmp_path: Path) -> None:
    """What a venue's frames hold beside prints and quotes is of the past alone."""
    if form == "jsonl":
        assert main(["tape", "convert", str(tape), "-o", str(tmp_path / "lines.jsonl")]) == 0
        tape = tmp_path / "lines.jsonl"
    over = prepare(Config(), Plan(tapes=(str(tape),)), tmp_path)
    assert lookahead(alone("rapid_rise"), over, count=1).passed
    path = tmp_path / "mine.py"
    path.write_text(HEAD + OF_ALL_EVENTS)
    path.chmod(0o600)
    found = lookahead(alone("mine", tmp_path), over, count=2)
    assert {one.kind for one in found.findings} == {"future"}


@pytest.mark.parametrize("form", ["tape", "jsonl"])
def test_what_is_said_at_the_close_of_a_tape_s_bar_needs_no_later_tick(
    form: str, tape: Path, tmp_path: Path
) -> None:
    """With all that is later taken away nothing closed the bar, and the strategy was not heard."""
    if form == "jsonl":
        assert main(["tape", "convert", str(tape), "-o", str(tmp_path / "lines.jsonl")]) == 0
        tape = tmp_path / "lines.jsonl"
    path = tmp_path / "mine.py"
    path.write_text(HEAD + HONEST)
    path.chmod(0o600)
    over = prepare(Config(), Plan(tapes=(str(tape),)), tmp_path)
    found = lookahead(alone("mine", tmp_path), over, count=6)
    assert found.passed, lines(found)
    assert found.signals > 50


@pytest.mark.parametrize("body", [OF_THE_CLOCK, OF_CHANCE, OF_A_GLOBAL], ids=["clock", "chance", "global"])
def test_one_that_does_not_say_the_same_twice_is_caught(
    body: str, prepared: Prepared, tmp_path: Path
) -> None:
    found = looked_at(body, prepared, tmp_path)
    assert [one.kind for one in found.findings] == ["unsteady"]
    assert found.runs == 2


def test_one_that_fails_or_is_silent_cannot_be_tested(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine failed: ZeroDivisionError"):
        looked_at(BROKEN, prepared, tmp_path)
    with pytest.raises(ConfigError, match="nothing can be compared"):
        looked_at("        return None\n", prepared, tmp_path)


def test_the_command_ends_with_1_for_what_does_not_pass(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(HEAD + OF_CHANCE)
    path.chmod(0o600)
    where = ["--state-dir", str(tmp_path / "state"), "--set", f"strategies_dir={tmp_path}"]
    assert main(["lookahead", "mine", str(walk), "--cuts", "2", *where]) == 1
    assert "NOT STEADY" in capsys.readouterr().out
