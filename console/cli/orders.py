"""``tickdesk orders [place FILE]``, ``cancel`` and ``amend``: what is at work, and changing it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from console.cli import order_list
from console.cli.client import ask, quoted
from console.cli.consent import consent
from console.cli.order import PATH
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.page import Page
from engine.api.protocol import Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import AmendPatch, CancelPatch
from engine.errors import ConfigError
from engine.text import clean

_MOST = 1_000
_PREFIX = "td-"
_SHORTEST = 6
"""Of an id that is given by its first characters."""
_WHOLE = len(_PREFIX) + 24


def run(arguments: argparse.Namespace) -> int:
    """``orders``"""
    if arguments.what == "place":
        return order_list.run(arguments)
    if arguments.file is not None:
        raise ConfigError("a file goes with place: tickdesk orders place FILE")
    rows = _orders(state_dir(arguments), arguments.symbol, "open" if arguments.open else "", arguments.last)
    print(as_json(rows) if arguments.json else "\n".join(_lines(rows)))
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    if arguments.all == (arguments.id is not None):
        raise ConfigError("say which: tickdesk cancel ID, or --all [--symbol SYMBOL]")
    if arguments.all:
        body = msgspec.json.encode(CancelPatch(arguments.symbol or ""))
        reply = ask(where, "POST", f"{PATH}/cancel", Reply, body=body)
    else:
        reply = ask(where, "DELETE", f"{PATH}/{quoted(whole_id(where, arguments.id))}", Reply)
    return say(reply, json=arguments.json)


def amend(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    patch = AmendPatch(arguments.quantity, arguments.limit, arguments.stop, arguments.trail)
    if patch == AmendPatch():
        raise ConfigError("say what: --quantity, --limit, --stop or --trail")
    id = whole_id(where, arguments.id)
    if patch.quantity is not None and not arguments.yes and not _may_grow(where, id, arguments):
        return 1
    path = f"{PATH}/{quoted(id)}"
    return say(ask(where, "POST", path, Reply, body=msgspec.json.encode(patch)), json=arguments.json)


def _may_grow(where: Path, id: str, arguments: argparse.Namespace) -> bool:
    """What makes an order smaller needs nobody; what makes it larger is asked once."""
    row = next((row for row in _orders(where, None, "open", _MOST) if row.id == id), None)
    quantity = clean(arguments.quantity, 40)
    if row is None:  # older than those that are looked through, or at work no more
        return consent(f"{id}: → {quantity}", "may enlarge the order", json=arguments.json)
    try:
        larger = Decimal(arguments.quantity) > Decimal(row.quantity)
    except InvalidOperation:
        larger = False  # the engine says what is wrong with it
    grows = f"{row.symbol}: {row.quantity} → {quantity}"
    return not larger or consent(grows, "enlarges the order", json=arguments.json)


def say(reply: Reply, *, json: bool) -> int:
    """Print a reply; the exit code."""
    print(as_json(reply) if json else clean(reply.text, 600))
    return 0 if reply.ok else 1


def _orders(where: Path, symbol: str | None, state: str, limit: int) -> tuple[OrderRow, ...]:
    """Newest first, at most ``limit``."""
    rows, cursor = list[OrderRow](), ""
    while len(rows) < limit:
        wanted = {"symbol": symbol, "state": state, "limit": limit - len(rows), "cursor": cursor}
        query = urlencode({name: value for name, value in wanted.items() if value})
        page = ask(where, "GET", f"{PATH}?{query}", Page[OrderRow])
        rows += page.rows
        if page.next is None:
            break
        cursor = page.next
    return tuple(rows)


def whole_id(where: Path, text: str, state: str = "open") -> str:
    """The id of the only order (of this state) whose id begins so, with ``td-`` or without; else ``text``.

    Raises ConfigError when several begin so.
    """
    if not _SHORTEST <= len(text) < _WHOLE:
        return text
    begins = (text, _PREFIX + text)
    found = [row.id for row in _orders(where, None, state, _MOST) if row.id.startswith(begins)]
    if len(found) > 1:
        raise ConfigError(f"{clean(text, 40)} begins several ids: {', '.join(found[:5])}")
    return found[0] if found else text


def _lines(rows: tuple[OrderRow, ...]) -> list[str]:
    if not rows:
        return ["no orders"]
    cells = [("time", "id", "symbol", "side", "type", "filled", "price", "state", "")]
    for row in rows:
        at = datetime.fromtimestamp(row.created_ns / 1e9, UTC)
        pending = "" if row.pending == "none" else f", {row.pending} pending"
        cells.append(
            (
                *(f"{at:%m-%d %H:%M:%S}", row.id, row.symbol, row.side, row.type.replace("_", " ")),
                *(f"{row.filled}/{row.quantity}", _prices(row), row.state + pending, clean(row.reason, 100)),
            )
        )
    return table(cells, "<<<<<>><<")


def _prices(row: OrderRow) -> str:
    """What it waits for, or what it got."""
    told = [f"stop {row.stop_price}" if row.stop_price else "", f"trail {row.trail}" if row.trail else ""]
    told.append(row.price or row.average_price)
    return " ".join(filter(None, told)) or "market"
