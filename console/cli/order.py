"""``tickdesk order buy|sell SYMBOL [QUANTITY] …``: place an order, after a look at what it would do."""

from __future__ import annotations

import argparse
import contextlib
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from console.cli.client import ask
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.trading_protocol import OrderPreview, OrderReply, OrderTicket
from engine.errors import ConfigError, LinkError, NoEngineError, RefusedError
from engine.text import clean

PATH = "/v1/orders"


def run(arguments: argparse.Namespace) -> int:
    where, ticket = state_dir(arguments), _ticket(arguments)
    if arguments.preview:
        preview = _preview(where, ticket)
        print(as_json(preview) if arguments.json else "\n".join(lines(preview)))
        return 0 if preview.approved else 1
    if not arguments.yes:
        confirmed = _confirmed(where, ticket, arguments.json)
        if confirmed is None:
            return 1
        ticket = confirmed
    return say(send(where, PATH, msgspec.json.encode(ticket), ticket.token), json=arguments.json)


def say(reply: OrderReply, *, json: bool) -> int:
    """Print what became of it; the exit code."""
    print(as_json(reply) if json else clean(f"{reply.text} {' '.join(reply.ids)}".rstrip(), 6_000))
    return 0 if reply.ok else 1


def _ticket(arguments: argparse.Namespace) -> OrderTicket:
    """Raises ConfigError for what no order can be."""
    given: dict[str, Any] = {
        "symbol": arguments.symbol,
        "side": arguments.side,
        "type": _kind(arguments),
        "quantity": arguments.quantity,
        "notional": arguments.notional,
        "equity_pct": arguments.equity_pct,
        "price": arguments.limit,
        "stop_price": arguments.stop or arguments.take_profit,
        "trail": arguments.trail,
        "trigger": arguments.trigger,
        "time_in_force": arguments.tif or ("gtd" if arguments.expires is not None else "gtc"),
        "expire_s": arguments.expires,
        "post_only": arguments.post_only,
        "reduce_only": arguments.reduce_only,
        "stop_loss": arguments.bracket_stop,
        "take_profit": arguments.bracket_target,
        "token": arguments.token or uuid.uuid4().hex,
    }
    if sum(given[name] is not None for name in ("quantity", "notional", "equity_pct")) != 1:
        raise ConfigError("say how much, once: a quantity, --notional or --equity-pct")
    return msgspec.convert(given, OrderTicket)


def _kind(arguments: argparse.Namespace) -> str:
    """The order's type follows from the prices that are given."""
    given = {
        name for name in ("limit", "stop", "trail", "take_profit") if getattr(arguments, name) is not None
    }
    kinds = {
        frozenset(): "market",
        frozenset({"limit"}): "limit",
        frozenset({"stop"}): "stop",
        frozenset({"stop", "limit"}): "stop_limit",
        frozenset({"trail"}): "trailing_stop",
        frozenset({"trail", "stop"}): "trailing_stop",
        frozenset({"take_profit"}): "take_profit",
    }
    kind = kinds.get(frozenset(given))
    if kind is None:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in sorted(given))
        raise ConfigError(
            f"{options} do not go together; a bracket takes --bracket-stop and --bracket-target"
        )
    return kind


def _preview(where: Path, ticket: OrderTicket) -> OrderPreview:
    return ask(where, "POST", f"{PATH}/preview", OrderPreview, body=msgspec.json.encode(ticket))


def _confirmed(where: Path, ticket: OrderTicket, json: bool) -> OrderTicket | None:
    """Show what the order would do, and ask. What may be sent: of the size that was shown."""
    somebody_there(json, lambda: _preview(where, ticket))
    preview = _preview(where, ticket)
    print("\n".join(lines(preview)))
    return sized(ticket, preview) if agreed(preview.approved) else None


def sized(ticket: OrderTicket, preview: OrderPreview) -> OrderTicket:
    """The ticket of the previewed quantity: a notional or a share of equity would be another by now."""
    return msgspec.structs.replace(ticket, quantity=preview.quantity, notional=None, equity_pct=None)


def somebody_there(json: bool, look: Callable[[], object]) -> None:
    """Raises ConfigError where nobody can be asked, and before that what ``look`` finds wrong: whoever is
    told to add --yes should not have to learn of that next."""
    if json or not sys.stdin.isatty():
        with contextlib.suppress(NoEngineError):
            look()
        raise ConfigError("nobody can be asked here: add --yes to send it, or --preview to look")


def agreed(approved: bool) -> bool:
    """Whether the person who has seen the preview wants it sent; what is not approved is not."""
    try:
        wanted = approved and input("send it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        wanted = False
    if not wanted:
        print("not sent", file=sys.stderr)
    return wanted


def send(where: Path, path: str, body: bytes, token: str) -> OrderReply:
    """Once, however often it is asked: it has a token."""
    try:
        return ask(where, "POST", path, OrderReply, body=body)
    except (RefusedError, NoEngineError):
        raise
    except LinkError as error:
        raise LinkError(
            f"{error}; it may have been placed: the same command with --token {token} places it at most once"
        ) from None


def _told(amount: str, currency: str) -> str:
    return f"{amount} {clean(currency, 12)}".rstrip() if amount else "unknown"


def lines(preview: OrderPreview) -> list[str]:
    """A preview for a person."""
    rows = [
        ("price", preview.price or "unknown"),
        ("notional", _told(preview.notional, preview.currency)),
        ("fee", _told(preview.fee, preview.currency)),
        ("position after", preview.position_after),
        ("cash after", preview.cash_after or "unknown"),
    ]
    denied = [
        f"denied:{check.code} {check.value}, limit {check.limit}"
        for verdict in preview.verdicts
        for check in verdict.checks
        if not check.passed
    ]
    return [clean(preview.text, 300), *table(rows, "<>"), *(clean(line, 300) for line in denied)]
