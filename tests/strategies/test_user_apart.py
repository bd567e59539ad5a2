"""What a user's strategy sets and prints is its own, and what it yields is heard."""

from __future__ import annotations

import sys
import warnings
from decimal import Decimal, getcontext
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.strategies.registry import StrategySet
from tests.strategies.rows import feature_row, hear

COARSE = """
from decimal import Decimal, getcontext

import numpy as np

from engine.strategies.base import Strategy

getcontext().prec = 3
np.seterr(all="raise")


class Coarse(Strategy):
    name = "coarse"
    description = "reckons with three digits"

    def __init__(self, params):
        super().__init__(params)
        getcontext().Emax = 99

    def on_bar(self, row):
        context = getcontext()
        told = f"{Decimal(1) / 3} {context.Emax} {np.geterr()['divide']}"
        context.Emin = -99
        return self.signal(row.symbol, row.ns, 0.5, 0.5, told)
"""
YIELDS = """
from engine.strategies.base import Strategy


class Yields(Strategy):
    name = "yields"
    description = "says what a model likes, one after the other"

    def on_scores(self, ns, scores):
        for symbol, score in scores.items():
            if score > 0:
                yield self.signal(symbol, ns, 0.5, 0.5, "liked")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "strategies"
    made.mkdir(mode=0o700)
    return made


def write(folder: Path, text: str) -> None:
    path = folder / "mine.py"
    path.write_text(text)
    path.chmod(0o600)


def test_the_precision_and_error_states_it_sets_are_not_the_desks(folder: Path) -> None:
    write(folder, COARSE)
    before, errors = getcontext().copy(), np.geterr()
    strategies = StrategySet({}, folder)
    (signal,) = hear(strategies, feature_row())
    strategies.set_params("coarse", {"ttl_s": 5.0})  # made anew
    write(folder, COARSE.replace("prec = 3", "prec = 4"))
    assert strategies.reload().text == "coarse read anew"
    (again,) = hear(strategies, feature_row(2))
    assert (signal.reason, again.reason) == ("0.333 99 raise", "0.3333 99 raise"), "its own hold for itself"
    now = getcontext()
    assert (now.prec, now.Emax, now.Emin) == (before.prec, before.Emax, before.Emin)
    assert np.geterr() == errors
    assert str(Decimal("64000.12") * Decimal("0.12345")) == "7900.8148140"


def test_a_generator_of_signals_is_heard(folder: Path) -> None:
    write(folder, YIELDS)
    strategies = StrategySet({"model": {"enabled": False}}, folder)
    (signal,) = strategies.on_scores(1, {"sim:A": 0.02, "sim:B": -0.02})
    assert (signal.symbol, signal.source) == ("sim:A", "yields")
    assert next(s.signals for s in strategies.states() if s.name == "yields") == 1


def test_what_it_prints_is_no_part_of_what_a_command_tells(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, YIELDS.replace("for symbol", "print('asked')\n        for symbol") + "\nprint('read')\n")
    told_to = sys.stdout
    StrategySet({"model": {"enabled": False}}, folder).on_scores(1, {"sim:A": 0.02, "sim:B": -0.02})
    assert sys.stdout is told_to
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "read\nasked\n")


def test_its_filter_of_warnings_fails_nobody_elses_file(folder: Path) -> None:
    write(folder, "import warnings\nwarnings.simplefilter('error')\n" + YIELDS)
    before = list(warnings.filters)
    StrategySet({}, folder)
    assert list(warnings.filters) == before


REFUSES = """
from engine.strategies.base import Strategy


class Picky(Strategy):
    name = "picky"
    description = "checks its parameters with a fault in it"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        level: int = 1

        def __post_init__(self):
            {}[self.level - 1] if self.level != 1 else None
"""


def test_a_fault_in_its_check_of_parameters_is_a_refusal(folder: Path) -> None:
    write(folder, REFUSES)
    strategies = StrategySet({}, folder)
    with pytest.raises(ConfigError, match=r"strategies\.picky: its parameters are refused, KeyError: 4"):
        strategies.set_params("picky", {"level": 5})
    assert strategies.enabled("picky") and strategies.settings()["picky"]["level"] == 1


CHECKS = """
import sys
import warnings
from decimal import getcontext

from engine.strategies.base import Strategy


class Checks(Strategy):
    name = "checks"
    description = "checks its parameters"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        level: int = 1

        def __post_init__(self):
            getcontext().prec = 3
            warnings.simplefilter("error")
            print("checked")
            if self.level > 9:
                sys.exit("more than nine")
"""


def test_its_check_of_parameters_runs_apart_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, CHECKS)
    precision, filters = getcontext().prec, list(warnings.filters)
    strategies = StrategySet({"checks": {"level": 2}}, folder)
    strategies.set_params("checks", {"level": 3})
    assert strategies.detail("checks").params[-1].value == 3
    write(folder, CHECKS + "\n")
    strategies.reload()
    assert strategies.settings()["checks"]["level"] == 3
    with pytest.raises(ConfigError, match="its parameters are refused, SystemExit: more than nine"):
        strategies.set_params("checks", {"level": 10})
    assert (getcontext().prec, list(warnings.filters)) == (precision, filters)
    assert capsys.readouterr().out == ""
