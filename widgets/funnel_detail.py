"""The funnel in full: every stage, what it let through, and why the rest fell."""

from __future__ import annotations

from collections.abc import Mapping

from widgets import figures
from widgets.cells import fit
from widgets.codes import meaning
from widgets.lines import Line

_AFTER = {"blends": "signals", "opportunities": "blends", "orders": "opportunities", "fills": "orders"}
"""Of which stage a stage lets a part through; what counts other things has no such part."""
_FELL_BEFORE = {
    "market": "bars",
    "strategies": "signals",
    "opportunities": "opportunities",
    "execution": "orders",
    "targets": "orders",
    "risk": "orders",
}
"""The stage that was not reached by what fell, by who let it fall."""
_NAME, _CODE, _COUNT = 14, 22, 8


def funnel_lines(stages: Mapping[str, int], drops: Mapping[str, int], width: int) -> list[Line]:
    """The stages in order of the flow, below each what fell on the way to it, the most frequent first."""
    fell: dict[str, list[tuple[int, str, str]]] = {}
    for code, count in drops.items():
        if count:
            stage, _, reason = code.partition(":")
            at = _FELL_BEFORE.get(stage, "")
            fell.setdefault(at if at in stages else "", []).append((count, reason or stage, stage))
    most = max(stages.values(), default=0)
    bar = max(min(width - _NAME - _COUNT - 30, 30), 0)
    lines: list[Line] = []
    for stage, count in stages.items():
        lines += [_drop(*one) for one in sorted(fell.get(stage, ()), key=lambda one: (-one[0], one[1]))]
        before = stages.get(_AFTER.get(stage, ""), 0)
        through = f"  {count / before * 100:.1f} % of {_AFTER[stage]}" if before else ""
        lines.append(
            (
                (fit(stage, _NAME), "heading"),
                (fit(figures.compact(count), _COUNT, True), "bold" if count else "stale"),
                (" ", "text"),
                (_log_bar(count, most, bar), "accent"),
                (through, "muted"),
            )
        )
    lines += [_drop(*one) for one in sorted(fell.get("", ()), key=lambda one: (-one[0], one[1]))]
    return lines or [(("nothing has come in yet", "muted"),)]


def _log_bar(count: int, most: int, width: int) -> str:
    """By the number of digits: fills are rare beside ticks, and matter more."""
    return figures.bar(max(count, 0).bit_length(), width, max(most, 1).bit_length())


def _drop(count: int, code: str, stage: str) -> Line:
    return (
        (" ✗ ", "warn"),
        (fit(code, _CODE), "warn"),
        (fit(figures.compact(count), _COUNT, True), "text"),
        (f"  {stage}", "muted"),
        (f": {told}" if (told := meaning(code)) else "", "muted"),
    )
