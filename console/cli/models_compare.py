"""``tickdesk models compare A B``: figures and parameters side by side, and how far they agree."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.models import day
from console.cli.models_page import metrics_cells
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.text import clean

if TYPE_CHECKING:
    from engine.api.model_protocol import ModelDetail
    from engine.models.agreement import Agreement


def run(arguments: argparse.Namespace) -> int:
    from engine.models.agreement import agreement
    from engine.models.registry import Registry
    from engine.wiring.model_rows import detail

    registry = Registry(state_dir(arguments))
    first, second = (detail(registry, version) for version in (arguments.first, arguments.second))
    agreed = asyncio.run(agreement(Path(first.path), Path(second.path)))
    if arguments.json:
        differ = {name: [left, right] for name, left, right in _parameters(first, second)}
        told = {"a": first.entry, "b": second.entry, "parameters": differ, "agreement": agreed}
        print(as_json(told))
    else:
        print("\n".join(_lines(first, second, agreed)))
    return 0


def _lines(first: ModelDetail, second: ModelDetail, agreed: Agreement) -> list[str]:
    rows = [("", first.entry.version, second.entry.version), *_facts(first, second)]
    names = [name for name, _ in metrics_cells(first.entry.metrics or second.entry.metrics)]
    figures = [dict(metrics_cells(model.entry.metrics)) for model in (first, second)]
    for name in names:
        left, right = (figure.get(name, "unknown") for figure in figures)
        rows.append((name, left, right))
    lines = table(rows, "<<<")
    differ = [
        (name, *(clean("-" if value is None else value, 40) for value in values))
        for name, *values in _parameters(first, second)
    ]
    lines += ["", "parameters that differ", *(f"  {line}" for line in table(differ, "<<<"))] if differ else []
    lines += ["", _told(agreed)]
    return lines


def _facts(first: ModelDetail, second: ModelDetail) -> list[tuple[str, str, str]]:
    def of(model: ModelDetail) -> list[tuple[str, str]]:
        one = model.entry
        status = f"{one.status}, shadow" if one.role == "shadow" else one.status
        return [
            ("strategy", clean(one.strategy, 40)),
            ("kind", one.kind),
            ("status", status),
            ("made", day(one.created_ns)),
            ("bars", f"{one.bar_interval_s:g} s, horizon {one.horizon_bars}"),
            ("validation", f"{model.validation}, {len(model.folds)} folds"),
            ("data", f"{day(model.trained_from_ns)} to {day(model.trained_until_ns)}"),
            ("rows", f"{model.training_rows:,} of {len(model.symbols)} symbols"),
            ("source", clean(model.source, 60) or "unknown"),
        ]

    return [(name, left, right) for (name, left), (_, right) in zip(of(first), of(second), strict=True)]


def _parameters(first: ModelDetail, second: ModelDetail) -> list[tuple[str, object, object]]:
    names = sorted(first.parameters.keys() | second.parameters.keys())
    pairs = [(clean(name, 64), first.parameters.get(name), second.parameters.get(name)) for name in names]
    return [(name, left, right) for name, left, right in pairs if left != right]


def _told(agreed: Agreement) -> str:
    if agreed.rank_correlation is None:
        return f"how far they agree is unknown: {agreed.error}"
    return (
        f"rank correlation of their predictions: {agreed.rank_correlation:+.3f} on {agreed.rows} golden rows"
    )
