"""``tickdesk token list|add|remove``: who may ask the desk over TCP, and what."""

from __future__ import annotations

import argparse
import sys
import time

from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.errors import TokenError
from engine.events import NS
from engine.gateway.tokens import Token, Tokens


def run(arguments: argparse.Namespace) -> int:
    what, name, tokens = arguments.what, arguments.name, Tokens(state_dir(arguments))
    if what == "list":
        rows = [_row(token, time.time_ns()) for token in tokens.all()]
        print(as_json(rows) if arguments.json else "\n".join(_lines(rows)))
        return 0
    if name is None:
        raise TokenError(f"say which: tickdesk token {what} NAME")
    if what == "remove":
        tokens.remove(name)
        print(f"{name} removed: who has that token is not answered any more")
        return 0
    token = tokens.add(name, arguments.role, time.time_ns(), arguments.days)
    if arguments.json:
        print(as_json({"name": name, "role": arguments.role, "token": token}))
        return 0
    print(token)
    print("shown this once, and kept nowhere: put it where only its user can read it", file=sys.stderr)
    return 0


def _row(token: Token, now_ns: int) -> dict[str, str]:
    ends = "never"
    if token.expires_ns:
        ends = "expired" if token.expired(now_ns) else _day(token.expires_ns)
    return {"name": token.name, "role": token.role, "made": _day(token.created_ns), "expires": ends}


def _day(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(ns / NS))


def _lines(rows: list[dict[str, str]]) -> list[str]:
    if not rows:
        return ["no tokens: `tickdesk token add NAME --role read` makes one"]
    heads = ("name", "role", "made (UTC)", "expires")
    return table([heads, *(tuple(row.values()) for row in rows)], "<<<<")
