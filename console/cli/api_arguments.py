"""The commands of the API on TCP, and their options."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.command import Command
from engine.plain_number import plain_number
from engine.text import clean


def add_api(command: Command) -> None:
    token = command("token", "who may ask the desk over TCP: list, add or remove tokens")
    token.add_argument("what", choices=("list", "add", "remove"), nargs="?", default="list")
    token.add_argument("name", nargs="?", metavar="NAME", help="of a person or a program")
    token.add_argument(
        "--role",
        choices=("read", "trade", "admin"),
        default="read",
        help="read watches, trade sends orders too, admin changes the desk and stops it (default: read)",
    )
    token.add_argument("--days", type=_days, metavar="N", help="it expires after; default: never")
    token.add_argument("--json", action="store_true", help="machine-readable")
    command("gateway", "serve a running engine on TCP, as [api] of the configuration says")


def add_target(attach: argparse.ArgumentParser) -> None:
    attach.add_argument(
        "target",
        nargs="?",
        metavar="URL",
        help="of a gateway, https://HOST:PORT or http://127.0.0.1:PORT; its token is in TICKDESK_TOKEN",
    )
    attach.add_argument("--token-file", type=Path, metavar="FILE", help="the token, in a file of mode 600")
    attach.add_argument("--ca", type=Path, metavar="FILE", help="certificates to believe in, PEM")


def _days(text: str) -> float:
    try:
        return plain_number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of days") from None
