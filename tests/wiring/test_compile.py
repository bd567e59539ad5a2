"""The start: a first one says what it compiles, module by module, a later one is silent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine import kernels
from engine.wiring.compile import compile_all
from tests.conftest import ROOT

MODULES = (
    *("consume", "screen", "remember", "scan", "intake", "deal"),
    *("alpha158", "model", "drift", "binance_scan", "tape", "blend", "rules", "quant", "bars", "candles"),
)


def test_a_first_start_says_what_it_does_for_each_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "cache_folder", lambda: tmp_path)  # nothing is kept there
    told: list[str] = []
    compile_all(told.append)
    assert [line.split()[2] for line in told] == list(MODULES)
    assert all(line.startswith("compiling the ") and "first start" in line for line in told)
    assert all("longer while the machine is busy" in line for line in told)


def test_a_later_start_finds_every_kernel_and_says_nothing() -> None:
    compile_all(lambda text: None)
    told: list[str] = []
    compile_all(told.append)
    assert told == []
    folder = kernels.cache_folder()
    assert folder is not None and len(list(folder.rglob("*.nbi"))) >= len(MODULES)


_HALVES = """
import os, sys
from engine.wiring import compile, play_kernel

def recorder(name):
    def record(note):
        print(name, os.getpid(), flush=True)
        if name == FAILS:
            raise SystemExit(7)
    return record

FAILS = sys.argv[1]
compile._OF_TICKS = (recorder("ticks"), recorder("more"))
compile._BESIDE = (recorder("beside"), recorder("last"))
play_kernel.compile_kernels = recorder("play")
"""
_SECOND = "sys.exit(compile._main(['beside']))"
_FIRST = """
start = compile.subprocess.Popen
def started(command):
    print("started", *command[1:], flush=True)
    return start([sys.executable, "-c", SECOND, FAILS])
compile.subprocess.Popen = started
try:
    code = compile._main([])
finally:
    try:
        print("waited", os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("waited")
sys.exit(code)
"""


@pytest.mark.parametrize(("fails", "code"), [("", 0), ("beside", 7), ("ticks", 7)])
def test_a_set_up_makes_them_all_in_two_processes(fails: str, code: int) -> None:
    program = f"SECOND = {_HALVES + _SECOND!r}\n{_HALVES}{_FIRST}"
    made = subprocess.run(
        [sys.executable, "-c", program, fails], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (made.returncode, made.stderr) == (code, "")
    lines = made.stdout.splitlines()
    assert "started -P -m engine.wiring.compile beside" in lines
    assert lines[-1] == "waited", "no child is left behind"
    ran: dict[str, list[str]] = {}
    for name, pid in (line.split() for line in lines if line.count(" ") == 1):
        ran.setdefault(pid, []).append(name)
    first = ["ticks"] if fails == "ticks" else ["ticks", "more", "play"]
    second = ["beside"] if fails == "beside" else ["beside", "last"]
    assert sorted(ran.values()) == sorted([first, second])
