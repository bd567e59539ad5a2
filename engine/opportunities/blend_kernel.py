"""The blend's arithmetic (compiled): what is held of every symbol and source in, scores out.

The definitions are in ``engine.opportunities.blend``; they are computed here only, for one symbol and for
many alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.events import Family
from engine.kernels import kernel, part, warm

FAMILIES = tuple(Family)
TECHNICAL = FAMILIES.index(Family.TECHNICAL)
LEAST = 1e-9
"""A signal of no more confidence x freshness x strategy weight than this does not count."""
NEVER = -(1 << 62)
"""Before all times."""

HELD = np.dtype([("score", "<f8"), ("confidence", "<f8"), ("ns", "<i8"), ("ttl_ns", "<i8")])
"""The newest signal of a symbol (row) and source (column); ``ttl_ns`` 0: none."""
SOURCE = np.dtype([("family", "<i8"), ("weight", "<f8"), ("external", "<i8")])
"""A source: family (position in ``FAMILIES``), weight within it, whether it stands in for internal ones."""
BLENDED = np.dtype(
    [
        ("score", "<f8"),
        ("confidence", "<f8"),
        ("agreement", "<f8"),
        ("technical", "<f8"),
        ("evidence_ns", "<i8"),
    ]
)
"""A symbol's blend. ``technical``: unnormalised weight of its technical signals, 0: none is live, so there is
no blend; ``evidence_ns``: time of the newest of them."""
Blended = npt.NDArray[np.void]
PARTS = 6
"""Columns of an input taken apart: source, score, confidence, age in ns, weight, contribution."""

_FAMILIES = len(FAMILIES)


@part
def _weigh(held: Any, ns: int, sources: Any, parts: Any, mass: Any) -> tuple[int, int]:
    """(number of live inputs, time of the newest technical one). Only reads what is held: to look at a blend,
    at whatever time, changes none that follows.

    ``parts`` gets source, score, confidence, age, amount (unnormalised weight) and freshness of each input;
    ``mass`` the amounts by family.
    """
    mass[:] = 0.0
    count = stands_in = 0
    evidence_ns = NEVER
    for number in range(len(sources)):
        signal = held[number]
        if signal.ttl_ns == 0:
            continue
        age_ns = ns - signal.ns
        fresh = 1.0 - age_ns / signal.ttl_ns
        if fresh <= 0.0:
            continue
        fresh = min(fresh, 1.0)
        source = sources[number]
        amount = signal.confidence * fresh
        if source.family == TECHNICAL:
            amount *= source.weight
        if not (amount > LEAST and -1.0 <= signal.score <= 1.0 and signal.confidence <= 1.0):
            continue
        if source.external != 0:
            stands_in |= 1 << source.family
        one = parts[count]
        one[0], one[1], one[2], one[3] = number, signal.score, signal.confidence, max(age_ns, 0)
        one[4], one[5] = amount, fresh
        count += 1
    kept = 0
    for position in range(count):
        one = parts[position]
        source = sources[int(one[0])]
        if source.external == 0 and stands_in >> source.family & 1:
            continue
        if source.family == TECHNICAL:
            evidence_ns = max(evidence_ns, ns - int(one[3]))
        mass[source.family] += one[4]
        if kept != position:
            parts[kept, :] = one
        kept += 1
    return kept, evidence_ns


@part
def _total(weights: Any, mass: Any) -> float:
    """Configured weight of the families that are present."""
    total = 0.0
    for family in range(_FAMILIES):
        if mass[family] > 0.0:
            total += weights[family]
    return total


@part
def _sum_up(
    count: int, total: float, sources: Any, weights: Any, mass: Any, parts: Any
) -> tuple[float, float, float]:
    """(score, confidence, agreement); amount and freshness in ``parts`` become weight and contribution."""
    score = belief = agreement = 0.0
    for position in range(count):
        one = parts[position]
        family = sources[int(one[0])].family
        fresh = one[5]
        weight = weights[family] / total * (one[4] / mass[family])
        contribution = weight * one[1] * fresh
        score += contribution
        belief += weight * one[2] * fresh
        one[4], one[5] = weight, contribution
    for position in range(count):
        if parts[position, 1] * score > 0.0:
            agreement += parts[position, 4]
    agreement = min(agreement, 1.0)
    return max(-1.0, min(1.0, score)), min(belief * (1.0 + agreement) / 2.0, 1.0), agreement


@part
def _sort(parts: Any, count: int) -> None:
    """Strongest contribution first; of equals, the source that was seen first."""
    for end in range(1, count):
        position = end
        while position > 0 and abs(parts[position, 5]) > abs(parts[position - 1, 5]):
            for column in range(PARTS):
                parts[position - 1, column], parts[position, column] = (
                    parts[position, column],
                    parts[position - 1, column],
                )
            position -= 1


@kernel
def take_apart(
    index: int, ns: int, held: Any, sources: Any, weights: Any, parts: Any
) -> tuple[int, float, float, float, int, bool]:
    """One symbol's (number of inputs, score, confidence, agreement, families present as bits, technical).

    0 inputs: nothing that counts is live. ``parts``: at least (sources, PARTS), gets the inputs.
    """
    mass = np.empty(_FAMILIES)
    count, _ = _weigh(held[index], ns, sources, parts, mass)
    total = _total(weights, mass)
    if not total > 0.0:
        return 0, 0.0, 0.0, 0.0, 0, False
    score, confidence, agreement = _sum_up(count, total, sources, weights, mass, parts)
    _sort(parts, count)
    present = 0
    for family in range(_FAMILIES):
        if mass[family] > 0.0:
            present |= 1 << family
    return count, score, confidence, agreement, present, mass[TECHNICAL] > 0.0


@kernel
def blend_many(
    indices: Any, ns: int, held: Any, sources: Any, weights: Any, parts: Any, blended: Any
) -> None:
    """The blends of the symbols ``indices`` at ``ns`` into ``blended``; without one, score is NaN."""
    mass = np.empty(_FAMILIES)
    for position in range(len(indices)):
        out = blended[position]
        count, out.evidence_ns = _weigh(held[indices[position]], ns, sources, parts, mass)
        total = _total(weights, mass)
        if not total > 0.0:
            out.score, out.confidence, out.agreement, out.technical = np.nan, 0.0, 0.0, 0.0
            continue
        out.technical = mass[TECHNICAL]
        out.score, out.confidence, out.agreement = _sum_up(count, total, sources, weights, mass, parts)


@kernel
def hold(indices: Any, ns: int, columns: Any, ttl_ns: Any, scores: Any, confidences: Any, held: Any) -> None:
    """Take the scores (sources, symbols) of ``columns`` at ``ns``; a NaN is none."""
    for row in range(len(columns)):
        for position in range(len(indices)):
            if scores[row, position] == scores[row, position]:
                signal = held[indices[position], columns[row]]
                signal.score, signal.confidence = scores[row, position], confidences[row, position]
                signal.ns, signal.ttl_ns = ns, ttl_ns[row]


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernels ready: load them, or compile them at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none, nothing = np.zeros(0, np.int64), np.zeros((0, 0))
        held, sources = np.zeros((1, 1), HELD), np.zeros(1, SOURCE)
        weights, parts = np.zeros(_FAMILIES), np.zeros((1, PARTS))
        take_apart(0, 0, held, sources, weights, parts)
        blend_many(none, 0, held, sources, weights, parts, np.zeros(0, BLENDED))
        hold(none, 0, none, none, nothing, nothing, held)

    warm(exercise, "blend_kernel", report, shown="blend")
