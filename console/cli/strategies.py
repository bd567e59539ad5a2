"""``tickdesk strategies [list|show NAME|set NAME key=value…|on NAME|off NAME|reload]``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from console.cli.client import ask, quoted
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.protocol import ParamValue, Reply, StrategyDetail, StrategyPatch
from engine.errors import ConfigError
from engine.plain_number import plain_number
from engine.text import clean

_PATH = "/v1/strategies"
_FLAGS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


def run(arguments: argparse.Namespace) -> int:
    where, what = state_dir(arguments), arguments.what
    name, values = arguments.name or "", list(arguments.values)
    _check(what, name, values)
    if what == "list":
        rows = ask(where, "GET", _PATH, tuple[StrategyDetail, ...])
        print(as_json(rows) if arguments.json else "\n".join(_rows(rows)))
    elif what == "show":
        detail = ask(where, "GET", f"{_PATH}/{quoted(name)}", StrategyDetail)
        print(as_json(detail) if arguments.json else "\n".join(_lines(detail)))
    elif what == "reload":
        return _say(ask(where, "POST", f"{_PATH}/reload", Reply), arguments.json)
    else:
        patch = _patch(values) if what == "set" else StrategyPatch(enabled=what == "on")
        return _say(_change(where, name, patch), arguments.json)
    return 0


def _check(what: str, name: str, values: list[str]) -> None:
    """Raises ConfigError, one line that says how to write it."""
    if what in ("list", "reload"):
        if name:
            raise ConfigError(f"strategies {what} takes no name; see `tickdesk strategies --help`")
    elif not name:
        raise ConfigError(f"say which: tickdesk strategies {what} NAME; `tickdesk strategies` lists them")
    elif what == "set" and not values:
        raise ConfigError(f"say what: tickdesk strategies set {clean(name, 40)} weight=2 budget_pct=10")
    if values and what != "set":
        raise ConfigError(f"strategies {what} takes one name; values go with `strategies set`")


def _change(where: Path, name: str, patch: StrategyPatch) -> Reply:
    return ask(where, "POST", f"{_PATH}/{quoted(name)}", Reply, body=msgspec.json.encode(patch))


def _say(reply: Reply, json: bool) -> int:
    """Print it; the exit code that goes with it: files that could not be used are a failure."""
    print(as_json(reply) if json else reply.text)
    return 0 if reply.ok else 1


def _patch(values: list[str]) -> StrategyPatch:
    """``key=value`` texts: the switches of every strategy, and any other key as one of its parameters."""
    given: dict[str, str] = {}
    for text in values:
        key, sep, value = text.partition("=")
        if not sep or not key.strip():
            raise ConfigError(f"{clean(text, 60)!r}: write it as key=value")
        if key.strip() in given:
            raise ConfigError(f"{clean(key, 40)}: given twice; say it once")
        given[key.strip()] = value.strip()
    enabled, symbols = given.pop("enabled", None), given.pop("symbols", None)
    weight, budget = given.pop("weight", None), given.pop("budget_pct", None)
    if enabled is not None and enabled.lower() not in _FLAGS:
        raise ConfigError(f"enabled: {clean(enabled, 40)!r} is neither on nor off")
    # The engine knows what kind each parameter is of, and reads it from text.
    params: dict[str, ParamValue] = dict(given)
    return StrategyPatch(
        enabled=None if enabled is None else _FLAGS[enabled.lower()],
        weight=None if weight is None else _number("weight", weight),
        symbols=None if symbols is None else tuple(one.strip() for one in symbols.split(",") if one.strip()),
        budget_pct=None if budget is None else _number("budget_pct", budget),
        params=params or None,
    )


def _number(key: str, text: str) -> float:
    try:
        return plain_number(text)
    except ValueError as error:
        raise ConfigError(f"{key}: {clean(error)}") from None


# --- printing ---


def _rows(details: tuple[StrategyDetail, ...]) -> list[str]:
    rows = [("strategy", "", "weight", "budget", "used", "signals", "")]
    for one in details:
        note = f"! {one.error}" if one.error else one.origin
        rows.append(
            (
                *(one.name, "on" if one.enabled else "off", f"{one.weight:g}", _budget(one)),
                *(f"{one.used_pct:.2f} %", f"{one.signals:,}", clean(note, 200)),
            )
        )
    return table(rows, "<<>>>><")


def _lines(one: StrategyDetail) -> list[str]:
    symbols = ", ".join(one.symbols) or "all"
    spoke = "never"
    if one.last_ns:
        spoke = f"{datetime.fromtimestamp(one.last_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}Z"
    lines = [
        f"{one.name} {'on' if one.enabled else 'off'}: {one.description}",
        f"weight {one.weight:g}, budget {_budget(one)}, used {one.used_pct:.2f} %, symbols {symbols}",
        f"signals {one.signals:,}, last {spoke}, from {one.origin or 'tickdesk itself'}",
    ]
    if one.error:
        lines.append(f"! {clean(one.error, 300)}")
    rows = [("parameter", "value", "default", "range", "")]
    rows += [(row.name, _shown(row.value), _shown(row.default), row.range, row.about) for row in one.params]
    return [*lines, *(table(rows, "<>><<") if one.params else [])]


def _budget(one: StrategyDetail) -> str:
    return f"{one.budget_pct:g} %" if one.budget_pct else "no limit"


def _shown(value: ParamValue) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
