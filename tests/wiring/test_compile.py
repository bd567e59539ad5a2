"""The start: a first one says what it compiles, module by module, a later one is silent."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest

from engine import kernels
from engine.wiring import compile as compile_module
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
    monkeypatch.setattr(compile_module, "are_made", lambda folder: True)  # whoever ran before: none is asked
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


_SHARES = """
import os, signal, sys
from engine import kernels
from engine.wiring import compile, play_kernel

FAILS, FOLDER = sys.argv[1:3]

def recorder(name):
    def record(note):
        note(f"{name} {os.getpid()}")
        if name == FAILS and SHARE:
            sys.exit(7)
        if FAILS == "hang" and SHARE:
            signal.pause()
    return record

compile._OF_TICKS = (recorder("ticks"), recorder("more"))
compile._BESIDE = (recorder("beside"), recorder("last"))
play_kernel.compile_kernels = recorder("play")
compile.forget_unused = lambda: 0
compile.cache_folder = lambda: kernels.Path(FOLDER)
"""
_CHILD = "SHARE = sys.argv[3]\nsys.exit(compile._main([SHARE]))"
_PARENT = """
SHARE = ""
start = compile.subprocess.Popen
def started(command, **given):
    print("started", *command[1:], flush=True)
    return start([sys.executable, "-c", CHILD, FAILS, FOLDER, command[-1]], **given)
compile.subprocess.Popen = started
note = lambda text: print(text, flush=True)
compile.OneLine = lambda file: compile.contextlib.nullcontext(note)
def interrupted():
    def stop(text):
        raise KeyboardInterrupt
    try:
        compile._compile_apart(None, stop, "start")
    except KeyboardInterrupt:
        return 3
try:
    code = RUN
finally:
    try:
        print("waited", os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("waited")
sys.exit(code)
"""


def _parent(what: str, folder: Path, fails: str) -> subprocess.CompletedProcess[str]:
    """Until it has ended, and whoever else holds its standard error."""
    folder.mkdir(exist_ok=True)
    program = f"CHILD = {_SHARES + _CHILD!r}\n{_SHARES}{_PARENT.replace('RUN', what)}"
    # Unbuffered, a line and its end are two writes, and the other process may write between them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-c", program, fails, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def _run(what: str, folder: Path, fails: str = "") -> tuple[int, list[str], list[list[str]]]:
    """The exit code, what was printed, and the kernels that each process made."""
    made = _parent(what, folder, fails)
    assert made.stderr == ""
    lines = made.stdout.splitlines()
    assert lines[-1] == "waited", "no child is left behind"
    ran: dict[str, list[str]] = {}
    for name, pid in (line.split() for line in lines if line.count(" ") == 1):
        ran.setdefault(pid, []).append(name)
    return made.returncode, lines, sorted(ran.values())


@pytest.mark.parametrize(("fails", "code"), [("", 0), ("beside", 7), ("ticks", 7)])
def test_a_set_up_makes_them_all_in_two_processes(tmp_path: Path, fails: str, code: int) -> None:
    ended, lines, ran = _run("compile._main([])", tmp_path, fails)
    assert ended == code
    assert "started -P -m engine.wiring.compile beside" in lines
    first = ["ticks"] if fails == "ticks" else ["ticks", "more", "play"]
    second = ["beside"] if fails == "beside" else ["beside", "last"]
    assert ran == sorted([first, second])


_ALL = ["ticks", "more", "beside", "last"]


def test_a_start_has_others_compile_and_loads_then(tmp_path: Path) -> None:
    """A compiler's memory is never given back."""
    ended, lines, ran = _run("compile.compile_all(note)", tmp_path)
    assert ended == 0 and sum(line.startswith("started") for line in lines) == 2
    assert ran == sorted([["ticks", "more"], ["beside", "last"], _ALL])
    ended, lines, ran = _run("compile.compile_all(note)", tmp_path)
    assert ran == [_ALL] and not any(line.startswith("started") for line in lines)


def test_a_start_compiles_itself_what_others_cannot(tmp_path: Path) -> None:
    ended, _, ran = _run("compile.compile_all(note)", tmp_path, fails="beside")
    assert ended == 0 and _ALL in ran
    assert not kernels.are_made(tmp_path)


def test_who_is_interrupted_ends_those_who_compile(tmp_path: Path) -> None:
    ended, lines, _ = _run("interrupted()", tmp_path, fails="hang")
    assert ended == 3 and lines[-1] == "waited"


def test_who_compile_end_with_who_began_them_however_it_ends(tmp_path: Path) -> None:
    killed = "compile._compile_apart(None, lambda text: os.kill(os.getpid(), 9), 'start')"
    assert _parent(killed, tmp_path, "hang").returncode == -9


def test_sources_with_another_time_are_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numba takes no code of theirs, though they are the same."""
    source = tmp_path / "kernel.py"
    source.write_text("")
    monkeypatch.setattr(kernels, "_SOURCES", (str(source),))
    kernels.note_made(tmp_path)
    assert kernels.are_made(tmp_path)
    os.utime(source, (1, 1))
    assert not kernels.are_made(tmp_path)


def test_another_python_has_them_compiled_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one checkout: it compiled them itself then, as many as started together, and kept the memory."""
    kernels.note_made(tmp_path)
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert not kernels.are_made(tmp_path)
    kernels.note_made(tmp_path)
    assert kernels.are_made(tmp_path)


def test_of_several_that_start_one_has_the_kernels_compiled(tmp_path: Path) -> None:
    told: Queue[str] = Queue()
    with (tmp_path / "lock").open("wb") as lock, ThreadPoolExecutor() as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entered = pool.submit(_enter, tmp_path, told.put)
        said = told.get(timeout=60)
        assert said == "waiting for another process, which compiles the kernels for this machine"
        assert not entered.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
        entered.result(60)
    assert told.empty()


def _enter(folder: Path, note: compile_module.Note) -> None:
    with compile_module._alone(folder, note):
        pass
