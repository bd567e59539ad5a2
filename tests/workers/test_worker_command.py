"""``tickdesk worker``: what it refuses, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cli import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["worker", *arguments]) != 0
    told = capsys.readouterr().err.strip().splitlines()
    return told[-1]


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--state-dir", str(tmp_path))
    bus = ("--bus", f"unix://{tmp_path}/none.sock")
    assert "a process of its own" in refused(capsys, "execution", "market", *bus, *where)
    assert "the bus needs a server" in refused(capsys, "features", *where)
    missing = ("--tape", str(tmp_path / "missing.tape"))
    assert "cannot read the tape" in refused(capsys, "market", *missing, *bus, *where)
    assert "--tape is the market stage's" in refused(capsys, "features", *missing, *bus, *where)
