"""``tickdesk attach``: the screen of an engine that runs already."""

from __future__ import annotations

import argparse

from console.cli.client import no_engine
from console.cli.desk import answers
from console.cli.settings import configuration, state_dir
from console.cli.terminal import require_terminal, require_theme
from engine.api.address import socket_path


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    where = state_dir(arguments)
    if not answers(socket_path(where)):
        raise no_engine(where)
    require_terminal()
    require_theme(config.console.theme)
    from console.attach import attach

    return attach(config, where)
