"""``tickdesk flatten`` and ``kill``: close positions, at once, since who types that means it; the receipt."""

from __future__ import annotations

import argparse

import msgspec

from console.cli.client import ask
from console.cli.orders import say
from console.cli.settings import state_dir
from engine.api.protocol import Reply
from engine.api.trading_protocol import FlattenPatch

WAIT_S = 60.0


def run(arguments: argparse.Namespace) -> int:
    """``flatten``"""
    patch = FlattenPatch(arguments.symbol or "", arguments.percent, "limit" if arguments.limit else "market")
    body = msgspec.json.encode(patch)
    reply = ask(state_dir(arguments), "POST", "/v1/flatten", Reply, body=body, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)


def kill(arguments: argparse.Namespace) -> int:
    reply = ask(state_dir(arguments), "POST", "/v1/kill", Reply, timeout_s=WAIT_S)
    return say(reply, json=arguments.json)
