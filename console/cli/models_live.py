"""``tickdesk models reload|info|explain|training``: of the engine that runs."""

from __future__ import annotations

import argparse
import time

from console.cli.client import ask, quoted
from console.cli.output import as_json, plain
from console.cli.settings import state_dir
from engine.api.model_protocol import Contributions, ModelDetail, ModelsDetail, TrainingRow
from engine.api.protocol import Reply

_WIDTH = 100
_TIMEOUT_S = 60.0
"""What is asked is done in a process of its own, which on a busy machine has to start first."""


def reload(arguments: argparse.Namespace) -> int:
    return _told(arguments, "POST", "/v1/model/reload")


def info(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    found = ask(where, "GET", "/v1/model/info", ModelDetail)
    if arguments.json:
        print(as_json(found))
        return 0
    from widgets.model_compare import comparison_lines, drift_lines
    from widgets.model_detail import detail_lines

    desk = ask(where, "GET", "/v1/models", ModelsDetail)
    lines = detail_lines(found.entry, found, _WIDTH, time.time_ns())
    print("\n".join(plain([*lines, *comparison_lines(desk), *drift_lines(desk, _WIDTH)])))
    for told in (desk.error, desk.trouble, desk.rollback):
        if told:
            print(told)
    return 0


def explain(arguments: argparse.Namespace) -> int:
    path = f"/v1/model/contributions/{quoted(arguments.symbol)}?ns={arguments.ns}"
    found = ask(state_dir(arguments), "GET", path, Contributions, timeout_s=_TIMEOUT_S)
    if arguments.json:
        print(as_json(found))
        return 0
    from widgets.contributions import contribution_lines  # the very lines of the screen

    print("\n".join(plain(contribution_lines(found, _WIDTH))))
    return 0


def training(arguments: argparse.Namespace) -> int:
    if arguments.cancel:
        return _told(arguments, "DELETE", "/v1/training")
    found = ask(state_dir(arguments), "GET", "/v1/training", TrainingRow)
    if arguments.json:
        print(as_json(found))
        return 0
    from widgets.training import progress_line

    print("\n".join(plain([progress_line(found, time.time_ns())])))
    if found.text:
        print(found.text)
    return 0


def _told(arguments: argparse.Namespace, method: str, path: str) -> int:
    reply = ask(state_dir(arguments), method, path, Reply, timeout_s=_TIMEOUT_S)
    print(as_json(reply) if arguments.json else reply.text)
    return 0 if reply.ok else 1
