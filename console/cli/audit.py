"""``tickdesk audit``: who asked the desk for what, when, and what became of it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from urllib.parse import urlencode

from console.cli.client import ask
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.audit_protocol import CommandRow
from engine.api.page import Page
from engine.given_time import given_ns
from engine.text import clean

_PAGE = 1_000


def run(arguments: argparse.Namespace) -> int:
    rows = _asked(arguments)
    if arguments.json:
        print(as_json(rows))
    else:
        print("\n".join(lines(rows)) if rows else "no command was asked for")
    return 0


def _asked(arguments: argparse.Namespace) -> list[CommandRow]:
    """Newest first, at most as many as asked for."""
    where, rows, cursor = state_dir(arguments), list[CommandRow](), ""
    while len(rows) < arguments.limit:
        query = {
            "limit": min(_PAGE, arguments.limit - len(rows)),
            "since": given_ns(arguments.since) or 0,
            "who": arguments.who,
            "cursor": cursor,
        }
        path = f"/v1/audit?{urlencode({name: value for name, value in query.items() if value})}"
        page = ask(where, "GET", path, Page[CommandRow])
        rows += page.rows
        if page.next is None:
            break
        cursor = page.next
    return rows


def lines(rows: list[CommandRow]) -> list[str]:
    """A line each, for a person."""
    heading = ("time (UTC)", "who", "from", "status", "ms", "command", "outcome")
    cells = [
        (
            f"{datetime.fromtimestamp(row.ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}",
            clean(row.who, 40),
            clean(row.peer, 40),
            str(row.status or "cut"),
            f"{row.took_us / 1000:.1f}",
            clean(f"{row.method} {row.path} {row.body}", 120),
            clean(row.outcome, 120),
        )
        for row in rows
    ]
    return table([heading, *cells], "<<<>><<")
