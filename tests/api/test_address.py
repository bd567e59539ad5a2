"""The socket's path: short enough, the same for everybody who asks, in a private directory."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from engine.api import address
from engine.errors import LinkError


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short temporary directory that is the system's for the test."""
    with tempfile.TemporaryDirectory(prefix="td") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def deep(root: Path) -> Path:
    return root / ("d" * 60) / ("e" * 60)


def test_a_short_state_directory_holds_its_socket(temporary: Path) -> None:
    state = temporary / "state"
    assert address.prepare(state) == state.resolve() / "engine.sock"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_the_limit_is_in_bytes_and_exact(temporary: Path) -> None:
    room = address.MAX_BYTES - len(os.fsencode(temporary.resolve())) - len("/") - len("/engine.sock")
    assert address.socket_path(temporary / ("x" * room)).name == "engine.sock"
    assert address.socket_path(temporary / ("x" * (room + 1))).name != "engine.sock"
    assert address.socket_path(temporary / ("é" * (room // 2 + 1))).name != "engine.sock"


def test_a_deep_state_directory_gets_a_stand_in_that_can_be_bound(temporary: Path) -> None:
    path = address.prepare(deep(temporary))
    assert path.parent == temporary / f"tickdesk-{os.getuid()}"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert path.is_socket()


def test_every_spelling_of_a_directory_has_one_socket(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = deep(temporary)
    target.mkdir(parents=True)
    (temporary / "link").symlink_to(target)
    monkeypatch.chdir(target.parent)
    expected = address.socket_path(target)
    assert address.socket_path(temporary / "link") == expected
    assert address.socket_path(Path(target.name)) == expected
    assert address.socket_path(target.parent / "other") != expected


def test_a_directory_of_somebody_else_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = address.prepare(deep(temporary))
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    path.parent.rename(address.socket_path(deep(temporary)).parent)
    with pytest.raises(LinkError, match="belongs to user"):
        address.prepare(deep(temporary))


def test_a_directory_open_to_others_is_refused(temporary: Path) -> None:
    path = address.prepare(deep(temporary))
    path.parent.chmod(0o770)
    with pytest.raises(LinkError, match="chmod 700"):
        address.prepare(deep(temporary))


def test_a_link_in_its_place_is_refused(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    address.socket_path(deep(temporary)).parent.symlink_to(elsewhere)
    with pytest.raises(LinkError, match="not a directory"):
        address.prepare(deep(temporary))


def test_a_client_is_told_that_no_engine_is_there(temporary: Path) -> None:
    with pytest.raises(LinkError, match="start one"):
        address.check(address.socket_path(deep(temporary)))


def test_a_temporary_directory_that_is_too_deep_is_refused(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(deep(temporary)))
    with pytest.raises(LinkError, match="TMPDIR"):
        address.prepare(deep(temporary))
