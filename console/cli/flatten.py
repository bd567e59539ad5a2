"""``tickdesk flatten`` and ``kill``: close positions; the text is the receipt."""

from __future__ import annotations

import argparse
import sys

import msgspec

from console.cli.client import ask
from console.cli.orders import say
from console.cli.settings import state_dir
from engine.api.protocol import Reply
from engine.api.trading_protocol import FlattenPatch
from engine.text import clean

WAIT_S = 60.0


def run(arguments: argparse.Namespace) -> int:
    """``flatten``"""
    share = "" if arguments.percent >= 100 else f"{arguments.percent:g} % of "
    held = f"the position in {clean(arguments.symbol, 60)}" if arguments.symbol else "every position"
    if not _wanted(arguments, f"close {share}{held}"):
        return 1
    patch = FlattenPatch(arguments.symbol or "", arguments.percent, "limit" if arguments.limit else "market")
    body = msgspec.json.encode(patch)
    reply = ask(state_dir(arguments), "POST", "/v1/flatten", Reply, body=body, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)


def kill(arguments: argparse.Namespace) -> int:
    if not _wanted(arguments, "halt, cancel every order and close every position"):
        return 1
    reply = ask(state_dir(arguments), "POST", "/v1/kill", Reply, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)


def _wanted(arguments: argparse.Namespace, what: str) -> bool:
    """Asks whoever is there. Where nobody is it is done: what makes the desk safer waits for no person."""
    if arguments.yes or arguments.json or not sys.stdin.isatty():
        return True
    try:
        wanted = input(f"{what}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        wanted = False
    if not wanted:
        print("nothing done", file=sys.stderr)
    return wanted
