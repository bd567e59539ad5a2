"""The commands and their options."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from console.cli.api_arguments import add_api, add_target
from console.cli.bus_arguments import add_bus
from console.cli.daily_arguments import add_daily
from console.cli.data_arguments import add_history, add_tape
from console.cli.duration import duration
from console.cli.jobs_arguments import add_jobs
from console.cli.models_arguments import add_models
from console.cli.research_arguments import add_research
from console.cli.trading_arguments import SYMBOL, WHICH, add_trading
from engine.plain_number import plain_number
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


def _speed(text: str) -> float:
    try:
        value = float("inf") if text in ("max", "full") else plain_number(text.rstrip("x×"))
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no speed: give a number above 0, or max")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of rows: 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no port: 0 to 65535")
    return int(text)


def _tabs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= 32):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of consoles: 1 to 32")
    return int(text)


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


_THEME = "the colour theme of this console; `tickdesk themes` lists them"
_READ_ONLY = "join a running engine, watch, and send it nothing"


def _desk_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-ui", action="store_true", help="run the engine alone, in the foreground")
    parser.add_argument("--read-only", action="store_true", help=_READ_ONLY)
    parser.add_argument("--theme", metavar="NAME", help=_THEME)
    parser.add_argument(
        "--tape", type=Path, nargs="+", metavar="FILE", default=[], help="play tapes instead of live feeds"
    )
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="tape speed: 1, 10, … or max")
    parser.add_argument("--paused", action="store_true", help="open the tape and wait: p plays")
    parser.add_argument("--venue", metavar="NAME", help="decode the tape as this venue's (default: detected)")


def _serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help=_READ_ONLY)
    serve.add_argument("--theme", metavar="NAME", default=argparse.SUPPRESS, help=_THEME)
    serve.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="default 127.0.0.1")
    serve.add_argument("--port", type=_port, default=8710, metavar="N", help="default 8710; 0: a free one")
    serve.add_argument("--tabs", type=_tabs, default=4, metavar="N", help="at once, 1 to 32 (default 4)")
    serve.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a token of your own, mode 600 (default: a new one)"
    )
    serve.add_argument(
        "--public-url", metavar="URL", help="https://NAME of the server with TLS in front; needs --token-file"
    )


def parser() -> argparse.ArgumentParser:
    common = _common("overrides")
    top = _Parser(
        prog="tickdesk",
        parents=[_common("first_overrides")],
        description="A live trading desk in a terminal. "
        "Without a command: start the engine if none runs, and attach.",
    )
    top.add_argument("--version", action="version", version=f"tickdesk {_version()}")
    _desk_options(top)
    top.set_defaults(run=_lazy("desk"))
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(
        name: str, help: str, module: str | None = None, function: str = "run", shared: _Parser = common
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=[shared], help=help, description=help)
        sub.set_defaults(run=_lazy(module or name, function))
        return sub

    attach = command("attach", "join a running engine, here or behind a gateway")
    add_target(attach)
    # Without a default of its own, which would take back what stands before the command.
    attach.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help=_READ_ONLY)
    attach.add_argument("--theme", metavar="NAME", default=argparse.SUPPRESS, help=_THEME)
    _serve_options(command("serve", "the console in a web browser, on this machine unless told otherwise"))
    themes = command("themes", "the colour themes: ours and your own, with a sample of each")
    themes.add_argument("--json", action="store_true", help="machine-readable")
    status = command("status", "what the running engine does")
    status.add_argument("--json", action="store_true", help="machine-readable")
    command("stop", "stop the running engine")
    systemd = command("systemd", "print a systemd unit that runs the engine as a service")
    systemd.add_argument("--user", action="store_true", help="for your own manager (default: the system's)")
    systemd.add_argument("--user-name", metavar="NAME", help="whom the system's runs it as (default: you)")
    systemd.add_argument("--timer", action="store_true", help="a timer and its service for the daily run")
    command("dashboard", "print a Grafana dashboard of the engine's metrics")

    add_api(command)
    add_trading(command)
    add_bus(command)
    add_research(command)
    add_daily(command, duration)

    check = command("check-feed", "run captures through a venue's adapter: is it right?", "check_feed")
    check.add_argument("venue", metavar="VENUE", help="whose adapter, such as binance, kraken or okx")
    check.add_argument("captures", type=Path, nargs="+", metavar="CAPTURE", help="JSON lines, plain or gzip")
    check.add_argument("--json", action="store_true", help="machine-readable")

    record = command("record", "write what feeds bring to a tape, without a desk")
    record.add_argument("--venue", metavar="NAME", help="of this one only (default: the configured feeds)")
    record.add_argument(
        "--symbols", metavar="A,B", help="with --venue: canonical, or as the venue spells them"
    )
    form = record.add_mutually_exclusive_group()
    form.add_argument("--ticks", action="store_true", help="trades and quotes, compact (the default)")
    form.add_argument("--raw", action="store_true", help="every frame as it came, for check-feed and --tape")
    record.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="NAME.tape, with --raw NAME.jsonl.gz (default: the venue's name)",
    )
    record.add_argument(
        "--for", type=duration, metavar="TIME", dest="seconds", help="90s, 10m, 2h or 1d; else until Ctrl-C"
    )

    add_tape(command("tape", "what is on a tape; a part of it; the same in another form; one made of a file"))

    replay = command("replay", "run the whole engine over tapes, as fast as it goes")
    replay.add_argument("tapes", type=Path, nargs="+", metavar="TAPE")
    replay.add_argument("--venue", metavar="NAME", help="decode as this venue's (default: detected)")
    replay.add_argument("--json", action="store_true", help="machine-readable")

    doctor = command("doctor", "look at terminal, disk, SQLite, clock, venues, Redis; say what to do")
    doctor.add_argument("--json", action="store_true", help="machine-readable")
    config = command("config", "show or check the configuration")
    config.add_argument("what", choices=("show", "check"))

    train = command("train", "train the model strategy's model, validate it walk-forward and register it")
    train.epilog = (
        "Without --symbols on a desk without feeds it trains on the simulated venue, whose prices are made "
        "to be predictable. Unless --then says otherwise, a model is activated only where its validation "
        "shows skill and its rank IC is not below the active one's, of the same bars and horizon."
    )
    add_options(train)
    train.add_argument("--progress", choices=("json",), help="an object a line on standard output")
    train.add_argument("--json", action="store_true", help="the result machine-readable")

    features = command(
        "features",
        "compute features of bars in a CSV file: Alpha158, or our indicators",
        shared=_common("overrides", "--override"),
    )
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

    keys = command("keys", "the keys of the console as they are mapped")
    form = keys.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="machine-readable")
    form.add_argument(
        "--toml", action="store_true", help="as a file to edit: keys.toml beside the configuration"
    )

    alerts = command("alerts", "list, make, switch or remove what the running engine tells of")
    # A fall, ``-2%``, is a word and no option.
    alerts._negative_number_matcher = re.compile(r"-[\d.][\d.,]*%?$")
    alerts.add_argument("what", choices=("list", "add", "on", "off", "remove"), nargs="?", default="list")
    alerts.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="for add: last BTC-USD above 70000 [repeat] [rearm X] [pause S] [note WORDS]; else an id",
    )
    alerts.add_argument("--json", action="store_true", help="machine-readable")

    automations = command("automations", "list, show, store, switch or remove the desk's automations")
    automations.add_argument(
        "what",
        choices=("list", "show", "put", "on", "off", "remove", "statistics"),
        nargs="?",
        default="list",
    )
    automations.add_argument("name", nargs="?", metavar="NAME", help="of the automation")
    automations.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="for put: its definition, TOML or JSON"
    )
    automations.add_argument("--json", action="store_true", help="machine-readable")

    add_jobs(command)

    strategies = command("strategies", "list, show, tune or switch the running engine's strategies")
    strategies.add_argument(
        "what", choices=("list", "show", "set", "on", "off", "reload"), nargs="?", default="list"
    )
    strategies.add_argument("name", nargs="?", metavar="NAME", help="of the strategy")
    strategies.add_argument(
        "values",
        nargs="*",
        metavar="KEY=VALUE",
        help="for set: enabled, weight, symbols (a,b), budget_pct, or a parameter of the strategy",
    )
    strategies.add_argument("--json", action="store_true", help="machine-readable")

    weights = command("weights", "show or change what each family of signals weighs in a blend")
    weights.add_argument("values", nargs="*", metavar="FAMILY=PERCENT", help="e.g. speed=20")
    weights.add_argument("--json", action="store_true", help="machine-readable")

    explain = command("explain", "the whole chain behind an opportunity or an order")
    explain.add_argument("id", metavar="ID", help=f"of an opportunity, or of an order: {WHICH}")
    explain.add_argument("--json", action="store_true", help="machine-readable")

    signals = command("signals", "everything that is live for a symbol now, taken apart")
    signals.add_argument("symbol", metavar="SYMBOL", help=SYMBOL)
    signals.add_argument("--json", action="store_true", help="machine-readable")

    quarantine = command("quarantine", "what came from outside and was not believed, newest first")
    quarantine.add_argument("--symbol", metavar="SYMBOL", default="", help=f"{SYMBOL}; venue: for frames")
    quarantine.add_argument("--reason", metavar="CODE", default="", help="OUTLIER, CROSSED, MALFORMED, …")
    quarantine.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    quarantine.add_argument("--limit", type=_count, metavar="N", default=100, help="rows (default 100)")
    quarantine.add_argument("--json", action="store_true", help="machine-readable")

    audit = command("audit", "who asked the running desk for what, when, and what became of it")
    audit.add_argument("--who", metavar="NAME", default="", help="only of whom is called so: token ci-bot")
    audit.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    audit.add_argument("--limit", type=_count, metavar="N", default=100, help="rows (default 100)")
    audit.add_argument("--json", action="store_true", help="machine-readable")

    command("openapi", "the OpenAPI document of the API")

    models = command("models", "list, compare, activate and look after the registered models")
    add_models(models, _common("own_overrides"), _lazy, duration)

    verify = command("verify", "check every invariant of a state directory, without changing it")
    verify.add_argument("--json", action="store_true", help="machine-readable")

    report = command("report", "what a day came to: P&L, trades, fees, risk, positions")
    report.add_argument("--day", metavar="YYYY-MM-DD", help="of UTC; default: today so far")
    report.add_argument("--format", choices=("text", "json", "html"), default="text")
    report.add_argument("--out", metavar="FILE", default="-", help="default -: standard output")

    export = command("export", "write rows of a state directory for other programs")
    export.epilog = "balances: flow is what trading added to a currency's cash, without the starting cash."
    _export_options(export)

    add_history(command("history", "list, load, import, export or remove the stored bars"))
    return top


def _export_options(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "kind",
        metavar="KIND",
        help="orders, fills, positions, balances, funding, limits, equity, position-history, "
        "currency-history, verdicts, signals, opportunities or journal",
    )
    export.add_argument("--format", choices=("csv", "json"), default="csv", help="json: an object a line")
    export.add_argument("--out", metavar="FILE", default="-", help="default -: standard output")
    export.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    export.add_argument("--until", metavar="TIME", help="up to, and without")
    export.add_argument("--symbol", metavar="SYMBOL", default="", help=f"rows of one symbol only: {SYMBOL}")


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
