"""Commands called in this process, and what they say when they refuse."""

from __future__ import annotations

import pytest

from console.cli import main

Capture = pytest.CaptureFixture[str]


def call(*argv: str) -> int:
    """The exit code, however the command ends."""
    try:
        return main(argv)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def refused(capsys: Capture, *argv: str) -> tuple[int, str]:
    """Exit code and the one line on stderr of a command that must fail."""
    code = call(*argv)
    out, err = capsys.readouterr()
    assert code != 0 and out == ""
    assert err.startswith("tickdesk: ") and err.count("\n") == 1 and err.endswith("\n"), err
    assert "Traceback" not in err and "internal error" not in err
    return code, err
