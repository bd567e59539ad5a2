"""Both ways that commands take several symbols mean the same."""

from __future__ import annotations

import argparse

import pytest

from engine.given_symbols import GivenSymbols


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(exit_on_error=False)
    made.add_argument("--symbols", nargs="+", action=GivenSymbols)
    return made


@pytest.mark.parametrize(
    "given",
    [["BTC-USD", "ETH-USD"], ["BTC-USD,ETH-USD"], ["BTC-USD, ETH-USD"], ["BTC-USD", "ETH-USD,BTC-USD"]],
)
def test_spaces_and_commas_are_alike(given: list[str]) -> None:
    assert parser().parse_args(["--symbols", *given]).symbols == ["BTC-USD", "ETH-USD"]


def test_an_empty_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--symbols", "BTC-USD,"])
    assert "a name is empty" in capsys.readouterr().err
