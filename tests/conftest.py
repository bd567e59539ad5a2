"""Fixtures shared by all tests."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import logs, processor
from widgets import symbol_names

ROOT = Path(__file__).resolve().parent.parent
SHARED = {"TICKDESK_ENGINE__PROCESSOR": "any"}
"""Of every engine under test; those of one test alone may have a processor of their own."""
# Where a group may write by default, as on many systems, users' strategies would not be run.
os.umask(0o022)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of captured market data, or a skip that says how to provide it."""
    path = Path(os.environ.get("TICKDESK_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"captured market data not found at {path}: set TICKDESK_DATA")
    return path


@pytest.fixture(autouse=True)
def _no_names_of_others() -> None:
    """How long a symbol's name is depends on all that a process has seen."""
    symbol_names.forget()


@pytest.fixture(autouse=True)
def _no_left_over_logging() -> Iterator[None]:
    """An engine that ran in this process leaves its log handlers, and its level, to the process's end."""
    root, ours = logging.getLogger(), logging.getLogger(logs.ROOT)
    before, level = list(root.handlers), ours.level
    yield
    ours.setLevel(level)
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def two_processors() -> Iterator[None]:
    """Two that no desk has for itself, and no other test may have meanwhile; or a skip."""
    with (Path(tempfile.gettempdir()) / f"tickdesk-test-processors-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        allowed = processor.allowed_here()
        if len(allowed - processor.owned(allowed)) < 2:
            pytest.skip("there are not two processors that no desk has for itself")
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TICKDESK_* setting of the person who runs the tests reaches the product under test. Of the many
    engines that run at once none takes a processor for itself."""
    for name in list(os.environ):
        if name.startswith("TICKDESK_") and name != "TICKDESK_DATA":
            monkeypatch.delenv(name)
    for name, value in SHARED.items():
        monkeypatch.setenv(name, value)
