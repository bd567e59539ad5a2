"""``tickdesk models activate|deactivate|rollback|shadow``: by the engine that runs, else in the registry."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from console.cli.client import ask, done_once, quoted
from console.cli.output import as_json
from console.cli.settings import configuration, state_dir
from engine.api.protocol import Reply
from engine.errors import NoEngineError
from engine.text import clean

if TYPE_CHECKING:
    from engine.config import Config
    from engine.models.registry import Entry

_WHO = "command line"
_STRATEGY = "model"
"""That a running engine swaps models for."""
NONE_RUNS = "no desk runs for this state directory: it takes it up at its next start"
_TIMEOUT_S = 60.0
"""The engine loads and tries a model before it answers."""


class Switched(msgspec.Struct, frozen=True):
    ok: bool
    text: str
    engine: bool
    """Whether a running engine did it."""


def activate(arguments: argparse.Namespace) -> int:
    from engine.models.load import load
    from engine.models.registry import Registry

    where = state_dir(arguments)
    registry = Registry(where)
    entry = registry.get(arguments.version)

    def directly() -> str:
        if entry.promotable and entry.status != "active":  # else the registry says what is
            interval_s = entry.bar_interval_s or 1.0
            loaded = asyncio.run(load(entry.path, version=entry.version, bar_interval_s=interval_s))
            loaded.close()
        registry.activate(entry.version, who=_WHO)
        return f"model {entry.version} is active"

    path = f"/v1/models/{quoted(entry.version)}/activate"
    return _do(arguments, entry.strategy, "POST", path, directly, none_runs(configuration(arguments), entry))


def deactivate(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry

    def directly() -> str:
        entry = Registry(state_dir(arguments)).deactivate(arguments.strategy, who=_WHO)
        return f"model {entry.version} is off: strategy {clean(entry.strategy, 40)} goes on without a model"

    return _do(arguments, arguments.strategy, "POST", "/v1/model/deactivate", directly)


def rollback(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry

    def directly() -> str:
        entry = Registry(state_dir(arguments)).rollback(arguments.strategy, who=_WHO)
        return f"rolled back to model {entry.version}"

    with done_once("models list"):
        return _do(arguments, arguments.strategy, "POST", "/v1/model/rollback", directly)


def shadow(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry

    registry = Registry(state_dir(arguments))
    if arguments.none:

        def ended() -> str:
            registry.set_shadow(None, arguments.strategy, who=_WHO)
            return f"strategy {clean(arguments.strategy, 40)} has no shadow"

        return _do(arguments, arguments.strategy, "DELETE", "/v1/models/shadow", ended)
    entry = registry.get(arguments.version)

    def begun() -> str:
        registry.set_shadow(entry.version, entry.strategy, who=_WHO)
        return f"model {entry.version} is the shadow of strategy {clean(entry.strategy, 40)}"

    path, then = f"/v1/models/{quoted(entry.version)}/shadow", none_runs(configuration(arguments), entry)
    return _do(arguments, entry.strategy, "POST", path, begun, then)


def none_runs(config: Config, entry: Entry) -> str:
    """What becomes of it where no engine runs: none takes up a model whose bars its own do not make up."""
    from engine.models.load import refuse_interval

    bar_s = config.features.bar_s
    refused = refuse_interval(entry.bar_interval_s or bar_s, bar_s)
    if not refused:
        return NONE_RUNS
    return (
        "no desk runs for this state directory, and one would not take it up: its bars are of "
        f"{entry.bar_interval_s:g} s, {refused}"
    )


def _do(
    arguments: argparse.Namespace,
    strategy: str,
    method: str,
    path: str,
    directly: Callable[[], str],
    then: str = NONE_RUNS,
) -> int:
    """``then``: what becomes of it where no engine runs."""
    where = state_dir(arguments)
    told = by_the_engine(where, method, path) if strategy == _STRATEGY else None
    if told is None:
        told = Switched(True, f"{directly()}; {then}", engine=False)
    print(as_json(told) if arguments.json else told.text)
    return 0 if told.ok else 1


def by_the_engine(where: Path, method: str, path: str) -> Switched | None:
    """None: no engine runs."""
    try:
        reply = ask(where, method, path, Reply, timeout_s=_TIMEOUT_S)
    except NoEngineError:
        return None
    return Switched(reply.ok, reply.text, engine=True)
