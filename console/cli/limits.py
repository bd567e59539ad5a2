"""``tickdesk limits [set SCOPE NAME VALUE | reset SCOPE NAME]``: risk limits, and changing them live."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from console.cli.client import ask
from console.cli.consent import consent
from console.cli.orders import say
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from console.loosening import becomes, beyond, loosens
from engine.api.protocol import Reply
from engine.api.trading_protocol import LimitPatch, LimitRow
from engine.errors import ConfigError
from engine.plain_number import plain_number
from engine.text import clean

_PATH = "/v1/limits"


def run(arguments: argparse.Namespace) -> int:
    where, what, words = state_dir(arguments), arguments.what, list(arguments.words)
    if what == "list":
        if words:
            raise ConfigError("limits takes no names; `tickdesk limits set SCOPE NAME VALUE` changes one")
        rows = ask(where, "GET", _PATH, tuple[LimitRow, ...])
        print(as_json(rows) if arguments.json else "\n".join(_lines(rows)))
        return 0
    patch = _patch(what, words)
    if not arguments.yes and not _agreed(where, patch, arguments.json):
        return 1
    body = msgspec.json.encode(patch)
    return say(ask(where, "POST", _PATH, Reply, body=body), json=arguments.json)


def _patch(what: str, words: list[str]) -> LimitPatch:
    """Raises ConfigError, which says how to write it."""
    if what == "reset":
        if len(words) != 2:
            raise ConfigError("say which: tickdesk limits reset SCOPE NAME, as in reset desk max_gross_pct")
        return LimitPatch(words[0], words[1], None)
    if len(words) != 3:
        raise ConfigError("say what: tickdesk limits set SCOPE NAME VALUE, as in set desk max_gross_pct 80")
    scope, name, text = words
    try:
        return LimitPatch(scope, name, plain_number(text))
    except ValueError as error:
        raise ConfigError(f"{clean(name, 40)}: {clean(error)}") from None


def _agreed(where: Path, patch: LimitPatch, json: bool) -> bool:
    """What tightens needs nobody; what allows more is asked once."""
    rows = ask(where, "GET", _PATH, tuple[LimitRow, ...])
    row = next((row for row in rows if (row.scope, row.name) == (patch.scope, patch.name)), None)
    if wrong := beyond(row, patch):
        raise ConfigError(wrong)
    if row is None or not loosens(row, patch):
        return True
    return consent(becomes(row, patch), "allows more", json=json)


def _lines(rows: tuple[LimitRow, ...]) -> list[str]:
    cells = [("scope", "limit", "value", "used", "unit", "range", "")]
    for row in rows:
        note = row.about if row.value == row.default else f"{row.about} (configured: {row.default or 'none'})"
        cells.append((row.scope, row.name, row.value, row.used, row.unit, row.hard, note))
    return table(cells, "<<>><<<")
