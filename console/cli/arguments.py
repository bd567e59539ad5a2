"""The commands and their options."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from console.cli.api_arguments import add_api
from console.cli.bus_arguments import add_bus
from console.cli.command import Command
from console.cli.daily_arguments import add_daily
from console.cli.data_arguments import add_history
from console.cli.decision_arguments import add_decisions
from console.cli.desk_arguments import add_desk, add_desk_options, add_installation
from console.cli.duration import duration
from console.cli.feed_arguments import add_feeds
from console.cli.models_arguments import add_models
from console.cli.record_arguments import add_records
from console.cli.research_arguments import add_research
from console.cli.trading_arguments import add_trading
from engine.text import clean
from engine.wiring.training_options import add_options


def _lazy(module: str, function: str = "run") -> Callable[[argparse.Namespace], int]:
    """A function of a command's module, imported when it is called: `status` needs no Textual."""

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f"console.cli.{module}"), function)(arguments))

    return run


_MOST_NAMED = 20
"""Choices that are told in an error; of more the help tells."""


def _version() -> str:
    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return "unknown (not installed)"


class _Parser(argparse.ArgumentParser):
    """Usage errors in one line, which points to the help of the command it is about."""

    _again = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and not self._again and self._subparsers is None:
            if not any(word.startswith("-") for word in unknown):
                found, unknown = self._words_apart(args, namespace)
            if unknown:
                # Refused here: the parser above would take what a command does not know for its own.
                self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _words_apart(self, args: Any, namespace: Any) -> Any:
        """Once more, with the options first: argparse takes a list of words only where no option parts it."""
        self._again = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        except TypeError:  # of commands where one of several words excludes the others
            return super().parse_known_args(args, namespace)
        finally:
            self._again = False

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            from engine.suggestion import did_you_mean

            known = [str(one) for one in action.choices]
            choices = did_you_mean(str(value), known)
            if not choices and len(known) <= _MOST_NAMED:
                choices = f" (choose from {', '.join(known)})"
            raise argparse.ArgumentError(action, f"{clean(value, 40)!r} is not known{choices}")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tickdesk: {clean(message, 300)}; see `{self.prog} --help`\n")


def _common(overrides: str, option: str = "--set") -> _Parser:
    """Options that every command takes, before or after its name (so without defaults here).

    ``overrides`` names where ``--set`` goes: a command's own must not replace those before its name.
    ``option``: what it is called where ``--set`` means something else.
    """
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("everywhere")
    group.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    group.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="where journal, models, socket and logs live"
    )
    group.add_argument(
        option,
        action="append",
        metavar="KEY=VALUE",
        dest=overrides,
        help=f"override a configuration value, e.g. {option} risk.max_position_pct=10",
    )
    return common


def parser() -> argparse.ArgumentParser:
    common = _common("overrides")
    top = _Parser(
        prog="tickdesk",
        parents=[_common("first_overrides")],
        description="A live trading desk in a terminal. "
        "Without a command: start the engine if none runs, and attach.",
    )
    top.add_argument("--version", action="version", version=f"tickdesk {_version()}")
    add_desk_options(top)
    top.set_defaults(run=_lazy("desk"))
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(
        name: str, help: str, module: str | None = None, function: str = "run", shared: _Parser = common
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=[shared], help=help, description=help)
        sub.set_defaults(run=_lazy(module or name, function))
        return sub

    add_desk(command)
    add_api(command)
    command("openapi", "the OpenAPI document of the API")
    add_trading(command)
    add_bus(command)
    add_research(command)
    add_daily(command, duration)
    add_feeds(command)
    add_installation(command)
    _add_training(command)
    models = command("models", "list, compare, activate and look after the registered models")
    add_models(models, _common("own_overrides"), _lazy, duration)
    # Its own --set names the sets.
    features = "compute features of bars in a CSV file: Alpha158, or our indicators"
    _features_options(command("features", features, shared=_common("overrides", "--override")))
    add_decisions(command)
    add_records(command)
    add_history(command("history", "list, load, import, export or remove the stored bars"))
    return top


def _add_training(command: Command) -> None:
    train = command("train", "train the model strategy's model, validate it walk-forward and register it")
    train.epilog = (
        "Without --symbols on a desk without feeds it trains on the simulated venue, whose prices are made "
        "to be predictable. Unless --then says otherwise, a model is activated only where its validation "
        "shows skill and its rank IC is not below the active one's, of the same bars and horizon."
    )
    add_options(train)
    train.add_argument("--progress", choices=("json",), help="an object a line on standard output")
    train.add_argument("--json", action="store_true", help="the result machine-readable")


def _features_options(features: argparse.ArgumentParser) -> None:
    features.add_argument(
        "--set",
        action="append",
        dest="sets",
        default=[],
        metavar="alpha158|indicators",
        help="which features to compute (required)",
    )
    features.add_argument(
        "bars", type=Path, metavar="BARS.csv", help="open, high, low, close, volume[, vwap]"
    )
    features.add_argument("--out", type=Path, metavar="FILE.npz", required=True, help="where to write them")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; a usage error is printed in one line and exits with 2."""
    arguments = parser().parse_args(argv)
    for name in ("config", "state_dir"):
        if not hasattr(arguments, name):
            setattr(arguments, name, None)
    given = ("first_overrides", "overrides", "own_overrides")
    arguments.overrides = [text for name in given for text in getattr(arguments, name, [])]
    for name, value in vars(arguments).items():
        if name != "out" and not all(map(_is_text, value if isinstance(value, list) else [value])):
            parser().error(f"{name.replace('_', ' ')}: {clean(value, 60)!r} is not UTF-8 text")
    return arguments


def _is_text(value: object) -> bool:
    """Whether it can be sent and stored. Paths may hold any bytes, and are no ``str``."""
    try:
        if isinstance(value, str):
            value.encode()
    except UnicodeEncodeError:
        return False
    return True
