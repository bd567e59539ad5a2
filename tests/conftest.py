"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = {"TICKDESK_ENGINE__PROCESSOR": "any"}
"""Of every engine under test; those of one test alone may have a processor of their own."""


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of captured market data, or a skip that says how to provide it."""
    path = Path(os.environ.get("TICKDESK_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"captured market data not found at {path}: set TICKDESK_DATA")
    return path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TICKDESK_* setting of the person who runs the tests reaches the product under test. Of the many
    engines that run at once none takes a processor for itself."""
    for name in list(os.environ):
        if name.startswith("TICKDESK_") and name != "TICKDESK_DATA":
            monkeypatch.delenv(name)
    for name, value in SHARED.items():
        monkeypatch.setenv(name, value)
