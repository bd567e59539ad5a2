"""Walk-forward folds: each trains on the past, stops early on a later piece of it, is scored on what follows.

Between the three lie the purge gap, at least ``horizon + 1`` bars, so that no label of one reaches into the
next, and the embargo on top of it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from engine.errors import ModelError
from engine.models.training.label import Times
from engine.models.training.panel import Panel

MIN_STEPS = 60
"""Scored time steps that every piece of a fold must have."""
MIN_HORIZONS = 5
"""Labels overlap: the steps of a piece must make up so many that do not."""

Window = Literal["expanding", "rolling"]


class Piece(msgspec.Struct, frozen=True):
    """Steps ``first <= step < until``."""

    first: int
    until: int


class Split(msgspec.Struct, frozen=True):
    train: Piece
    stop: Piece
    test: Piece


def gap_of(horizon: int, purge: int | None, embargo: int) -> tuple[int, int]:
    """(purge, embargo) in bars, ``horizon + 1`` by default. Raises ModelError for a gap that leaks."""
    least = horizon + 1
    if purge is not None and purge < least:
        raise ModelError(
            f"a purge gap of {purge} bars leaks: labels look {horizon} bars ahead, so at least {least} must "
            "lie between training and test"
        )
    if embargo < 0:
        raise ModelError("the embargo must be 0 bars or more")
    return least if purge is None else purge, embargo


def least_steps(panel: Panel) -> int:
    """Time steps that a piece must have labels of, and a test scores: fewer say nothing."""
    return max(MIN_STEPS, -(-MIN_HORIZONS * panel.horizon // panel.every))


def split(panel: Panel, *, folds: int, gap: int, window: Window) -> list[Split]:
    """The folds over all steps that have rows: ``folds`` test pieces of one length, one after the other.

    expanding: each trains on all that lies before; rolling: on one piece. Raises ModelError for too little
    data, and, whatever the arithmetic says, for a label that overlaps what follows its piece.
    """
    if not 1 <= folds <= 100:
        raise ModelError(f"{folds} folds: give 1 to 100")
    first, until = int(panel.step[0]), int(panel.step[-1]) + 1
    # the first fold: a training piece, a gap, a stopping piece, a gap, a test piece; each fold adds one piece
    length = (until - first - 2 * gap) // (folds + 2)
    least = least_steps(panel) * panel.every
    if length < least:
        have, need = len(panel.axis), len(panel.axis) - (until - first) + (folds + 2) * least + 2 * gap
        raise ModelError(
            f"too little data: {have} time steps, {folds} folds with a horizon of {panel.horizon} bars need "
            f"about {need}; train on a longer time, or with fewer --folds"
        )
    found = []
    for fold in range(folds):
        end = first + (fold + 1) * length
        begin = first if window == "expanding" else first + fold * length
        stop = Piece(end + gap, end + gap + length)
        test = Piece(stop.until + gap, stop.until + gap + length)
        found.append(Split(Piece(begin, end), stop, test))
    for number, one in enumerate(found, 1):
        _check(panel, one, number, folds)
    return found


def _check(panel: Panel, one: Split, number: int, folds: int) -> None:
    for name, piece in (("training", one.train), ("stopping", one.stop), ("test", one.test)):
        rows = panel.rows(piece.first, piece.until)
        steps = len(np.unique(panel.step[rows]))
        if steps < least_steps(panel):
            raise ModelError(
                f"too little data: the {name} piece of fold {number} of {folds} has {steps} time steps with "
                f"labels, it needs {least_steps(panel)}; train on a longer time, or with fewer --folds"
            )
    before_stop, before_test = panel.rows(one.train.first, one.train.until), panel.rows(0, one.stop.until)
    prove(panel.end_ns[before_stop], int(panel.axis[one.stop.first]))
    prove(panel.end_ns[before_test], int(panel.axis[one.test.first]))


def prove(end_ns: Times, from_ns: int) -> None:
    """Raise ModelError unless every label, by when its last bar ends, is over before the bar at ``from_ns``
    begins."""
    late = int((end_ns > from_ns).sum())
    if late:
        raise ModelError(
            f"{late} labels of the past reach into the piece that begins at {from_ns} ns: they would tell it "
            "what it is scored on"
        )
