"""The compiled walker: predicts with a forest as LightGBM does.

It repeats LightGBM's arithmetic (``Tree::NumericalDecision``, ``Tree::CategoricalDecision``, the order in
which ``GBDT::PredictRaw`` adds the trees, ``ObjectiveFunction::ConvertOutput``), so its predictions equal
``Booster.predict`` bit for bit.

A few rows walk from root to leaf. Many rows go through a tree side by side instead (after QuickScorer,
Lucchese et al., SIGIR 2015): its leaves are the bits of a word, from left to right; every node that a row
leaves to the right clears the bits of what is left of it; the lowest bit that remains is the row's leaf. That
is more work, and none of it waits for a branch or a look-up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.cpython.unsafe import numbers as _numbers

from engine.kernels import kernel, warm
from engine.models.forest import (
    CATEGORICAL,
    EXP,
    IDENTITY,
    LOG1P_EXP,
    MISSING_LEFT,
    NODE,
    SIGMOID,
    SIGNED_SQUARE,
    ZERO,
    ZERO_IS_MISSING,
    Forest,
    freeze,
)
from engine.models.forest import Floats as Floats

_trailing_zeros: Any = _numbers.trailing_zeros

BLOCK = 64
"""Rows that go side by side."""
WORTH = 48
"""Fewer rows walk."""
MOST_LEAVES = 64
"""Of a tree whose leaves are bits of a word."""


class Walker:
    """Predicts with one forest, any number of rows at a time."""

    def __init__(self, forest: Forest, *, many: bool = True) -> None:
        """``many``: be ready for rows side by side."""
        self._forest = forest
        # Looked up here: for one row that takes as long as some trees.
        self._width, self._trees = forest.width, forest.trees
        self._averaged = bool(forest.shape[1])
        self._link, self._parameter = int(forest.link[0]), float(forest.link[1])
        self._bits: tuple[npt.NDArray[np.uint64], Floats] | None = None
        if many and int(np.diff(forest.node_start).max()) < MOST_LEAVES:
            self._bits = np.zeros(len(forest.nodes), np.uint64), np.zeros(len(forest.leaves))
            _lay_out(forest.nodes, forest.node_start, forest.leaves, *self._bits)
            for array in self._bits:
                array.flags.writeable = False

    def predict(self, rows: npt.NDArray[Any]) -> Floats:
        """Predictions of ``rows`` (n, width): shape (n,). ValueError for another width."""
        f = self._forest
        if rows.ndim != 2 or rows.shape[1] != self._width:
            raise ValueError(f"rows of shape {rows.shape}: the model takes (n, {self._width})")
        out = np.zeros(len(rows))
        aside = self._aside(len(rows))
        if aside and self._bits is not None:
            many = np.ascontiguousarray(rows[:aside], np.float64)
            _side_by_side(f.nodes, f.node_start, *self._bits, f.set_start, f.set_bits, many, out)
        if aside < len(rows):
            scratch = np.array(rows[aside:], np.float64, order="C")
            _walk(f.nodes, f.node_start, f.leaves, f.set_start, f.set_bits, scratch, out[aside:])
        if self._averaged:
            out /= self._trees
        if self._link != IDENTITY:
            _apply_link(self._link, self._parameter, out)
        return out

    def _aside(self, rows: int) -> int:
        """How many of the rows go side by side."""
        if self._bits is None:
            return 0
        rest = rows % BLOCK
        return rows if rest >= WORTH else rows - rest


def predict(forest: Forest, rows: npt.NDArray[Any]) -> Floats:
    """Predictions of ``rows`` (n, width), once: shape (n,). ValueError for another width."""
    return Walker(forest, many=len(rows) >= WORTH).predict(rows)


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the walker ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none = np.zeros(1, np.int64)
        lone_leaf = Forest(
            *(np.zeros(0, NODE), np.zeros(2, np.int64), np.zeros(1), none, np.zeros(0, np.uint32)),
            *(np.array([1, 0]), np.array([SIGMOID, 1.0])),
        )
        predict(freeze(lone_leaf), np.zeros((BLOCK + 1, 1)))

    warm(exercise, "walker", report, shown="model")


@kernel
def _walk(
    nodes: Any, node_start: Any, leaves: Any, set_start: Any, set_bits: Any, rows: Any, out: Any
) -> None:
    """Add every tree's leaf to each row's score. ``rows`` is scratch."""
    for r in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            if abs(rows[r, i]) <= ZERO:
                rows[r, i] = 0.0
    done = _walk_by_fours(nodes, node_start, leaves, rows, out) if len(set_start) == 1 else 0
    # Tree by tree: a tree stays in the cache for all rows, and each row still adds its trees in order.
    for tree in range(done, len(node_start) - 1):
        root = node_start[tree]
        start = root if node_start[tree + 1] > root else ~(root + tree)
        for r in range(rows.shape[0]):
            at = start
            while at >= 0:
                node = nodes[np.uint64(at)]
                value = rows[r, np.uint64(node.feature)]
                kind = node.kind
                if kind & CATEGORICAL:
                    left = _in_set(value, int(node.threshold), set_start, set_bits)
                elif value != value or (kind & ZERO_IS_MISSING and value == 0.0):
                    left = kind & MISSING_LEFT != 0
                else:
                    left = value <= node.threshold
                at = np.int64(node.left if left else node.right)
            out[r] += leaves[~at]


@njit(error_model="numpy")
def _walk_by_fours(nodes: Any, node_start: Any, leaves: Any, rows: Any, out: Any) -> int:
    """As many trees without categories as make up fours; returns how many. While one tree of the four waits
    for memory, the others go on."""
    done = (len(node_start) - 1) // 4 * 4
    for tree in range(0, done, 4):
        first, second = _start(node_start, tree), _start(node_start, tree + 1)
        third, fourth = _start(node_start, tree + 2), _start(node_start, tree + 3)
        for r in range(rows.shape[0]):
            a, b, c, d = first, second, third, fourth
            while (a >= 0) & (b >= 0) & (c >= 0) & (d >= 0):
                a, b = _below(nodes, rows, r, a), _below(nodes, rows, r, b)
                c, d = _below(nodes, rows, r, c), _below(nodes, rows, r, d)
            while a >= 0:
                a = _below(nodes, rows, r, a)
            while b >= 0:
                b = _below(nodes, rows, r, b)
            while c >= 0:
                c = _below(nodes, rows, r, c)
            while d >= 0:
                d = _below(nodes, rows, r, d)
            out[r] = (((out[r] + leaves[~a]) + leaves[~b]) + leaves[~c]) + leaves[~d]
    return done


@njit(error_model="numpy", inline="always")
def _start(node_start: Any, tree: int) -> Any:
    """Its root, or its only leaf."""
    root = node_start[tree]
    return np.int64(root if node_start[tree + 1] > root else ~(root + tree))


@njit(error_model="numpy", inline="always")
def _below(nodes: Any, rows: Any, r: int, at: int) -> Any:
    """The child that a row goes to: computed, as no processor can guess it."""
    node = nodes[np.uint64(at)]
    value = rows[r, np.uint64(node.feature)]
    kind = node.kind
    missing = (value != value) | ((kind & ZERO_IS_MISSING != 0) & (value == 0.0))
    left = (missing & (kind & MISSING_LEFT != 0)) | (~missing & (value <= node.threshold))
    return np.int64(node.right) + np.int64(left) * (np.int64(node.left) - np.int64(node.right))


@njit(error_model="numpy")
def _in_set(value: float, index: int, set_start: Any, set_bits: Any) -> bool:
    # Truncated to a 32-bit integer as C does; what does not fit, or is NaN, is in no set.
    if not (value > -1.0 and value < 2147483648.0):
        return False
    category = np.int64(value)
    word = set_start[index] + (category >> 5)
    return bool(word < set_start[index + 1] and (np.int64(set_bits[word]) >> (category & 31)) & 1 == 1)


@kernel
def _lay_out(nodes: Any, node_start: Any, leaves: Any, bits: Any, in_order: Any) -> None:
    """Of each node the leaves that stay possible to its right; the leaf values from left to right."""
    count = np.zeros(len(nodes), np.int64)  # leaves below
    first = np.zeros(len(nodes), np.int64)  # the leftmost of them
    for tree in range(len(node_start) - 1):
        root, end, at = node_start[tree], node_start[tree + 1], node_start[tree] + tree
        if root == end:
            in_order[at] = leaves[at]
        for i in range(end - 1, root - 1, -1):  # children are behind their parents
            left, right = nodes[i].left, nodes[i].right
            count[i] = (count[left] if left >= 0 else 1) + (count[right] if right >= 0 else 1)
        for i in range(root, end):
            left, right = nodes[i].left, nodes[i].right
            below = count[left] if left >= 0 else 1
            if left >= 0:
                first[left] = first[i]
            else:
                in_order[at + first[i]] = leaves[~left]
            if right >= 0:
                first[right] = first[i] + below
            else:
                in_order[at + first[i] + below] = leaves[~right]
            cleared = ((np.uint64(1) << np.uint64(below)) - np.uint64(1)) << np.uint64(first[i])
            bits[i] = ~cleared


@kernel
def _side_by_side(
    nodes: Any,
    node_start: Any,
    bits: Any,
    in_order: Any,
    set_start: Any,
    set_bits: Any,
    rows: Any,
    out: Any,
) -> None:
    """As ``_walk``, a block of rows at a time; trees of at most 64 leaves."""
    block = np.zeros((rows.shape[1], BLOCK))
    possible = np.zeros(BLOCK, np.uint64)
    for begin in range(0, rows.shape[0], BLOCK):
        count = min(BLOCK, rows.shape[0] - begin)
        for r in range(count):
            for i in range(rows.shape[1]):
                value = rows[begin + r, i]
                block[i, r] = 0.0 if abs(value) <= ZERO else value
        for tree in range(len(node_start) - 1):
            for r in range(BLOCK):
                possible[r] = ~np.uint64(0)
            for at in range(node_start[tree], node_start[tree + 1]):
                node = nodes[at]
                values = block[node.feature]
                if node.kind & CATEGORICAL:
                    begins, ends = set_start[int(node.threshold)], set_start[int(node.threshold) + 1]
                    _leave_category(values, possible, set_bits[begins:ends], bits[at])
                else:
                    _leave(
                        values,
                        possible,
                        node.threshold,
                        bits[at],
                        node.kind & MISSING_LEFT != 0,
                        node.kind & ZERO_IS_MISSING != 0,
                    )
            for r in range(count):
                out[begin + r] += in_order[node_start[tree] + tree + _trailing_zeros(possible[r])]


@njit(error_model="numpy")
def _leave(
    values: Any, possible: Any, threshold: float, stay: Any, missing_left: bool, zero_missing: bool
) -> None:
    """Loops without branches: the compiler makes vector instructions of them."""
    every = ~np.uint64(0)
    if zero_missing:
        for r in range(BLOCK):
            missing = (values[r] != values[r]) | (values[r] == 0.0)
            left = (missing & missing_left) | (~missing & (values[r] <= threshold))
            possible[r] &= every if left else stay
    elif missing_left:
        for r in range(BLOCK):
            possible[r] &= stay if values[r] > threshold else every
    else:
        for r in range(BLOCK):
            possible[r] &= every if values[r] <= threshold else stay


@njit(error_model="numpy")
def _leave_category(values: Any, possible: Any, words: Any, stay: Any) -> None:
    """As ``_in_set``, without branches too."""
    every = ~np.uint64(0)
    if len(words) == 0:
        for r in range(BLOCK):
            possible[r] &= stay
        return
    for r in range(BLOCK):
        # what is in no set counts as beyond them all
        inside = (values[r] > -1.0) & (values[r] < 32.0 * len(words))
        category = np.uint64(np.int64(values[r] if inside else 0.0))
        found = np.uint64(words[category >> np.uint64(5)]) >> (category & np.uint64(31))
        possible[r] &= every if inside & (found & np.uint64(1) != 0) else stay


@kernel
def _apply_link(link: int, parameter: float, out: Any) -> None:
    for r in range(len(out)):
        x = out[r]
        if link == SIGMOID:
            out[r] = 1.0 / (1.0 + math.exp(-parameter * x))
        elif link == EXP:
            out[r] = math.exp(x)
        elif link == LOG1P_EXP:
            out[r] = math.log1p(math.exp(x))
        elif link == SIGNED_SQUARE:
            out[r] = ((x > 0.0) - (x < 0.0)) * x * x
