"""``tickdesk flatten`` and ``kill``: close positions; the text is the receipt."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

import msgspec

from console.cli.client import ask, done_once
from console.cli.consent import consent
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
    if not _wanted(arguments, "flatten", f"closes {share}{held}"):
        return 1
    patch = FlattenPatch(arguments.symbol or "", arguments.percent, "limit" if arguments.limit else "market")
    body = msgspec.json.encode(patch)
    with done_once("positions") if share else nullcontext():  # all twice is all
        reply = ask(state_dir(arguments), "POST", "/v1/flatten", Reply, body=body, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)


def kill(arguments: argparse.Namespace) -> int:
    if not _wanted(arguments, "kill", "halts, cancels every order and closes every position"):
        return 1
    reply = ask(state_dir(arguments), "POST", "/v1/kill", Reply, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)


def _wanted(arguments: argparse.Namespace, what: str, does: str) -> bool:
    """A slip at a terminal must not trade. Where nobody is, it is done: an emergency waits for no person."""
    if arguments.yes or arguments.json or not sys.stdin.isatty():
        return True
    return consent(what, does, json=False, otherwise="nothing done")
