"""What a training run is told: the options of ``tickdesk train``, alike for whoever else starts one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import ConfigError
from engine.given_symbols import GivenSymbols
from engine.given_time import given_span
from engine.plain_number import plain_number
from engine.text import clean

SIMULATED_S = 7200
MAX_SIMULATED_S = 7 * 86_400
HORIZON = 20
MEMORY_GB = 4.0
MOST_FOLDS = 100
"""As of a sweep's walk-forward: each trains once."""

Then = Literal["register", "shadow", "activate"]


class TrainingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """None: as the configuration has it, or as ``tickdesk train --help`` says."""

    symbols: tuple[str, ...] = ()
    """In any spelling that orders take; empty: those the desk trades."""
    bar_s: float | None = None
    """Stored bars of so many seconds: ``history.interval_s``; of the simulated venue: ``features.bar_s``."""
    since_ns: int | None = None
    until_ns: int | None = None
    days: float | None = None
    """The newest so many days of stored bars."""
    seconds: int | None = None
    """Of the simulated venue."""
    adjust: bool = False
    horizon: int = HORIZON
    seed: int = 7
    folds: int = 4
    embargo: int | None = None
    purge: int | None = None
    window: Literal["expanding", "rolling"] = "expanding"
    model: Path | None = None
    """A file with a user's model; None: LightGBM."""
    every: int | None = None
    memory_gb: float = MEMORY_GB
    mlflow: str = ""
    then: Then | None = None
    """None: activate where ``promotion`` has nothing against it, else register."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a training run."""
    bars = parser.add_argument_group("bars")
    bars.add_argument(
        "--symbols",
        nargs="+",
        action=GivenSymbols,
        metavar="SYMBOL",
        help="default: those the desk trades; canonical names too",
    )
    bars.add_argument("--bars", type=_number, metavar="SECONDS", help="length of the bars")
    bars.add_argument("--days", type=_number, metavar="N", help="the newest so many days of stored bars")
    bars.add_argument("--since", metavar="TIME", help="stored bars from then on: ISO 8601, UTC")
    bars.add_argument("--until", metavar="TIME", help="up to, and without")
    bars.add_argument("--adjust", action="store_true", help="prices adjusted for splits and dividends")
    bars.add_argument(
        "--seconds", type=int, metavar="N", help=f"of the simulated venue (default {SIMULATED_S})"
    )
    bars.add_argument("--every", type=int, metavar="N", help="train on every so many time steps only")
    bars.add_argument(
        "--memory", type=_number, metavar="GB", default=MEMORY_GB,
        help=f"that the rows may take (default {MEMORY_GB:g}); --every is chosen to fit",
    )  # fmt: skip
    how = parser.add_argument_group("training and validation")
    how.add_argument(
        "--horizon", type=int, default=HORIZON, help=f"bars ahead that the label looks (default {HORIZON})"
    )
    how.add_argument("--seed", type=int, default=7, help="same bars and seed: same model (default 7)")
    how.add_argument("--folds", type=int, default=4, help="of the walk-forward validation (default 4)")
    how.add_argument("--purge", type=int, metavar="BARS", help="gap (default and least: horizon + 1)")
    how.add_argument("--embargo", type=int, metavar="BARS", help="further gap (default: the horizon)")
    how.add_argument("--window", choices=("expanding", "rolling"), default="expanding")
    how.add_argument("--model", type=Path, metavar="FILE.py", help="a model of your own in place of LightGBM")
    how.add_argument("--mlflow", metavar="URI", default="", help="log the run there, as in sqlite:///runs.db")
    how.add_argument(
        "--then",
        choices=("register", "shadow", "activate"),
        help="what becomes of the model (default: activate what shows skill and is not below the active "
        "one's rank IC of the same bars and horizon, else register)",
    )


def options_of(arguments: argparse.Namespace) -> TrainingOptions:
    """Checked options. Raises ConfigError."""
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    if arguments.days is not None and since_ns is not None:
        raise ConfigError("--days and --since both say where to begin: give one")
    for name, least in (("horizon", 1), ("folds", 1), ("embargo", 0), ("every", 1), ("seconds", 1)):
        value = getattr(arguments, name)
        if value is not None and not least <= value <= 100_000_000:
            raise ConfigError(f"--{name} {value}: give {least} or more")
    if arguments.folds > MOST_FOLDS:
        raise ConfigError(f"--folds {arguments.folds}: give 1 to {MOST_FOLDS}")
    if not 0 <= arguments.seed < 1 << 31:
        raise ConfigError(f"--seed {arguments.seed}: give 0 to {(1 << 31) - 1}")
    if arguments.horizon > 100_000 or (arguments.embargo or 0) > 200_000 or (arguments.purge or 0) > 200_000:
        raise ConfigError("--horizon is at most 100000 bars, --purge and --embargo 200000")
    return TrainingOptions(
        symbols=tuple(arguments.symbols or ()),
        bar_s=arguments.bars,
        since_ns=since_ns,
        until_ns=until_ns,
        days=arguments.days,
        seconds=arguments.seconds,
        adjust=arguments.adjust,
        horizon=arguments.horizon,
        seed=arguments.seed,
        folds=arguments.folds,
        embargo=arguments.embargo,
        purge=arguments.purge,
        window=arguments.window,
        model=arguments.model,
        every=arguments.every,
        memory_gb=arguments.memory,
        mlflow=arguments.mlflow,
        then=arguments.then,
    )


def _number(text: str) -> float:
    try:
        value = plain_number(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number above 0")
    return value
