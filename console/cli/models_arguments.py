"""The commands of ``tickdesk models`` and their options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from engine.plain_number import plain_number
from engine.text import clean

_VERSION = "a version, or its first characters"
_DAY_S = 86_400

Lazy = Callable[[str, str], Callable[[argparse.Namespace], int]]


def add_models(
    models: argparse.ArgumentParser,
    common: argparse.ArgumentParser,
    lazy: Lazy,
    duration: Callable[[str], float],
) -> None:
    """``common``: the options that every command takes; ``lazy``: a function of a module, by their names."""
    models.set_defaults(run=lazy("models", "show_list"), strategy=None)
    models.add_argument("--json", action="store_true", help="machine-readable")
    commands = models.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, help: str, module: str, function: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[common], help=help, description=help)
        one.set_defaults(run=lazy(module, function))
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="machine-readable")
        return one

    shown = command("list", "the registered models, newest first", "models", "show_list")
    shown.add_argument("--strategy", metavar="NAME", help="of this strategy only")

    show = command("show", "all that is known of a model: folds, figures, history", "models", "show")
    show.add_argument("version", metavar="VERSION", help=_VERSION)

    compare = command("compare", "two models side by side, and how they agree", "models_compare", "run")
    compare.add_argument("first", metavar="A", help=_VERSION)
    compare.add_argument("second", metavar="B", help=_VERSION)

    _add_register(
        command("register", "take a trained model in; nothing runs it yet", "models_register", "run")
    )

    activate = command("activate", "let a model trade, after a check", "models_switch", "activate")
    activate.add_argument("version", metavar="VERSION", help=_VERSION)
    for name, help in (
        ("deactivate", "go on without a model"),
        ("rollback", "go back to the model that was active before"),
    ):
        one = command(name, help, "models_switch", name)
        one.add_argument("strategy", metavar="STRATEGY", nargs="?", default="model", help="default: model")
    shadow = command(
        "shadow", "let a model run beside the active one, without trading", "models_switch", "shadow"
    )
    which = shadow.add_mutually_exclusive_group(required=True)
    which.add_argument("version", metavar="VERSION", nargs="?", help=_VERSION)
    which.add_argument("--none", action="store_true", help="no shadow any more")
    shadow.add_argument("--strategy", metavar="NAME", default="model", help="with --none; default: model")

    command("reload", "let the running engine load its active model anew", "models_live", "reload")
    command("info", "the running engine's model: figures, live results, shadow, drift", "models_live", "info")
    explain = command("explain", "what each feature did to a symbol's prediction", "models_live", "explain")
    explain.add_argument("symbol", metavar="SYMBOL", help="as orders take it")
    explain.add_argument(
        "--ns",
        type=_ns,
        metavar="NS",
        default=0,
        help="of the bar close, as `tickdesk explain --json` tells it",
    )
    training = command("training", "how far the engine's training run is", "models_live", "training")
    training.add_argument("--cancel", action="store_true", help="end it")

    verify = command(
        "verify", "check every file, and load every model in a child; exit code 1 if one is bad",
        "models_verify", "run",
    )  # fmt: skip
    verify.add_argument("versions", metavar="VERSION", nargs="*", help=f"{_VERSION}; default: all")

    _add_prune(command("prune", "remove old models that do nothing", "models_prune", "run"), duration)


def _add_register(register: argparse.ArgumentParser) -> None:
    register.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="a model's directory, or the text file of a LightGBM model trained elsewhere on Alpha158; "
        "a model of your own in Python is for `tickdesk train --model FILE.py`",
    )
    group = register.add_argument_group("of a bare text file")
    group.add_argument(
        "--bars", type=_bar_s, metavar="SECONDS", help="interval of the bars it was trained on"
    )
    group.add_argument("--horizon", type=_horizon, metavar="N", help="bars ahead that its label looks")
    group.add_argument("--strategy", type=_strategy, metavar="NAME", help="default: model")


def _add_prune(prune: argparse.ArgumentParser, duration: Callable[[str], float]) -> None:
    prune.epilog = (
        "Of each strategy the newest models stay, and always the active one, its shadow and the one that a "
        "rollback goes to. With both options a model must be beyond both to go."
    )
    prune.add_argument(
        "--keep",
        type=_keep,
        metavar="N",
        help="newest models that stay (default: models.keep; 0 with --older-than)",
    )
    prune.add_argument(
        "--older-than",
        type=duration,
        metavar="TIME",
        dest="older_than_s",
        help="registered longer ago: 12h, 30d",
    )
    prune.add_argument("--strategy", metavar="NAME", help="of this strategy only")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    prune.add_argument("--yes", action="store_true", help="without asking; only a terminal is asked")


def _bar_s(text: str) -> float:
    try:
        value = plain_number(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 7 * _DAY_S:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no bar interval: seconds, up to a week's")
    return value


def _strategy(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,64}", text):
        raise argparse.ArgumentTypeError(
            f"{clean(text, 40)!r} is no strategy's name: up to 64 letters, digits and _ . : / -"
        )
    return text


def _horizon(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of bars: 1 to 100000")
    return int(text)


def _ns(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 1 << 63):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no time: ns since 1970, UTC")
    return int(text)


def _keep(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of models: 0 or more")
    return int(text)
