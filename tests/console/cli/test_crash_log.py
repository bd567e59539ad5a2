"""A bug of ours: one line for the user, and the rest in a file for them alone."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pytest

from console import cli
from console.cli import main
from tests.console.cli.called import Capture


def test_a_bug_of_ours_is_one_line_and_its_traceback_is_kept(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.cli import config

    def bug(arguments: object) -> int:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(config, "run", bug)
    assert main(["config", "show"]) == 70
    err = capsys.readouterr().err
    (log,) = (tmp_path / "state" / "tickdesk").iterdir()
    assert err.count("\n") == 1 and str(log) in err
    assert "ZeroDivisionError: ours" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_crash_is_written_down_without_secrets_and_for_its_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def broken(arguments: argparse.Namespace) -> int:
        raise ValueError("redis://desk:hunter2@b.example/0 is no address")

    state, elsewhere = tmp_path / "state", tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.setattr(cli, "parse", lambda argv: argparse.Namespace(run=broken, state_dir=state))
    name = f"crash-{os.getuid()}.log"
    assert main([]) == 70 and str(state / name) in capsys.readouterr().err
    told = (state / name).read_text()
    assert "ValueError" in told and "b.example" in told and "hunter2" not in told
    (state / name).chmod(0o666)  # as who put it there before would have it
    assert main([]) == 70
    assert (state / name).read_text() == told and "ValueError" in (elsewhere / name).read_text()
