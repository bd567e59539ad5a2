"""The start of the desk: state directories that are none, an engine that another starts, no terminal."""

from __future__ import annotations

import os
import socket as sockets
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.cli import desk
from console.cli.arguments import parse
from console.cli.desk import tapes
from engine.api.address import socket_path
from engine.config import load
from engine.errors import EngineBusyError
from engine.store.lock import StateLock
from tests.console.cli.called import Capture, call, refused


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["stop"], ["attach"]])
def test_without_an_engine(capsys: Capture, tmp_path: Path, command: list[str]) -> None:
    code, err = refused(capsys, *command, "--state-dir", str(tmp_path / "none"))
    assert code == 4 and "no engine runs" in err
    assert not (tmp_path / "none").exists()


def test_a_state_directory_that_is_none(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for command in (["status"], ["--no-ui"], ["attach"], ["models"], ["replay", str(file)]):
        code, err = refused(capsys, *command, "--state-dir", str(file))
        assert code == 2 and "choose a directory" in err
    code, err = refused(capsys, "status", "--state-dir", "/" + "x" * 300)
    assert code == 2 and "too long" in err


@pytest.mark.parametrize("where", ["/proc/nosuch/state", "/proc"])
def test_a_state_directory_that_cannot_be_written(capsys: Capture, where: str) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    code, err = refused(capsys, "--no-ui", "--state-dir", where)
    assert code == 1 and "--state-dir" in err


@pytest.mark.parametrize(
    "content",
    [b"this is no database, not at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["text", "damaged"],
)
def test_a_broken_database(capsys: Capture, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tickdesk.db").write_bytes(content)
    code, err = refused(capsys, "--no-ui", "--state-dir", str(tmp_path), "--set", "logging.level=error")
    assert code == 1 and "tickdesk.db" in err and "restore a copy" in err
    assert (tmp_path / "tickdesk.db").read_bytes() == content


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("feeds.nosuch.symbols=X", "as ccxt-<id>, such as ccxt-kucoin"),
        ("feeds.kraken.enabled=true", "feeds.kraken.symbols"),
        ("simulated.enabled=false", "no feed"),
    ],
)
def test_an_engine_without_a_usable_feed_does_not_start(
    capsys: Capture, tmp_path: Path, override: str, says: str
) -> None:
    where = ("--state-dir", str(tmp_path / "s"), "--set", "logging.level=error")
    code, err = refused(capsys, "--no-ui", *where, "--set", override)
    assert code == 2 and says in err
    assert not (tmp_path / "s" / "engine.sock").exists()


def test_a_database_of_a_newer_version(capsys: Capture, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tickdesk.db") as database:
        database.execute("PRAGMA user_version = 99")
    code, err = refused(capsys, "--no-ui", "--state-dir", str(tmp_path), "--set", "logging.level=error")
    assert code == 1 and "99" in err


def test_the_screen_needs_a_terminal_and_starts_nothing_without(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, err = refused(capsys, "--state-dir", str(tmp_path / "s"))
    assert code == 2 and "terminal" in err
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, err = refused(capsys, "--state-dir", str(tmp_path / "s"))
    assert code == 2 and "without a screen" in err
    assert not (tmp_path / "s").exists()


def test_of_two_that_start_at_once_one_joins_the_others_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "GONE_S", 0.1)
    told: list[str] = []
    assert not desk.comes(tmp_path, told.append)  # nobody starts
    lock = StateLock.acquire(tmp_path)
    socket = socket_path(tmp_path)
    with ThreadPoolExecutor() as pool, sockets.socket(sockets.AF_UNIX) as server:
        joined = pool.submit(desk.comes, tmp_path, told.append)
        with pytest.raises(TimeoutError):
            joined.result(0.3)  # it holds the directory, and does not listen yet
        server.bind(str(socket))
        server.listen()
        assert joined.result(10)
    socket.unlink()
    lock.release()
    assert not desk.comes(tmp_path, told.append)
    assert told == [f"waiting for the engine (pid {os.getpid()}) to answer"]


@pytest.mark.parametrize("meanwhile", [False, True], ids=["it runs", "it starts meanwhile"])
def test_who_joins_an_engine_hears_that_it_keeps_its_own_configuration(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    class Busy:
        def wait_ready(self, note: object) -> None:
            raise EngineBusyError("another engine")

    monkeypatch.setattr(desk, "require_terminal", lambda: None)
    monkeypatch.setattr(desk, "answers", lambda path: not meanwhile)
    monkeypatch.setattr(desk, "comes", lambda where, note: True)
    monkeypatch.setattr("console.engine_process.start_engine", lambda *given, **named: Busy())
    monkeypatch.setattr("console.attach.attach", lambda *given, **named: 0)
    where = ("--state-dir", str(tmp_path))
    assert call(*where) == 0
    assert capsys.readouterr().err.strip() == ""
    assert call(*where, "--set", "risk.max_drawdown_pct=5") == 0
    assert capsys.readouterr().err.count("keeps its own configuration") == 1


@pytest.fixture
def removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that we are in."""
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return folder


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("command", [["status"], ["--no-ui"], ["verify"]])
def test_a_relative_path_from_a_folder_that_was_removed(capsys: Capture, command: list[str]) -> None:
    code, err = refused(capsys, *command, "--state-dir", "state")
    assert code == 2 and err.startswith("tickdesk: the folder that you are in was removed: go to another")


@pytest.mark.usefixtures("removed")
def test_a_desk_is_watched_from_a_folder_that_was_removed(tmp_path: Path) -> None:
    arguments = parse(["attach", "--state-dir", str(tmp_path)])
    assert tapes(arguments, load(environ={}), tmp_path).folders == (tmp_path / "tapes",)
