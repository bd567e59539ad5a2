"""Lengths of time on the command line."""

from __future__ import annotations

import argparse

import pytest

from console.cli.duration import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), ("1.5d", 129_600.0)]
)
def test_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "90ms", "2hm", "1dd", "5 d", "0", "-1s", "nan", "1e9"])
def test_anything_else_is_refused(text: str) -> None:
    """90ms was taken for 90 s."""
    with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
        duration(text)
