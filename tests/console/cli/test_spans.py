"""A span of time without any time in it is refused before anything is read or removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.cli.called import Capture, refused

BACKWARDS = ("--since", "2025-02-01", "--until", "2025-01-01")


@pytest.mark.parametrize(
    "words",
    [
        ("history", "remove", "BTC-USD", "--yes", *BACKWARDS),
        ("history", "export", "OUT", *BACKWARDS),
        ("export", "fills", *BACKWARDS),
        ("train", *BACKWARDS),
        ("parity", *BACKWARDS),
        ("backtest", "--symbols", "BTC-USD", *BACKWARDS),
    ],
    ids=lambda words: words[0],
)
def test_an_end_before_the_beginning(words: tuple[str, ...], tmp_path: Path, capsys: Capture) -> None:
    _, said = refused(capsys, *words, "--state-dir", str(tmp_path))
    assert "--until must be after --since" in said


def test_an_end_at_1970_is_not_no_end(tmp_path: Path, capsys: Capture) -> None:
    """It removed every bar."""
    words = ("history", "remove", "BTC-USD", "--yes", "--until", "1970-01-01", "--state-dir", str(tmp_path))
    assert "--until must be after 1970" in refused(capsys, *words)[1]


def test_more_folds_than_are_of_use(tmp_path: Path, capsys: Capture) -> None:
    assert "give 1 to 100" in refused(capsys, "train", "--folds", "1000", "--state-dir", str(tmp_path))[1]
