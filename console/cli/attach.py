"""``tickdesk attach [URL]``: the screen of an engine that runs already, here or behind a gateway."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from console.cli.client import no_engine, none_to_watch
from console.cli.desk import answers, comes, tapes
from console.cli.looks import looks, require_looks
from console.cli.settings import configuration, is_read_only, screen_keys, state_dir
from console.cli.terminal import require_terminal
from console.engine_at import EngineAt, at_url, token_of
from console.requests import Requests
from engine.api.address import socket_path
from engine.config import Config
from engine.one_line import OneLine
from engine.store.lock import holder


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    if getattr(arguments, "target", None):
        return _elsewhere(arguments, config)
    where, read_only = state_dir(arguments), is_read_only(arguments, config)
    if not answers(socket_path(where)) and holder(where) is None:
        raise none_to_watch(where) if read_only else no_engine(where)
    require_terminal()
    require_looks(arguments, config)
    keys = screen_keys(arguments, config)
    from console.attach import attach

    with OneLine(sys.stderr, "tickdesk: ") as said:
        if not comes(where, said):
            raise none_to_watch(where) if read_only else no_engine(where)
    return attach(
        config,
        where,
        looks=looks(arguments, config),
        keys=keys,
        read_only=read_only,
        tapes=tapes(arguments, config, where),
    )


def _elsewhere(arguments: argparse.Namespace, config: Config) -> int:
    """A desk behind a gateway. Raises LinkError where that does not answer, or refuses."""
    at = at_url(arguments.target, token_of(arguments.token_file), arguments.ca)
    where = state_dir(arguments)
    role = asyncio.run(role_at(at))
    require_terminal()
    require_looks(arguments, config)
    keys = screen_keys(arguments, config)
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    from console.attach import attach

    return attach(
        config,
        where,
        looks=looks(arguments, config),
        keys=keys,
        read_only=role == "read" or is_read_only(arguments, config),
        elsewhere=replace(at, reads=role == "read"),
    )


async def role_at(at: EngineAt) -> str:
    """What the token may there. Raises LinkError."""
    requests = Requests(at)
    try:
        return (await requests.access()).role
    finally:
        await requests.close()
