"""A sweep that is killed at any moment goes on, repeats no run that had ended, and tells the same table."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from engine.research.run_log import RunLog, read
from engine.research.space import grid
from engine.research.sweep_table import as_csv, rows
from engine.wiring.sweep_course import sweep
from tests.research.made_runs import Here
from tests.research.sweep_process import SPEC

_KILLS = int(os.environ.get("TICKDESK_CHAOS_SWEEPS", "3"))
_WITHIN_S = 60.0


def _begun(marks: Path) -> Counter[int]:
    """How often each run was begun."""
    return Counter(int(path.name.split("-")[1]) for path in marks.iterdir())


def _ended(folder: Path) -> set[int]:
    if not (folder / "runs.jsonl").is_file() or b"\n" not in (folder / "runs.jsonl").read_bytes():
        return set()
    return {name.n for name in read(folder)[1]}


def test_a_killed_sweep_repeats_nothing_that_ended(tmp_path: Path) -> None:
    with RunLog(tmp_path / "whole", SPEC) as log:
        sweep(SPEC, log, Here())
        table = as_csv(rows(log.runs, SPEC))
    seeded = random.Random(7)
    killed = again = sweeps = 0
    while killed < _KILLS:
        folder = tmp_path / str(sweeps)
        kills, repeated = _until_it_ends(folder, _KILLS - killed, seeded)
        assert (folder / "table.csv").read_bytes() == table
        killed, again, sweeps = killed + kills, again + repeated, sweeps + 1
    print(f"{killed} kills of {sweeps} sweeps: {again} runs begun again, none of those that had ended")


def _until_it_ends(folder: Path, most: int, seeded: random.Random) -> tuple[int, int]:
    """How often it was killed, and how many runs were begun more than once."""
    marks = folder / "marks"
    marks.mkdir(parents=True)
    command = (sys.executable, "-m", "tests.research.sweep_process", str(folder), str(marks))
    kills, all_runs = 0, len(grid(SPEC.space))
    while True:
        before, held = _begun(marks), _ended(folder)
        process = subprocess.Popen(command)
        if kills < most and len(held) < all_runs:
            # From the middle of its start to well into its runs.
            wanted, until = len(held) + seeded.randrange(0, 24), time.monotonic() + _WITHIN_S
            while process.poll() is None and len(_begun(marks)) < wanted and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(seeded.random() * 0.03)
            process.send_signal(signal.SIGKILL)
            kills += 1
        code = process.wait(timeout=_WITHIN_S)
        after = _begun(marks)
        assert all(after[n] == before[n] for n in held), "a run that had ended was made again"
        assert held <= _ended(folder), "a run that had ended was lost"
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert _ended(folder) == set(range(all_runs))
    # Those at work when their process was killed, and no other.
    repeated = sum(_begun(marks).values()) - all_runs
    assert repeated <= 2 * kills
    return kills, repeated
