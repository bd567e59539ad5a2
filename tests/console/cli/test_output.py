"""What is printed where nobody reads it, or where there is no room."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from pathlib import Path

import pytest

from console import cli
from console.cli import main


def test_a_pipe_that_closes_early_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["config", "show"]) == 0


@pytest.mark.parametrize("command", [["config", "show"], ["config", "check"]])
def test_output_that_finds_no_room_is_told_in_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(command) == 1
    assert capfd.readouterr().err == "tickdesk: cannot write: No space left on device; make room\n"


def test_a_full_disk_without_any_output_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def show(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(cli, "parse", lambda argv: argparse.Namespace(run=show))
    assert main(["config", "show"]) == 1
    assert capfd.readouterr().err == "tickdesk: cannot write: No space left on device; make room\n"


def test_output_that_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["config", "check"]) == 0


@pytest.mark.parametrize(("charset", "shown"), [("latin-1", "j v "), ("ascii", "j v "), ("euc_jp", "j ↓ ")])
def test_a_letter_that_standard_output_does_not_know_ends_no_command(
    charset: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An internal error took the place of what a command had done, receipts among it.
    told = io.TextIOWrapper(io.BytesIO(), encoding=charset)
    monkeypatch.setattr(sys, "stdout", told)
    assert main(["keys"]) == 0
    told.seek(0)
    assert shown in told.read()
