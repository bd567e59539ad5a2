"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of captured market data, or a skip that says how to provide it."""
    path = Path(os.environ.get("TICKDESK_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"captured market data not found at {path}: set TICKDESK_DATA")
    return path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TICKDESK_* setting of the person who runs the tests reaches the product under test."""
    for name in list(os.environ):
        if name.startswith("TICKDESK_") and name != "TICKDESK_DATA":
            monkeypatch.delenv(name)
