"""A whole engine under load: killed, stopped, its disk full, its clock jumping, wanted twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.protocol import Health
from engine.errors import LinkError
from engine.events import JournalEvent
from engine.store.read import DATABASE, Reader
from engine.store.store import Store
from engine.wiring.verification import verify_database
from tests.chaos.amounts import ENGINE_KILLS, STOP_S
from tests.chaos.harness import scratch
from tests.chaos.load import WIDE, Load
from tests.chaos.small_disk import small_disk
from tests.conftest import ROOT
from tests.e2e import engine as e2e
from tests.e2e.engine import COMMAND, RunningEngine, environment

RECOVERY_S = 1.0


def until(holds: Callable[[], bool], timeout: float = 40.0) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def nothing_lost(database: Path, shown: Mapping[int, JournalEvent]) -> int:
    """What was shown as having happened is in the journal, and all invariants hold; its last number."""
    broken = [one for one in verify_database(database) if not one.ok]
    assert broken == []
    # A client that comes late is shown what the engine still holds of the past: from there on, no gap.
    assert sorted(shown) == list(range(min(shown), max(shown) + 1))
    reader = Reader(database)
    try:
        kept: dict[int, JournalEvent] = {}
        last = reader.last_seq()
        for start in range(0, last, 1000):
            kept.update(reader.events_since(start, 1000))
    finally:
        reader.close()
    assert max(shown) <= last
    assert all(kept[seq] == event for seq, event in shown.items())
    return last


def recovery_s(database: Path, aside: Path) -> float:
    """How long a start takes to read what was left, measured on a copy."""
    aside.mkdir()
    for file in database.parent.glob(f"{DATABASE}*"):
        shutil.copy(file, aside)
    store = Store(aside / DATABASE)
    began = time.perf_counter()
    store.start()
    store.recover()
    took = time.perf_counter() - began
    assert store.repaired == [] and store.close()
    shutil.rmtree(aside)
    return took


@pytest.mark.timeout(120 + 60 * ENGINE_KILLS)
def test_kill_9_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng, state_dir = scratch("engine"), tmp_path / "state"
    last, slowest = 0, 0.0
    for _ in range(ENGINE_KILLS):
        with RunningEngine(state_dir, *WIDE) as engine, Load(engine, rng.randrange(2**32)) as load:
            until(lambda: any(seq > last for seq in load.shown))  # noqa: B023
            time.sleep(rng.uniform(0, 2))
            engine.signal(signal.SIGKILL)
            engine.wait()
            load.stop()
        slowest = max(slowest, recovery_s(state_dir / DATABASE, tmp_path / "aside"))
        last = nothing_lost(state_dir / DATABASE, load.shown)
    print(f"{ENGINE_KILLS} engines killed: {last:,} events, slowest recovery {slowest:.3f} s")
    assert slowest <= RECOVERY_S


@pytest.mark.timeout(120 + STOP_S)
def test_a_stopped_engine_goes_on(tmp_path: Path) -> None:
    with RunningEngine(tmp_path / "state", *WIDE) as engine, Load(engine, 5, pace_s=0.02) as load:
        until(lambda: len(load.shown) > 100)
        engine.signal(signal.SIGSTOP)
        time.sleep(STOP_S)  # this is the fault itself
        engine.signal(signal.SIGCONT)
        before = len(load.shown)
        with Load(engine, 6, pace_s=0.02) as later:
            until(lambda: len(later.shown) > before + 100)
            engine.signal(signal.SIGTERM)
            assert engine.wait() == 0
            later.stop()
        load.stop()
    nothing_lost(engine.state_dir / DATABASE, later.shown)
    assert all(later.shown[seq] == event for seq, event in load.shown.items())


def test_an_engine_on_a_full_disk_halts_and_says_why(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 30_000_000) as disk:
        with RunningEngine(disk / "state", *WIDE) as engine, Load(engine, 7) as load:
            until(lambda: len(load.shown) > 100)
            with (disk / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="space"):
                while True:
                    ballast.write(b"\0" * 65_536)
            found = engine.wait_for(lambda health: health.status.risk_state == "halted")
            assert "storage failed" in found.status.risk_reason and "full" in found.status.risk_reason
            assert found.status.phase == "failed" and not found.ok
            until(lambda: load.answers["place 200"] > 0)
            engine.signal(signal.SIGKILL)
            engine.wait()
            load.stop()
        (disk / "ballast").unlink()
        shutil.copytree(disk / "state", tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        nothing_lost(tmp_path / "copy" / DATABASE, load.shown)
        # With room again it starts where it was.
        with RunningEngine(disk / "state", *WIDE) as again:
            assert again.state().last_seq >= max(load.shown)


@pytest.mark.timeout(180)
def test_jumps_of_the_clock_break_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e2e, "COMMAND", [sys.executable, "-m", "tests.chaos.jumping_engine"])
    state_dir = tmp_path / "state"
    with RunningEngine(state_dir, *WIDE) as engine, Load(engine, 8, pace_s=0.02) as load:
        until(lambda: len(load.shown) > 100)
        for jump in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2):
            seen = len(load.shown)
            engine.signal(jump)
            until(lambda: len(load.shown) > seen + 100)  # noqa: B023
        engine.signal(signal.SIGKILL)
        engine.wait()
        load.stop()
    times = [load.shown[seq].ns for seq in sorted(load.shown)]
    assert max(times) - times[0] > 3_000 * 10**9  # it saw the hour ahead
    last = nothing_lost(state_dir / DATABASE, load.shown)
    # Started again an hour before what it has journaled.
    monkeypatch.setattr(e2e, "environment", lambda: environment(TICKDESK_CHAOS_SHIFT_S="-3600"))
    with RunningEngine(state_dir, *WIDE) as engine, Load(engine, 9, pace_s=0.02) as load:
        until(lambda: max(load.shown, default=0) > last + 100)
        assert engine.health().status.risk_state == "active"
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0
        load.stop()
    nothing_lost(state_dir / DATABASE, load.shown)


def answers(state_dir: Path) -> bool:
    try:
        ask(state_dir, "GET", "/v1/health", Health)
    except LinkError:
        return False
    return True


def test_of_engines_that_want_one_directory_one_gets_it(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    command = [*COMMAND, "--no-ui", "--state-dir", str(state_dir), *WIDE]
    racing = [
        subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]  # fmt: skip
    try:
        until(lambda: sum(one.poll() is None for one in racing) == 1, 60.0)
        losers = [one for one in racing if one.poll() is not None]
        assert [one.returncode for one in losers] == [3] * 3
        for one in losers:
            assert one.stderr is not None and "another engine" in one.stderr.read()
        (winner,) = [one for one in racing if one.poll() is None]
        assert (state_dir / "engine.lock").read_text().strip() == str(winner.pid)
        until(lambda: answers(state_dir))  # from then on it ends in order
        winner.send_signal(signal.SIGTERM)
        assert winner.wait(30) == 0
    finally:
        for one in racing:
            one.kill()
            one.wait(10)
            assert one.stderr is not None
            one.stderr.close()
    assert [one for one in verify_database(state_dir / DATABASE) if not one.ok] == []
