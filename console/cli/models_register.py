"""``tickdesk models register PATH``: a model's directory, or a bare LightGBM text file."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import as_json
from console.cli.settings import state_dir
from engine.errors import ConfigError, ModelError
from engine.text import clean

if TYPE_CHECKING:
    from engine.models.registry import Entry, Registry

_WHO = "command line"


def run(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry
    from engine.wiring.model_rows import entry_row

    path: Path = arguments.path.expanduser()
    bare = path.is_file()
    _check(arguments, path, bare)
    registry = Registry(state_dir(arguments))
    if bare:
        entry = _adopted(arguments, path, registry)
    else:
        entry = registry.register(path, who=_WHO, reason=f"from {clean(path, 200)}")
    row = entry_row(entry, registry.roles(entry.strategy))
    if arguments.json:
        print(as_json(row))
    elif row.promotable:
        print(f"model {row.version} is registered: `tickdesk models activate {row.version}` lets it trade")
    else:
        print(
            f"model {row.version} is registered. Nobody knows how it was validated, so it can never be "
            f"active: `tickdesk models shadow {row.version}` lets it run beside the active one"
        )
    return 0


def _check(arguments: argparse.Namespace, path: Path, bare: bool) -> None:
    if not bare:
        if not path.is_dir():
            raise ModelError(
                f"there is nothing at {clean(path)}: give a model's directory, or a LightGBM text file"
            )
        if (arguments.bars, arguments.horizon, arguments.strategy) != (None, None, None):
            raise ConfigError(
                "--bars, --horizon and --strategy are of a bare text file: a model's directory says them"
            )
    elif path.suffix == ".py":
        raise ModelError(
            f"{clean(path)} is a Python file: register takes what is trained already, a model's directory or "
            f"a LightGBM text file; `tickdesk train --model {clean(path)}` trains and registers yours"
        )
    elif arguments.bars is None or arguments.horizon is None:
        raise ConfigError(
            "a bare text file does not say what it was trained on: add --bars SECONDS --horizon N"
        )


def _adopted(arguments: argparse.Namespace, path: Path, registry: Registry) -> Entry:
    from engine.models import artefact
    from engine.models.adopt import adopt

    found = adopt(
        path,
        bar_interval_s=arguments.bars,
        horizon_bars=arguments.horizon,
        strategy=arguments.strategy or "model",
    )
    with tempfile.TemporaryDirectory(prefix="tickdesk-model-") as folder:
        artefact.write(found, Path(folder))
        return registry.register(Path(folder), who=_WHO, reason=f"from {clean(path, 200)}")
