"""``tickdesk alerts list|add|on|off|remove``: what the running engine tells of when it comes true."""

from __future__ import annotations

import argparse
from urllib.parse import quote

import msgspec

from console.alert_words import FORM, rule_of
from console.cli.client import ask
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.alert_protocol import AlertPatch, AlertReply, AlertRow
from engine.api.protocol import Reply
from engine.errors import AlertError
from engine.text import clean

_PATH = "/v1/alerts"


def run(arguments: argparse.Namespace) -> int:
    what, where, words = arguments.what, state_dir(arguments), list(arguments.words)
    if what == "list":
        rows = ask(where, "GET", _PATH, tuple[AlertRow, ...])
        print(as_json(rows) if arguments.json else "\n".join(_lines(rows)))
        return 0
    if what == "add":
        if not words:
            raise AlertError(f"say what: tickdesk alerts add {FORM}")
        body = msgspec.json.encode(rule_of(words))
        added = ask(where, "POST", _PATH, AlertReply, body=body)
        print(as_json(added) if arguments.json else added.text)
        return 0 if added.ok else 1
    if len(words) != 1:
        raise AlertError(f"say which: tickdesk alerts {what} ID, as in the list")
    path = f"{_PATH}/{quote(words[0], safe='')}"
    if what == "remove":
        reply = ask(where, "DELETE", path, Reply)
    else:
        reply = ask(where, "POST", path, Reply, body=msgspec.json.encode(AlertPatch(what == "on")))
    print(as_json(reply) if arguments.json else reply.text)
    return 0 if reply.ok else 1


def _lines(rows: tuple[AlertRow, ...]) -> list[str]:
    if not rows:
        return ["no alerts: `tickdesk alerts add last BTC-USD above 70000` makes one"]
    from widgets import figures

    heads = ("id", "on", "alert", "fired", "last", "note")
    cells = [
        (
            row.id,
            "on" if row.on else "off",
            clean(row.text, 80) + (", again" if row.rule.repeat else ""),
            str(row.fired),
            figures.moment(row.last_ns) if row.last_ns else "never",
            clean(row.rule.note, 80),
        )
        for row in rows
    ]
    return table([heads, *cells], "<<<><<")
