"""A training run's process: heard within bounds, ended with all it started, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models.child_environment import child_environment
from engine.wiring.training_process import MAX_LINE, TrainingProcess

DONE = 'print(\'{"version": "0123456789ab", "then": "registered", "text": "done"}\', flush=True)\n'
PIDS = """
import os, pathlib, subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {helper.pid}\\n")
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PIDS + "time.sleep(300)\n"
WAIT_S = 20.0


class Run:
    """A script run as a training, and what was heard of it."""

    def __init__(
        self, script: str, *arguments: str, limit_s: float = 60.0, grace_s: float = 0.3, given: bytes = b"{}"
    ) -> None:
        self.heard: list[tuple[float, str]] = []
        self.process = TrainingProcess(
            arguments,
            given,
            lambda share, text: self.heard.append((share, text)),
            limit_s=limit_s,
            command=(sys.executable, "-c", script),
            grace_s=grace_s,
        )

    async def refused(self) -> str:
        with pytest.raises(ModelError) as error:
            await self.process.run()
        return str(error.value)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


async def until(holds) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.01)


async def pids_in(path: Path) -> list[int]:
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(pid) for pid in path.read_text().split()]


async def test_progress_is_heard_and_the_version_comes_of_it() -> None:
    run = Run(
        "import sys\nassert sys.stdin.read() == '{\"bars\": 1}\\n'\n"
        'print(\'{"share": 0.25, "text": "features\\\\u202e of A"}\')\n'
        'print(\'{"share": 7, "text": "more than all"}\')\n' + DONE,
        given=b'{"bars": 1}',
    )
    assert await run.process.run() == "0123456789ab"
    assert run.heard == [(0.25, "features of A"), (1.0, "more than all")]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('print(\'{"error": "too little data\\\\nof A"}\'); raise SystemExit(1)', "too little data of A"),
        ("raise SystemExit(3)", "ended with code 3, and no model"),
        ("raise RuntimeError('odd')", "ended with code 1, and no model: RuntimeError: odd"),
        ("print('nothing')", "ended with code 0, and no model"),
        (DONE + "raise SystemExit(1)", "ended with code 1"),
        ("import os; os.kill(os.getpid(), 15)", "ended by signal 15"),
        ('print(\'{"version": "../../etc"}\')', "no model"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9 (is there enough memory?)"),
        ("import os\nwhile True: os.write(1, b'{}\\n' * 9999)", "printed more than"),
        ("import time; time.sleep(300)", "longer than 0.5 s"),
    ],
    ids=lambda value: value[:24],
)
async def test_a_failure_has_its_reason_in_one_line(script: str, says: str) -> None:
    run = Run(script, limit_s=0.5 if "300" in script else 60.0)
    text = await run.refused()
    assert says in text and text.isprintable()


async def test_rubbish_and_lines_without_end_are_passed_over() -> None:
    run = Run(
        "import os, sys\n"
        f"os.write(1, b'{{' * {8 * MAX_LINE} + b'\\n')\n"
        'os.write(1, b\'\\xff\\x00{{\\n[]\\n{"share": null}\\n{"share": 1e999}\\n{"share": "x"}\\n\')\n'
        "os.write(2, b'x' * 1_000_000)\n"
        'print(\'{"share": 0.5, "text": "half"}\', flush=True)\n' + DONE
    )
    assert await run.process.run() == "0123456789ab"
    assert run.heard == [(0.5, "half")]


async def test_one_that_prints_without_end_costs_the_desk_little() -> None:
    run = Run("import os\nwhile True: os.write(2, b'x' * 65_536)", limit_s=2.0)
    began = time.thread_time()
    assert "longer than 2 s" in await run.refused()
    assert time.thread_time() - began < 0.6  # of 2 s that it prints


async def test_its_lines_keep_the_loop_free() -> None:
    """Thousands of wrong lines at once: the desk beside them is served all the time."""
    run = Run("import os\nfor _ in range(40): os.write(1, b'{\\n' * 30_000)\n" + DONE)
    longest, last = 0.0, time.thread_time()  # what others do on the processor does not count
    running = asyncio.create_task(run.process.run())
    while not running.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    assert running.result() == "0123456789ab"
    assert longest < 0.1  # 5 ms on a free machine: see the benchmark of the loop


async def test_asked_to_end_it_may_put_its_things_in_order() -> None:
    run = Run(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        'print(\'{"share": 0.5, "text": "up"}\', flush=True)\ntime.sleep(300)\n'
    )
    refused = asyncio.create_task(run.refused())
    await until(lambda: run.heard)
    run.process.end()
    assert "signal 15" in await refused


async def test_a_signal_after_it_was_done_undoes_nothing() -> None:
    run = Run(DONE + "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert await run.process.run() == "0123456789ab"


async def test_a_stubborn_run_is_killed_with_all_it_started(tmp_path: Path) -> None:
    run = Run(STUBBORN, str(tmp_path / "pids"))
    refused = asyncio.create_task(run.refused())
    pids = await pids_in(tmp_path / "pids")
    assert all(alive(pid) for pid in pids)
    run.process.end()
    assert "signal 9" in await refused
    assert not any(alive(pid) for pid in pids)


async def test_what_a_run_leaves_behind_is_killed(tmp_path: Path) -> None:
    run = Run(PIDS + DONE, str(tmp_path / "pids"))
    assert await run.process.run() == "0123456789ab"
    assert not any(alive(pid) for pid in await pids_in(tmp_path / "pids"))


async def test_a_canceled_run_has_ended(tmp_path: Path) -> None:
    run = Run(STUBBORN, str(tmp_path / "pids"))
    running = asyncio.create_task(run.process.run())
    pids = await pids_in(tmp_path / "pids")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(alive(pid) for pid in pids)


async def test_a_killed_supervisor_takes_the_run_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wiring.training_process._LAST_WORDS_S", 0.1)  # its helper holds the pipes
    run = Run(PIDS + "time.sleep(300)\n", str(tmp_path / "pids"))
    refused = asyncio.create_task(run.refused())
    pid, helper = await pids_in(tmp_path / "pids")
    assert run.process._child is not None
    run.process._child.kill()
    assert "signal 9" in await refused
    await until(lambda: not alive(pid))
    os.kill(helper, signal.SIGKILL)  # nobody was left who knew of it


ENGINE = """
import asyncio, sys
from engine.wiring.training_process import TrainingProcess
asyncio.run(TrainingProcess(
    sys.argv[2:], b"{}", print, limit_s=300, command=(sys.executable, "-c", sys.argv[1]), grace_s=0.3
).run())
"""


async def test_a_killed_engine_leaves_no_run_behind(tmp_path: Path) -> None:
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENGINE, STUBBORN, str(tmp_path / "pids")), env=child_environment()
    )
    try:
        pids = await pids_in(tmp_path / "pids")
        assert all(alive(pid) for pid in pids)
    finally:
        engine.kill()
        await engine.wait()
    await until(lambda: not any(alive(pid) for pid in pids))


def test_the_environment_keeps_no_secret() -> None:
    given = {
        "PATH": "/bin",
        "TICKDESK_RISK": "1",
        "POLYGON_API_KEY": "k",
        "MY_TOKEN": "t",
        "DB_PASSWORD": "p",
        "DATABASE_URL": "postgres://me:secret@host/db",
        "LANG": "C.UTF-8",
    }
    found = child_environment(given)
    assert {name for name in found if name in given} == {"PATH", "LANG"} and "PYTHONPATH" in found
    assert not any(secret in found.values() for secret in ("k", "t", "p", given["DATABASE_URL"]))
