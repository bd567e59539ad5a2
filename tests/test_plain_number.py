"""What is a number when a person writes it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from console.cli.arguments import parser
from console.cli.limits import _patch
from engine.errors import ConfigError, OrderError
from engine.plain_number import plain_number
from engine.wiring.tickets import number

WRONG = [
    "1_0",
    "\u0661\u0662",
    "\uff11",
    "nan",
    "inf",
    "-Infinity",
    "0x10",
    "",
    " ",
    "1 0",
    "1,5",
    "--1",
    "1e",
    ".",
]


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("-0.5", -0.5), ("+.5", 0.5), ("1.", 1), ("1e3", 1e3), ("1E-3", 1e-3)]
)
def test_numbers(text: str, value: float) -> None:
    assert plain_number(text) == value and number("price", text) == Decimal(text)


@pytest.mark.parametrize("text", WRONG)
def test_what_python_alone_reads_is_no_number(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="is no number"):
        plain_number(text)
    with pytest.raises(OrderError, match="is no number"):
        number("price", text)
    with pytest.raises(ConfigError, match="is no number"):
        _patch("set", ["desk", "max_gross_pct", text])
    with pytest.raises(SystemExit):
        parser().parse_args(["order", "buy", "sim:BTC-USD", f"--equity-pct={text}"])
    assert "is no number" in capsys.readouterr().err


def test_a_number_beyond_floats_is_none() -> None:
    with pytest.raises(ValueError, match="is no number"):
        plain_number("1e999")
