"""``tickdesk features BARS.csv --set alpha158 --out FILE.npz``."""

from __future__ import annotations

import argparse
import sys

from console.cli.output import check_place
from console.cli.settings import configuration
from engine.errors import ConfigError


def run(arguments: argparse.Namespace) -> int:
    from engine.features import alpha158, candles
    from engine.wiring.bar_file import write_features

    which = _take_set(arguments)
    config = configuration(arguments)
    check_place(arguments.out, [arguments.bars.resolve()], "out")

    def note(text: str) -> None:
        print(f"tickdesk: {text}", file=sys.stderr)

    (alpha158 if which == "alpha158" else candles).compile_kernels(note)
    bars, columns = write_features(arguments.bars, which, arguments.out, config.features, note)
    print(f"{arguments.out}: {bars:,} bars x {columns} columns ({which})")
    return 0


def _take_set(arguments: argparse.Namespace) -> str:
    """The set of features. A KEY=VALUE beside it is meant as everywhere else: it overrides a value."""
    from engine.wiring.bar_file import SETS

    names = [value for value in arguments.sets if "=" not in value]
    arguments.overrides += [value for value in arguments.sets if "=" in value]
    if len(names) != 1 or names[0] not in SETS:
        raise ConfigError(f"say which features to compute: --set {' or --set '.join(SETS)}")
    return str(names[0])
