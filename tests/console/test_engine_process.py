"""Starting an engine as a process: it says that it listens, what takes long, or in one line why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.engine_process import EngineProcess, start_engine
from engine.api.address import socket_path
from engine.errors import EngineBusyError, LinkError, TickdeskError
from engine.store.lock import StateLock


def scripted(script: str, tmp_path: Path) -> EngineProcess:
    """A process that runs ``script`` with ``say(line)`` writing to its ready pipe."""
    read_end, write_end = os.pipe()
    head = f"import os, sys, time\ndef say(line): os.write({write_end}, line.encode() + b'\\n')\n"
    process = subprocess.Popen([sys.executable, "-S", "-c", head + script], pass_fds=(write_end,))
    os.close(write_end)
    return EngineProcess(process, read_end, tmp_path)


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield tmp_path / "state"


def test_ready_after_notes(tmp_path: Path) -> None:
    notes: list[str] = []
    note = json.dumps({"note": "compiling\x1b[31m"})
    scripted(f"say({note!r}); say('{{}}'); time.sleep(30)", tmp_path).wait_ready(notes.append)
    assert notes == ["compiling[31m"]


def test_the_engines_own_error_is_raised(tmp_path: Path) -> None:
    for code, kind in ((2, LinkError), (3, EngineBusyError)):
        line = json.dumps({"error": "no\nfeed", "exit_code": code})
        with pytest.raises(kind, match="no feed") as caught:
            scripted(f"say({line!r})", tmp_path).wait_ready(lambda text: None)
        assert isinstance(caught.value, TickdeskError) and caught.value.exit_code == code


def test_an_engine_that_dies_or_is_silent(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"exit 7.*engine\.log"):
        scripted("sys.exit(7)", tmp_path).wait_ready(lambda text: None)
    silent = scripted("time.sleep(30)", tmp_path)
    with pytest.raises(LinkError, match="did not start"):
        silent.wait_ready(lambda text: None, timeout_s=0.1)
    os.kill(silent.pid, signal.SIGKILL)


def test_a_started_engine_is_a_session_of_its_own_and_leaks_no_descriptor(state_dir: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, not paths
    engine = start_engine(state_dir, ["--set", "simulated.history_s=30"])
    try:
        engine.wait_ready(lambda text: None, timeout_s=90.0)
        assert os.getsid(engine.pid) == engine.pid != os.getsid(0)
        assert socket_path(state_dir).is_socket()
        assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
        with pytest.raises(EngineBusyError, match="attach"):
            start_engine(state_dir, []).wait_ready(lambda text: None, timeout_s=90.0)
    finally:
        os.kill(engine.pid, signal.SIGTERM)
        assert engine._process.wait(20) == 0
    assert not socket_path(state_dir).exists()


def test_mistakes_come_back_as_one_line(state_dir: Path, tmp_path: Path) -> None:
    for options, says in (
        (["--set", "risk.nosuch=1"], "nosuch"),
        (["--tape", str(tmp_path / "none.jsonl")], "none.jsonl"),
    ):
        with pytest.raises(TickdeskError, match=says) as caught:
            start_engine(state_dir, options).wait_ready(lambda text: None, timeout_s=90.0)
        assert str(caught.value).isprintable()
    lock = StateLock.acquire(state_dir)
    lock.release()


def test_nothing_of_the_folder_it_is_called_in_is_run(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("engine", "msgspec"):
        (folder / f"{name}.py").write_text("raise SystemExit(77)")
    monkeypatch.chdir(folder)
    with pytest.raises(TickdeskError, match="nosuch"):
        start_engine(state_dir, ["--set", "risk.nosuch=1"]).wait_ready(lambda text: None, timeout_s=90.0)


def test_an_engine_that_falls_before_it_has_a_log_is_told_of(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "see engine.log" was said of a file that there was not, where a package was missing.
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named numba' >&2; exit 1\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(LinkError, match=r"exit 1\): ModuleNotFoundError: No module named numba"):
        start_engine(state_dir, []).wait_ready(lambda text: None)


def test_the_engine_module_alone_prints_its_error(state_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "--state-dir", str(state_dir), "--set", "risk.nosuch=1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("tickdesk: ") and done.stderr.count("\n") == 1
