"""``tickdesk models [list]`` and ``tickdesk models show VERSION``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.text import clean

if TYPE_CHECKING:
    from engine.api.model_protocol import EstimateRow, ModelEntry

_HEAD = ("VERSION", "STRATEGY", "KIND", "STATUS", "MADE", "BARS", "HORIZON", "RANK IC", "")


def show_list(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry
    from engine.wiring.model_rows import entry_rows

    rows = [
        row
        for row in entry_rows(Registry(state_dir(arguments)))
        if arguments.strategy in (None, row.strategy)
    ]
    if arguments.json:
        print(as_json(rows))
    elif rows:
        print("\n".join(table([_HEAD, *map(_cells, rows)], "<<<<<>><<")))
    else:
        print("no models are registered: `tickdesk train` makes one")
    return 0


def show(arguments: argparse.Namespace) -> int:
    from console.cli.models_page import page
    from engine.models.registry import Registry
    from engine.wiring.model_rows import detail

    found = detail(Registry(state_dir(arguments)), arguments.version)
    print(as_json(found) if arguments.json else "\n".join(page(found)))
    return 0


def _cells(row: ModelEntry) -> tuple[str, ...]:
    return (
        row.version,
        clean(row.strategy, 30),
        row.kind,
        row.role if row.role == "shadow" else row.status,
        day(row.created_ns),
        f"{row.bar_interval_s:g} s" if row.bar_interval_s else "?",
        str(row.horizon_bars or "?"),
        estimate(None if row.metrics is None else row.metrics.rank_ic),
        remark(row),
    )


def remark(row: ModelEntry) -> str:
    """What else one must know of it."""
    if not row.bar_interval_s:
        return "of an older format: train it again"
    if row.last_good:
        return "a rollback goes to this one"
    return "" if row.promotable else "can only be a shadow"


def estimate(one: EstimateRow | None) -> str:
    """A figure with its 95 % interval."""
    return "unknown" if one is None else f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"


def day(ns: int) -> str:
    """To the minute, UTC."""
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M}Z" if ns else "unknown"
