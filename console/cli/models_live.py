"""``tickdesk models reload|info|explain|training``: of the engine that runs."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from console.cli.client import ask, quoted
from console.cli.output import as_json, plain
from console.cli.settings import state_dir
from engine.api.model_protocol import Contributions, ModelDetail, ModelsDetail, TrainingRow
from engine.api.protocol import Reply

if TYPE_CHECKING:
    from widgets.lines import Line

_WIDTH = 100
_TIMEOUT_S = 60.0
"""What is asked is done in a process of its own, which on a busy machine has to start first."""


def reload(arguments: argparse.Namespace) -> int:
    return _told(arguments, "POST", "/v1/model/reload")


def info(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    desk = ask(where, "GET", "/v1/models", ModelsDetail)
    runs = {row.role: row.version for row in desk.models if row.role}
    shown = runs.get("active") or runs.get("shadow")
    if arguments.json:
        print(as_json(ask(where, "GET", f"/v1/models/{shown}" if shown else "/v1/model/info", ModelDetail)))
        return 0
    if "active" not in runs:
        print(f"no model is at work: {desk.error or 'none is active'}")
    if shown:
        found = ask(where, "GET", f"/v1/models/{shown}", ModelDetail)
        print("\n".join(plain(_page(found, desk))))
    for told in (desk.error if "active" in runs else "", desk.trouble, desk.rollback):
        if told:
            print(told)
    return 0


def _page(found: ModelDetail, desk: ModelsDetail) -> list[Line]:
    from widgets.model_compare import comparison_lines, drift_lines
    from widgets.model_detail import detail_lines

    lines = detail_lines(found.entry, found, _WIDTH, time.time_ns())
    return [*lines, *comparison_lines(desk, "`tickdesk models shadow VERSION`"), *drift_lines(desk, _WIDTH)]


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
    from widgets.training import next_line, progress_line

    now_ns = time.time_ns()
    print("\n".join(plain([progress_line(found, now_ns)])))
    if found.text:
        print(found.text)
    print("\n".join(plain([next_line(found, now_ns)])))
    return 0


def _told(arguments: argparse.Namespace, method: str, path: str) -> int:
    reply = ask(state_dir(arguments), method, path, Reply, timeout_s=_TIMEOUT_S)
    print(as_json(reply) if arguments.json else reply.text)
    return 0 if reply.ok else 1
