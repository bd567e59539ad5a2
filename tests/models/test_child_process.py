"""Processes that read models' files: ended with all they started, and bounded where nobody can end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.models.child_environment import child_environment
from engine.models.child_process import NICE, STDERR, run_child

SPIN = """
from engine.models import child_process
child_process.CPU_S = 1
child_process.restrict()
while True:
    pass
"""


def module(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    (folder / "stand_in_for_a_check.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "stand_in_for_a_check"


async def test_it_has_low_priority_and_leaves_its_code_and_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import os, sys, time\nwhile not (found := os.nice(0)): time.sleep(0.01)\n"
    name = module(tmp_path, monkeypatch, text + "print(found, *sys.argv[1:], file=sys.stderr); sys.exit(3)")
    assert await run_child(name, Path("/a b"), tmp_path, 20.0) == 3
    assert (tmp_path / STDERR).read_text() == f"{NICE} /a b {tmp_path}\n"


async def test_one_that_hangs_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        "pathlib.Path(sys.argv[2], 'pid').write_text(str(child.pid))\n"
        "time.sleep(300)"
    )
    with pytest.raises(TimeoutError):
        await run_child(module(tmp_path, monkeypatch, text), tmp_path, tmp_path, 2.0)
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    deadline = time.monotonic() + 10.0
    while stat.exists() and stat.read_bytes().rpartition(b")")[2].split()[0] != b"Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_that_spins_ends_without_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", SPIN], env=child_environment(), timeout=60)
    assert -done.returncode in (signal.SIGXCPU, signal.SIGKILL)
    assert os.getpriority(os.PRIO_PROCESS, 0) < NICE
