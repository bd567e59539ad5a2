"""Processes that make runs: what dies is told and tried once more, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreError, TickdeskError
from engine.research.run_log import RunLog
from engine.research.sweep_runs import Name, Run
from engine.research.sweep_table import as_csv, rows
from engine.wiring.sweep_course import Progress, sweep
from engine.wiring.sweep_link import Messages, Setup
from engine.wiring.sweep_pool import Pool, environment
from tests.research.made_runs import FAST, SLOW, Here, Told, spec
from tests.research.sweep_process import RUNNER

_SPEC = spec(f"{FAST}=2..5", f"{SLOW}=3,10,20")


def _setup(**told: object) -> Setup:
    return Setup(RUNNER, msgspec.json.encode(Told(**told)))  # type: ignore[arg-type]


def _here(folder: Path) -> dict[Name, Run]:
    with RunLog(folder, _SPEC) as log:
        sweep(_SPEC, log, Here())
        return log.runs


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pids(marks: Path) -> set[int]:
    return {int(path.name.split("-")[2]) for path in marks.glob("*-*-*-*")}


def _all_gone(pids: set[int], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(_alive, pids))


def test_two_processes_make_the_table_of_one_and_a_death_is_told_and_made_good(tmp_path: Path) -> None:
    said: list[str] = []
    setup = _setup(folder=str(tmp_path), dies_on=4, dies=1, sleeps_s=0.005)
    with RunLog(tmp_path / "pool", _SPEC) as log, Pool(setup, 2, said.append) as pool:
        progress = sweep(_SPEC, log, pool)
    assert as_csv(rows(log.runs, _SPEC)) == as_csv(rows(_here(tmp_path / "here"), _SPEC))
    assert progress.refused == 3 and progress.failed == 0
    assert len(said) == 1 and "was killed by SIGKILL: it is tried once more" in said[0]
    assert _all_gone(_pids(tmp_path))


def test_a_run_that_kills_its_process_twice_fails_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    setup = _setup(folder=str(tmp_path), dies_on=4, dies=2)
    with RunLog(tmp_path / "pool", _SPEC) as log, Pool(setup, 1, said.append) as pool:
        progress = sweep(_SPEC, log, pool)
    assert progress.done == 12 and progress.failed == 1
    (failed,) = (run for run in log.runs.values() if run.status == "failed")
    assert failed.point[FAST] == 4 and failed.error == "its process was killed by SIGKILL, twice"
    assert "counts as failed" in said[1]


def test_what_cannot_be_set_up_is_one_error(tmp_path: Path) -> None:
    for setup, kind, why in (
        (_setup(broken="the data are gone"), TickdeskError, "the data are gone"),
        (Setup("tests.research.no_such_runner", b""), StoreError, "die before they are ready.*No module"),
    ):
        with (
            RunLog(tmp_path / why[:5], _SPEC) as log,
            Pool(setup, 1, lambda text: None) as pool,
            pytest.raises(kind, match=why),
        ):
            sweep(_SPEC, log, pool)
        assert log.runs == {}


def test_what_changes_under_way_ends_the_sweep_and_it_goes_on_once_it_is_back(tmp_path: Path) -> None:
    with (
        RunLog(tmp_path / "pool", _SPEC) as log,
        Pool(_setup(changed_on=4), 1, lambda text: None) as pool,
        pytest.raises(TickdeskError, match="the strategies are others"),
    ):
        sweep(_SPEC, log, pool)
    assert log.runs and all(run.point[FAST] < 4 for run in log.runs.values())
    with RunLog(tmp_path / "pool", _SPEC) as log, Pool(_setup(), 1, lambda text: None) as pool:
        assert sweep(_SPEC, log, pool).failed == 0
    assert as_csv(rows(log.runs, _SPEC)) == as_csv(rows(_here(tmp_path / "here"), _SPEC))


def test_leaving_early_ends_every_process(tmp_path: Path) -> None:
    setup = _setup(folder=str(tmp_path), sleeps_s=0.02)

    def stop(progress: Progress) -> None:
        if progress.done >= 2:
            raise KeyboardInterrupt

    with (
        RunLog(tmp_path / "pool", _SPEC) as log,
        pytest.raises(KeyboardInterrupt),
        Pool(setup, 2, lambda text: None) as pool,
    ):
        sweep(_SPEC, log, pool, told=stop)
    assert len(log.runs) >= 2 and _pids(tmp_path) and _all_gone(_pids(tmp_path), 1.0)


def test_a_process_that_holds_too_much_is_followed_by_another(tmp_path: Path) -> None:
    of = spec(f"{FAST}=2..4")
    setup = msgspec.structs.replace(_setup(folder=str(tmp_path), grows=30 << 20), growth=20 << 20)
    with RunLog(tmp_path / "pool", of) as log, Pool(setup, 1, pytest.fail) as pool:
        assert sweep(of, log, pool).done == 3
    assert len(_pids(tmp_path)) == 2


def test_a_process_computes_in_one_thread_and_finds_the_users_environment() -> None:
    made = environment({"PATH": "/bin", "OMP_NUM_THREADS": "8", "MY_OWN": "1"})
    assert made["OMP_NUM_THREADS"] == made["NUMBA_NUM_THREADS"] == "1"
    assert made["MY_OWN"] == "1"


def test_messages_come_whole_out_of_any_pieces() -> None:
    decoder = msgspec.msgpack.Decoder(list[int])
    bodies = [msgspec.msgpack.encode([n] * n) for n in range(5)]
    wire = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    messages, found = Messages(), []
    for at in range(0, len(wire), 3):
        found += messages.feed(wire[at : at + 3], decoder)
    assert found == [[n] * n for n in range(5)]
    with pytest.raises(ValueError, match="a message of"):
        list(Messages().feed(b"\xff" * 8, decoder))


def test_ctrl_c_reaches_nobody_but_the_sweep(tmp_path: Path) -> None:
    """The terminal sends it to every process of the group."""
    marks = tmp_path / "marks"
    marks.mkdir()
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.research.sweep_process", str(tmp_path / "sweep"), str(marks)),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while len(_pids(marks)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, words = process.communicate(timeout=20)
    assert words.decode().splitlines()[-1] == "KeyboardInterrupt"
    assert words.decode().count("Traceback") == 1
    assert _all_gone(_pids(marks), 1.0)
