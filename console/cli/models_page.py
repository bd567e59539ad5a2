"""A model on a page: everything its manifest says, for people."""

from __future__ import annotations

from collections.abc import Iterator

from console.cli.models import day, estimate, remark
from console.cli.output import table
from engine.api.model_protocol import FoldRow, MetricsRow, ModelDetail
from engine.text import clean

_IMPORTANT = 20
_SYMBOLS = 12
_HISTORY = 30
_FIGURES = (
    ("IC", "ic"),
    ("rank IC", "rank_ic"),
    ("ICIR", "icir"),
    ("long-short Sharpe", "long_short_sharpe"),
)
_FOLD_HEAD = ("FOLD", "TRAINED ON", "", "TESTED ON", "", "TREES", "STEPS", "IC", "RANK IC", "ICIR", "SHARPE")


def page(model: ModelDetail) -> list[str]:
    """Figures with their 95 % intervals, out of sample."""
    return [
        *_head(model),
        *_section("figures", _metrics(model.entry.metrics)),
        *_section("folds", _folds(model.folds)),
        *_section("importance", _importance(model)),
        *_section("parameters", _parameters(model)),
        *_section("history", _history(model)),
    ]


def metrics_cells(metrics: MetricsRow | None) -> list[tuple[str, str]]:
    """Name and figure."""
    if metrics is None:
        return []
    return [(name, estimate(getattr(metrics, field))) for name, field in _FIGURES]


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _head(model: ModelDetail) -> Iterator[str]:
    one = model.entry
    what = f"{one.status}, {one.role}" if one.role not in ("", one.status) else one.status
    yield f"{one.version}  {clean(one.strategy, 60)}  {one.kind}  {what}"
    if remark(one):
        yield remark(one)
    gap = f"gap {model.purge_gap_bars} bars, embargo {model.embargo_bars}"
    symbols = ", ".join(clean(name, 40) for name in model.symbols[:_SYMBOLS])
    more = f" and {len(model.symbols) - _SYMBOLS} more" if len(model.symbols) > _SYMBOLS else ""
    facts = [
        ("made", day(one.created_ns)),
        ("registered", day(one.registered_ns)),
        ("active since", day(one.activated_ns) if one.activated_ns else "never"),
        ("bars", f"{one.bar_interval_s:g} s, horizon {one.horizon_bars}"),
        ("validation", "none" if model.validation == "none" else f"{model.validation}, {gap}"),
        ("data", f"{day(model.trained_from_ns)} to {day(model.trained_until_ns)}"),
        ("", f"{model.training_bars:,} steps, {model.training_rows:,} rows"),
        ("symbols", f"{len(model.symbols)}: {symbols}{more}" if model.symbols else "unknown"),
        ("source", clean(model.source) or "unknown"),
        ("seed", str(model.seed)),
        ("sha256", model.sha256),
        ("path", clean(model.path, 400)),
    ]
    yield from table(facts, "<<")


def _metrics(metrics: MetricsRow | None) -> list[str]:
    if metrics is None:
        return ["unknown: it was not validated"]
    return table([*metrics_cells(metrics), ("steps", f"{metrics.steps:,}")], "<<")


def _folds(folds: tuple[FoldRow, ...]) -> list[str]:
    if not folds:
        return []
    cells = [
        (
            *(str(number), day(fold.train_from_ns), day(fold.train_until_ns)),
            *(day(fold.test_from_ns), day(fold.test_until_ns), str(fold.rounds), f"{fold.metrics.steps:,}"),
            *(estimate(getattr(fold.metrics, field)) for _, field in _FIGURES),
        )
        for number, fold in enumerate(folds, 1)
    ]
    return table([_FOLD_HEAD, *cells], "><<<<>><<<<")


def _importance(model: ModelDetail) -> list[str]:
    shown = model.importance[:_IMPORTANT]
    rows = table(
        [(clean(one.feature, 40), f"{one.share:.1%}", "█" * round(40 * one.share)) for one in shown], "<><"
    ) if shown else []  # fmt: skip
    left = len(model.importance) - len(shown)
    return [*rows, f"and {left} more"] if left else rows


def _parameters(model: ModelDetail) -> list[str]:
    rows = [(clean(name, 64), clean(value, 80)) for name, value in sorted(model.parameters.items())]
    return table(rows, "<<") if rows else []


def _history(model: ModelDetail) -> list[str]:
    left = len(model.history) - _HISTORY
    shown = [clean(line, 500) for line in model.history[:_HISTORY]]
    return [*shown, f"and {left} earlier"] if left > 0 else shown
