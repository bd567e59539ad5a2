"""``tickdesk gateway``: a running engine on TCP, by a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys

from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError
from engine.gateway.given import LOG
from engine.gateway.run import serve
from engine.logs import configure_by


def run(arguments: argparse.Namespace) -> int:
    config, where = configuration(arguments), state_dir(arguments)
    if not config.api.listen:
        raise ConfigError("api.listen says where: `tickdesk gateway --set api.listen=127.0.0.1:8780`")
    configure_by(config.logging, stderr=True, file=where / LOG if where.is_dir() else None)
    asyncio.run(serve(config.api, where, _ready))
    return 0


def _ready(address: str) -> None:
    print(f"the desk is at {address}; Ctrl-C ends the gateway, the engine goes on", file=sys.stderr)
