"""The trading commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from console.cli.command import Command
from engine.plain_number import plain_number

SIDES = ("buy", "sell")
SYMBOL = "venue:NATIVE; NATIVE or the canonical name (BTC/USD, AAPL) where one venue has it"
CLOSES = (
    "At a terminal it is asked for, once. Where nobody can be asked it is done at once, as what makes the "
    "desk safer is: only what may open or enlarge a position, or allows more, wants --yes there."
)
AT_ONCE = "Done at once: what stops, cancels or tightens waits for nobody."
ASKS = (
    "What may open or enlarge a position, or allows more, is asked for; where nobody can be asked it wants "
    "--yes. What stops, cancels or tightens is done at once."
)
WHICH = "six or more of its first characters do, with or without td-"


def add_trading(command: Command) -> None:
    """``command`` adds one to the parser."""
    order = command("order", "place an order, after a look at what it would do")
    orders = _json(command("orders", "list the newest orders, or place several together"))
    _order(order)
    _orders(orders)
    order.epilog = orders.epilog = ASKS
    cancel = _json(command("cancel", "cancel an order, or all", "orders", "cancel"))
    cancel.add_argument("id", nargs="?", metavar="ID", help=WHICH)
    cancel.add_argument("--all", action="store_true", help="every order that is at work")
    cancel.add_argument("--symbol", metavar="SYMBOL", help="with --all: of this symbol")
    amend = _json(command("amend", "change a working order", "orders", "amend"))
    amend.add_argument("id", metavar="ID", help=WHICH)
    amend.add_argument("--quantity", metavar="Q", help="the whole one, what is filled included")
    for name, about in (("limit", "limit price"), ("stop", "trigger price"), ("trail", "distance")):
        amend.add_argument(f"--{name}", metavar="P", help=about)
    flatten = _json(command("flatten", "close all positions, or one, and verify"))
    flatten.add_argument("symbol", nargs="?", metavar="SYMBOL", help="this one only; entries stay on")
    flatten.add_argument(
        "--percent", type=_number, default=100.0, metavar="P", help="of the position (default 100)"
    )
    flatten.add_argument("--limit", action="store_true", help="bounded by the quote, instead of at market")
    kill = _json(command("kill", "halt, cancel every order, close every position, verify", "flatten", "kill"))
    for one in (flatten, kill):
        one.epilog = CLOSES
        one.add_argument("--yes", action="store_true", help="without asking; only a terminal is asked")
    cancel.epilog = AT_ONCE
    amend.epilog = ASKS
    amend.add_argument("--yes", action="store_true", help="allow a larger quantity without asking")
    _json(command("positions", "list what is held", "account", "positions"))
    _json(command("account", "balances, exposure, and who earned what"))
    _json(command("targets", "what the portfolio's next rebalance would do, and what the last one did"))
    reconcile = _json(command("reconcile", "compare the desk with its gateways now", "account", "reconcile"))
    reconcile.add_argument(
        "--accept-cash",
        metavar="GATEWAY",
        help="count in what differs in a broker's cash: you know of a deposit or a withdrawal",
    )
    limits = _json(command("limits", "show the limits, or change one while the desk runs"))
    limits.add_argument("what", choices=("list", "set", "reset"), nargs="?", default="list")
    limits.add_argument(
        "words",
        nargs="*",
        metavar="SCOPE NAME [VALUE]",
        help="scope: desk, strategy:NAME, symbol:SYMBOL or exits",
    )
    limits.add_argument("--yes", action="store_true", help="allow more without asking")
    limits.epilog = ASKS


def _order(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("symbol", metavar="SYMBOL", help=SYMBOL)
    parser.add_argument("quantity", nargs="?", metavar="QUANTITY")
    add: Callable[..., argparse.Action] = parser.add_argument
    add("--notional", metavar="N", help="instead of a quantity: worth, in the quote currency")
    add("--equity-pct", type=_number, metavar="P", help="instead of a quantity: percent of equity")
    add("--limit", metavar="P", help="limit price")
    add("--stop", metavar="P", help="trigger price of a stop; with --limit a stop-limit")
    add("--trail", metavar="D", help="a stop that follows the market at this distance")
    add("--take-profit", metavar="P", help="a market order once this price is reached in favour")
    add("--bracket-stop", metavar="P", help="stop-loss that waits for the order's fills")
    add("--bracket-target", metavar="P", help="limit that takes the profit of its fills")
    add("--trigger", choices=("last", "quote", "mark"), default="last", help="which price sets a stop off")
    add("--tif", choices=("gtc", "gtd", "ioc", "fok"), help="time in force (default gtc)")
    add("--expires", type=_number, metavar="S", help="seconds from now, of gtd")
    add("--post-only", action="store_true", help="rejected when it would take liquidity")
    add("--reduce-only", action="store_true", help="never opens or turns a position")
    add("--preview", action="store_true", help="only say what it would do")
    add("--yes", action="store_true", help="send it without asking")
    add("--token", metavar="TEXT", help="the same token again places nothing")


def _orders(parser: argparse.ArgumentParser) -> None:
    add: Callable[..., argparse.Action] = parser.add_argument
    add("what", choices=("list", "place"), nargs="?", default="list")
    add("file", nargs="?", metavar="FILE", help="of place: tickets as TOML or JSON; - reads JSON")
    add("--open", action="store_true", help="of list: those that are at work only")
    add("--symbol", metavar="SYMBOL", help="of list: of this symbol only")
    add("--last", type=_count, default=50, metavar="N", help="of list: how many (default 50)")
    add("--oco", action="store_true", help="of place: two orders of which one cancels the other")
    add("--preview", action="store_true", help="of place: only say what they would do")
    add("--yes", action="store_true", help="of place: send them without asking")
    add("--token", metavar="TEXT", help="of place: the same token again places nothing")


def _json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="machine-readable")
    return parser


def _number(text: str) -> float:
    try:
        return plain_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1_000):
        raise argparse.ArgumentTypeError("a number from 1 to 1000")
    return int(text)
