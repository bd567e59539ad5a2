"""``tickdesk stop``: ask the engine to end, and wait until it has."""

from __future__ import annotations

import argparse
import time

from console.cli.client import ask
from console.cli.settings import state_dir
from engine.api.address import socket_path
from engine.api.protocol import Reply
from engine.errors import LinkError
from engine.store.lock import holder

WAIT_S = 20.0


def run(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    try:
        reply = ask(where, "POST", "/v1/stop", Reply)
    except LinkError as error:
        pid = holder(where)
        if pid is None:
            raise
        raise LinkError(f"the engine (pid {pid}) does not answer: `kill -9 {pid}` loses no fill") from error
    print(reply.text)
    deadline = time.monotonic() + WAIT_S
    socket = socket_path(where)
    while socket.exists():
        if time.monotonic() > deadline:
            raise LinkError(f"the engine still runs after {WAIT_S:.0f} s: see {where / 'engine.log'}")
        time.sleep(0.05)
    return 0
