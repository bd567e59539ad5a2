"""The commands that start, show and stop the desk, and the installation's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.api_arguments import add_target
from console.cli.command import Command
from engine.plain_number import plain_number
from engine.text import clean

_THEME = "the colour theme of this console; `tickdesk themes` lists them"
_READ_ONLY = "join a running engine, watch, and send it nothing"


def _speed(text: str) -> float:
    try:
        value = float("inf") if text in ("max", "full") else plain_number(text.rstrip("x×"))
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no speed: give a number above 0, or max")
    return value


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no port: 0 to 65535")
    return int(text)


def _tabs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= 32):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of consoles: 1 to 32")
    return int(text)


def add_desk_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-ui", action="store_true", help="run the engine alone, in the foreground")
    parser.add_argument("--read-only", action="store_true", help=_READ_ONLY)
    parser.add_argument("--theme", metavar="NAME", help=_THEME)
    parser.add_argument(
        "--tape", type=Path, nargs="+", metavar="FILE", default=[], help="play tapes instead of live feeds"
    )
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="tape speed: 1, 10, … or max")
    parser.add_argument("--paused", action="store_true", help="open the tape and wait: p plays")
    parser.add_argument("--venue", metavar="NAME", help="decode the tape as this venue's (default: detected)")


def _serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help=_READ_ONLY)
    serve.add_argument("--theme", metavar="NAME", default=argparse.SUPPRESS, help=_THEME)
    serve.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="default 127.0.0.1")
    serve.add_argument("--port", type=_port, default=8710, metavar="N", help="default 8710; 0: a free one")
    serve.add_argument("--tabs", type=_tabs, default=4, metavar="N", help="at once, 1 to 32 (default 4)")
    serve.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a token of your own, mode 600 (default: a new one)"
    )
    serve.add_argument(
        "--public-url", metavar="URL", help="https://NAME of the server with TLS in front; needs --token-file"
    )


def add_desk(command: Command) -> None:
    attach = command("attach", "join a running engine, here or behind a gateway")
    add_target(attach)
    # Without a default of its own, which would take back what stands before the command.
    attach.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help=_READ_ONLY)
    attach.add_argument("--theme", metavar="NAME", default=argparse.SUPPRESS, help=_THEME)
    _serve_options(command("serve", "the console in a web browser, on this machine unless told otherwise"))
    themes = command("themes", "the colour themes: ours and your own, with a sample of each")
    themes.add_argument("--json", action="store_true", help="machine-readable")
    status = command("status", "what the running engine does")
    status.add_argument("--json", action="store_true", help="machine-readable")
    command("stop", "stop the running engine")
    systemd = command("systemd", "print a systemd unit that runs the engine as a service")
    systemd.add_argument("--user", action="store_true", help="for your own manager (default: the system's)")
    systemd.add_argument("--user-name", metavar="NAME", help="whom the system's runs it as (default: you)")
    systemd.add_argument("--timer", action="store_true", help="a timer and its service for the daily run")
    command("dashboard", "print a Grafana dashboard of the engine's metrics")


def add_installation(command: Command) -> None:
    doctor = command("doctor", "look at terminal, disk, SQLite, clock, venues, Redis; say what to do")
    doctor.add_argument("--json", action="store_true", help="machine-readable")
    config = command("config", "show or check the configuration")
    config.add_argument("what", choices=("show", "check"))
    keys = command("keys", "the keys of the console as they are mapped")
    form = keys.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="machine-readable")
    form.add_argument(
        "--toml", action="store_true", help="as a file to edit: keys.toml beside the configuration"
    )
