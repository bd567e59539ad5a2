"""A forest of decision trees as flat arrays, and the compiled walker that predicts with it.

The walker repeats LightGBM's arithmetic (``Tree::NumericalDecision``, ``Tree::CategoricalDecision`` and the
order in which ``GBDT::PredictRaw`` adds the trees), so its predictions equal ``Booster.predict`` bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.errors import ModelError
from engine.kernels import kernel, warm

Floats = npt.NDArray[np.float64]

NODE = np.dtype(
    [
        ("threshold", "<f8"),  # numerical: go left when value <= threshold; categorical: index of its set
        ("left", "<i4"),  # node index, or ~leaf index
        ("right", "<i4"),
        ("feature", "<i4"),
        ("kind", "<i4"),  # LightGBM's decision_type, and MISSING_LEFT
    ]
)

CATEGORICAL = 1
DEFAULT_LEFT = 2
ZERO_IS_MISSING = 4
NAN_IS_MISSING = 8
"""Without it, NaN stands for zero."""
MISSING_LEFT = 16
"""Ours, worked out beforehand: where a missing value goes."""

ZERO = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold: what is not farther from zero is zero."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees one after another. Tree t has nodes node_start[t]:node_start[t+1], its root first, and one leaf
    more than nodes, so its leaves begin at node_start[t] + t. A tree without nodes is one leaf."""

    nodes: npt.NDArray[Any]
    """(nodes,) of NODE"""
    node_start: npt.NDArray[np.int64]
    """(trees + 1,)"""
    leaves: Floats
    """(nodes + trees,) leaf values"""
    set_start: npt.NDArray[np.int64]
    """(sets + 1,) where each category set begins in ``set_bits``"""
    set_bits: npt.NDArray[np.uint32]
    """Bit sets of the categories that go left"""
    shape: npt.NDArray[np.int64]
    """(2,): features of a row; 1 when the trees are averaged, 0 when summed"""

    @property
    def width(self) -> int:
        return int(self.shape[0])

    @property
    def trees(self) -> int:
        return len(self.node_start) - 1

    def check(self) -> None:
        """Prove that walking ends and stays inside the arrays. Raises ModelError."""
        _check_types(self)
        _check_tables(self)
        _check_structure(self)

    def save(self, directory: Path) -> None:
        """Write one .npy file per array."""
        for field in fields(self):
            np.save(directory / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def map(cls, directory: Path) -> Forest:
        """Map the arrays that ``save`` wrote, read-only, and check them. Raises ModelError."""
        try:
            arrays = {
                field.name: np.asarray(
                    np.load(directory / f"{field.name}.npy", mmap_mode="r", allow_pickle=False)
                )
                for field in fields(cls)
            }
        except (OSError, ValueError) as error:
            raise ModelError(f"the model's arrays cannot be mapped: {error}") from None
        forest = cls(**arrays)
        forest.check()
        return forest


def missing_left(nodes: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """MISSING_LEFT of each node: the node's default, or where zero goes when nothing is missing there."""
    kind = nodes["kind"]
    default = np.where(
        kind & (ZERO_IS_MISSING | NAN_IS_MISSING), kind & DEFAULT_LEFT != 0, nodes["threshold"] >= 0.0
    )
    return np.where(default, MISSING_LEFT, 0).astype(np.int32)


def freeze(forest: Forest) -> Forest:
    """Mark the arrays read-only: one compiled version of the walker then serves all forests."""
    for field in fields(forest):
        getattr(forest, field.name).flags.writeable = False
    return forest


def predict(forest: Forest, rows: npt.NDArray[Any]) -> Floats:
    """Raw scores of ``rows`` (n, width): shape (n,). ValueError for another width."""
    if rows.ndim != 2 or rows.shape[1] != forest.width:
        raise ValueError(f"rows of shape {rows.shape}: the model takes (n, {forest.width})")
    out = np.zeros(len(rows))
    f = forest
    _walk(
        f.nodes, f.node_start, f.leaves, f.set_start, f.set_bits, np.array(rows, np.float64, order="C"), out
    )
    if f.shape[1]:
        out /= f.trees
    return out


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the walker ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        none = np.zeros(1, np.int64)
        empty = Forest(
            np.zeros(0, NODE), none, np.zeros(0), none.copy(), np.zeros(0, np.uint32), np.array([1, 0])
        )
        predict(freeze(empty), np.zeros((0, 1)))

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
    # Tree by tree: a tree stays in the cache for all rows, and each row still adds its trees in order.
    for tree in range(len(node_start) - 1):
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
def _in_set(value: float, index: int, set_start: Any, set_bits: Any) -> bool:
    # Truncated to a 32-bit integer as C does; what does not fit, or is NaN, is in no set.
    if not (value > -1.0 and value < 2147483648.0):
        return False
    category = np.int64(value)
    word = set_start[index] + (category >> 5)
    return bool(word < set_start[index + 1] and (np.int64(set_bits[word]) >> (category & 31)) & 1 == 1)


# --- checks --------------------------------------------------------------------------------------


def _refuse(holds: Any, what: str) -> None:
    if not holds:
        raise ModelError(f"the model is damaged: {what}; train or copy it again")


def _check_types(forest: Forest) -> None:
    expected: dict[str, Any] = {
        "nodes": NODE,
        "node_start": np.int64,
        "leaves": np.float64,
        "set_start": np.int64,
        "set_bits": np.uint32,
        "shape": np.int64,
    }
    for name, dtype in expected.items():
        array = getattr(forest, name)
        fits = array.dtype == np.dtype(dtype) and array.ndim == 1 and array.flags.c_contiguous
        _refuse(fits, f"array {name} has another type")


def _check_tables(forest: Forest) -> None:
    starts, sets = forest.node_start, forest.set_start
    _refuse(len(forest.shape) == 2 and forest.shape[1] in (0, 1) and forest.width >= 1, "its shape")
    _refuse(len(starts) >= 2 and starts[0] == 0, "no trees")
    _refuse(np.all(np.diff(starts) >= 0) and starts[-1] == len(forest.nodes), "tree sizes")
    _refuse(len(forest.leaves) == len(forest.nodes) + forest.trees, "leaf count")
    _refuse(np.isfinite(forest.leaves).all(), "a leaf value is not finite")
    _refuse(len(sets) >= 1 and sets[0] == 0 and sets[-1] == len(forest.set_bits), "category sets")
    _refuse(np.all(np.diff(sets) >= 0), "category sets")


def _check_structure(forest: Forest) -> None:
    nodes, starts = forest.nodes, forest.node_start
    _refuse(np.all((nodes["feature"] >= 0) & (nodes["feature"] < forest.width)), "a feature index")
    kinds = nodes["kind"]
    _refuse(np.all((kinds >= 0) & (kinds & ~MISSING_LEFT < 12)), "a decision type")
    _refuse(np.array_equal(kinds & MISSING_LEFT, missing_left(nodes)), "a decision type")
    _refuse(not np.isnan(nodes["threshold"]).any(), "a threshold is not a number")
    wanted = nodes["threshold"][(kinds & CATEGORICAL) != 0]
    _refuse(
        np.all((wanted >= 0) & (wanted < len(forest.set_start) - 1) & (wanted % 1 == 0)), "a category set"
    )

    index = np.arange(len(nodes))
    tree = np.repeat(np.arange(forest.trees), np.diff(starts))
    reached_nodes = np.zeros(len(nodes), np.int64)
    reached_leaves = np.zeros(len(forest.leaves), np.int64)
    for side in ("left", "right"):
        child = nodes[side].astype(np.int64)
        inner = child >= 0
        # a child behind its parent, inside its tree: no walk can go in circles or leave the tree
        _refuse(np.all((child > index)[inner] & (child < starts[tree + 1])[inner]), "a child index")
        leaf, of = ~child[~inner], tree[~inner]
        _refuse(np.all((leaf >= starts[of] + of) & (leaf <= starts[of + 1] + of)), "a leaf index")
        reached_nodes += np.bincount(child[inner], minlength=len(nodes))
        reached_leaves += np.bincount(leaf, minlength=len(forest.leaves))
    grown = np.diff(starts) > 0
    expected_nodes = np.ones(len(nodes), np.int64)
    expected_nodes[starts[:-1][grown]] = 0  # roots
    expected_leaves = np.ones(len(forest.leaves), np.int64)
    expected_leaves[(starts[:-1] + np.arange(forest.trees))[~grown]] = 0  # a lone leaf is nobody's child
    reached_once = np.array_equal(reached_nodes, expected_nodes) and np.array_equal(
        reached_leaves, expected_leaves
    )
    _refuse(reached_once, "a node is reached twice or never")
