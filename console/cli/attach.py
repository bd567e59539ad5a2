"""``tickdesk attach``: the screen of an engine that runs already."""

from __future__ import annotations

import argparse

from console.cli.client import no_engine, none_to_watch
from console.cli.desk import answers, tapes
from console.cli.looks import looks, require_looks
from console.cli.settings import configuration, is_read_only, key_map, state_dir
from console.cli.terminal import require_terminal
from engine.api.address import socket_path


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    where, read_only = state_dir(arguments), is_read_only(arguments, config)
    if not answers(socket_path(where)):
        raise none_to_watch(where) if read_only else no_engine(where)
    require_terminal()
    require_looks(arguments, config)
    keys = key_map(arguments, config)
    from console.attach import attach

    return attach(
        config,
        where,
        looks=looks(arguments, config),
        keys=keys,
        read_only=read_only,
        tapes=tapes(arguments, config, where),
    )
