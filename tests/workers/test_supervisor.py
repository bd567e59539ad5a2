"""Children are kept running, and end with who started them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import EngineBusyError
from engine.store.lock import StateLock
from engine.workers import life_signs, supervisor
from engine.workers.life_signs import LifeSigns
from engine.workers.supervisor import Child, Supervisor
from tests.conftest import ROOT

_FOREVER = "trap 'echo ended-$0 >> log; exit 0' TERM; echo up-$0 >> log; while :; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)


def _child(name: str, script: str, *, told: bool = False, end_s: float = 5.0) -> Child:
    return Child(name, ["sh", "-c", script, name], told=told, end_s=end_s)


def _log() -> list[str]:
    path = Path("log")
    return path.read_text().split() if path.exists() else []


async def _until(lines: int) -> None:
    async with asyncio.timeout(10):
        while len(_log()) < lines:
            await asyncio.sleep(0.01)


async def test_who_is_told_to_end_ends_all_in_order() -> None:
    until_up = "while ! grep -q up-feed log || ! grep -q up-base log; do sleep 0.02; done"
    children = [
        _child("feed", _FOREVER),
        _child("desk", until_up, told=True),
        _child("base", _FOREVER),
    ]
    async with asyncio.timeout(10):
        assert await Supervisor(children, lambda text: None).run() == 0
    assert sorted(_log()[:2]) == ["up-base", "up-feed"]
    assert _log()[2:] == ["ended-feed", "ended-base"]


async def test_who_works_and_who_stands_by_for_it_are_ended_together_and_the_latter_comes_later() -> None:
    slow = (
        "trap 'sleep 0.2; echo ended-$0 >> log; exit 0' TERM; echo up-$0 >> log; while :; do sleep 0.02; done"
    )
    children = [
        _child("desk", slow),
        _child("spare", _FOREVER),
        _child("never", _FOREVER),
        _child("base", _FOREVER),
    ]
    for child, later_s in zip(children, (0.0, 0.1, 30.0, 0.0), strict=True):
        child.group, child.later_s = ("" if child.name == "base" else "desk"), later_s
    kept = Supervisor(children, lambda text: None)
    running = asyncio.create_task(kept.run())
    await _until(3)
    assert sorted(_log()[:2]) == ["up-base", "up-desk"] and _log()[2] == "up-spare"
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0
    assert _log()[3:] == ["ended-spare", "ended-desk", "ended-base"]  # none waited for the other's end


@pytest.mark.parametrize("same_s", [60.0, -1.0])
async def test_only_a_second_wish_to_end_ends_all_at_once(
    same_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SAME_S", same_s)
    kept = Supervisor([_child("desk", _FOREVER)], lambda text: None)
    running = asyncio.create_task(kept.run())
    await _until(1)
    kept.stop()
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0
    assert ("ended-desk" in _log()) == (same_s > 0)


async def test_who_fails_is_started_again() -> None:
    told: list[str] = []
    kept = Supervisor([_child("desk", "echo up >> log; exit 3", told=True)], told.append)
    running = asyncio.create_task(kept.run())
    await _until(3)
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0
    assert "desk ended (exit 3), starts again in 0.01 s" in told


async def test_who_fails_again_and_again_from_the_start_ends_all(tmp_path: Path) -> None:
    told: list[str] = []
    said = tmp_path / "said"
    bad = Child("bad", ["sh", "-c", "echo no such tape; exit 4"], said)
    async with asyncio.timeout(10):
        assert await Supervisor([_child("feed", _FOREVER), bad], told.append).run() == 4
    assert told[-1] == f"bad failed 5 times: all end. It said: no such tape (more in {said})"


async def test_a_spare_that_cannot_be_does_not_end_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SPARE_PAUSE_S", 0.01)
    monkeypatch.setattr(supervisor, "QUICK_S", 0.2)
    monkeypatch.setattr(supervisor, "MOST_FAILURES", 2)
    told: list[str] = []
    children = [_child("desk", _FOREVER), _child("spare", "echo no >> log; exit 4")]
    for child, later_s in zip(children, (0.0, 0.25), strict=True):
        child.group, child.later_s = "desk", later_s
    monkeypatch.setattr(supervisor, "MOST_PAUSE_S", 0.01)
    kept = Supervisor(children, told.append)
    running = asyncio.create_task(kept.run())
    await _until(1 + supervisor.MOST_FAILURES + 2)
    assert not running.done()
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0
    assert not any("all end" in line for line in told)


async def test_what_a_child_prints_tells_when_each_run_began(tmp_path: Path) -> None:
    said = tmp_path / "said"
    child = Child("desk", ["sh", "-c", "echo up >> log; echo $$; exit 3"], said)
    kept = Supervisor([child], lambda text: None)
    running = asyncio.create_task(kept.run())
    await _until(3)
    kept.stop()
    async with asyncio.timeout(10):
        await running
    lines = said.read_text().splitlines()
    began = [line.split() for line in lines if line.startswith("--- ")]
    assert all(one[2:4] == ["desk", "runs,"] and one[1].endswith("Z") for one in began)
    pids = [one[5].rstrip(",") for one in began]
    assert len(pids) == child.starts >= 3
    assert lines[0].startswith("--- ") and lines[1] == pids[0]  # before anything else


async def test_who_is_killed_has_not_failed() -> None:
    kept = Supervisor([_child("desk", "echo up >> log; kill -9 $$")], lambda text: None)
    running = asyncio.create_task(kept.run())
    await _until(supervisor.MOST_FAILURES + 2)
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0


async def test_who_is_stopped_is_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its lock, so that its spare waits for as long as it hangs."""
    for module in (life_signs, supervisor):
        monkeypatch.setattr(module, "LOOK_S", 0.05)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "of-another"))
    script = (
        "import os, signal, sys\n"
        "from engine.ops.notify_socket import open_socket\n"
        "print(os.getpid(), flush=True, file=open('log', 'a'))\n"
        "said, period_s = open_socket(os.environ)\n"
        "assert period_s == 0.25 and said.ready('running')\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    said: list[str] = []
    child = Child("desk", [sys.executable, "-c", script], environment={"PYTHONPATH": str(ROOT)})
    child.life = LifeSigns(tmp_path / "life" / "desk", 0.25)
    kept = Supervisor([child], said.append)
    running = asyncio.create_task(kept.run())
    await _until(2)
    kept.stop()
    kept._stopped_s = -100.0
    kept.stop()
    async with asyncio.timeout(10):
        assert await running == 0
    child.life.close()
    assert "desk has given no sign of life for 0.25 s: killed" in said
    assert "desk ended (SIGKILL), starts again in 0.01 s" in said


async def test_a_child_keeps_the_lock_of_who_started_it(tmp_path: Path) -> None:
    """A server whose parent was killed still writes to its files."""
    lock = StateLock.acquire(tmp_path / "workers")
    child = Child("redis", ["sh", "-c", "echo up >> log; exec sleep 60"], locks=(lock.fileno(),))
    kept = Supervisor([child], lambda text: None)
    running = asyncio.create_task(kept.run())
    await _until(1)
    lock.release()
    with pytest.raises(EngineBusyError):
        StateLock.acquire(tmp_path / "workers")
    kept.stop()
    async with asyncio.timeout(10):
        await running
    StateLock.acquire(tmp_path / "workers").release()


async def test_what_nobody_watches_any_more_ends(caplog: pytest.LogCaptureFixture) -> None:
    def tell(text: str) -> None:
        if "ended" in text:
            raise BrokenPipeError

    children = [_child("desk", "echo up >> log"), _child("base", _FOREVER)]
    async with asyncio.timeout(10):
        assert await Supervisor(children, tell).run() == 1
    assert "the workers are not watched any more: all end" in caplog.text
    assert ("up-base" in _log()) == ("ended-base" in _log())


async def test_an_output_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    told: list[str] = []
    child = _child("desk", "echo up >> log", told=True)
    child.output = tmp_path / "folder" / "desk.out"

    def tell(text: str) -> None:
        told.append(text)
        (tmp_path / "folder").mkdir(exist_ok=True)

    async with asyncio.timeout(10):
        assert await Supervisor([child], tell).run() == 0
    assert told[0] == "desk cannot be started: No such file or directory" and _log() == ["up"]


async def test_who_does_not_end_is_killed() -> None:
    told: list[str] = []
    kept = Supervisor(
        [_child("deaf", "trap '' TERM; echo up >> log; sleep 60 & wait; wait", end_s=0.1)], told.append
    )
    running = asyncio.create_task(kept.run())
    await _until(1)
    kept.stop()
    async with asyncio.timeout(10):
        await running
    assert "deaf did not end in 0.1 s: killed" in told


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from engine.workers.supervisor import Child, Supervisor\n"
        "child = Child('deaf', ['sh', '-c', 'echo $$ >> log; exec sleep 60'])\n"
        "asyncio.run(Supervisor([child], lambda text: None).run())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 20
    while not _log():
        assert parent.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child = int(_log()[0])
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    """A dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_who_is_to_stand_aside_is_kept_off_the_processors_of_desks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moved: list[int] = []

    def move(pid: int) -> None:
        moved.append(pid)
        if len(moved) < 3:
            raise OSError(24, "Too many open files")

    monkeypatch.setattr(supervisor, "step_aside", move)
    monkeypatch.setattr(supervisor, "ASIDE_S", 0.01)
    children = [_child("desk", "sleep 0.5; while ! grep -q up-base log; do sleep 0.02; done", told=True)]
    children += [Child("base", ["sh", "-c", _FOREVER, "base"], aside=True)]
    async with asyncio.timeout(10):
        assert await Supervisor(children, lambda text: None).run() == 0
    base = children[1].process
    assert base is not None and set(moved) == {base.pid} and len(moved) > 3
    assert [line for line in caplog.messages if "Too many" in line] == [
        "base stays on its processors: Too many open files"
    ]
