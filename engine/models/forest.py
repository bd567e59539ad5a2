"""A forest of decision trees as flat arrays, checked so that walking it ends and stays inside them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError

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

IDENTITY, SIGMOID, EXP, LOG1P_EXP, SIGNED_SQUARE = LINKS = range(5)
"""Sigmoid: 1 / (1 + exp(-parameter * x)). Signed square: sign(x) * x * x."""

ZERO = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold: what is not farther from zero is zero."""


MOST_STEPS = 200_000
"""That a row may take through all trees: what takes more would keep the desk waiting for its predictions."""


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
    link: Floats
    """(2,): what the objective makes of that, one of LINKS, and its parameter"""

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
        "link": np.float64,
    }
    for name, dtype in expected.items():
        array = getattr(forest, name)
        fits = array.dtype == np.dtype(dtype) and array.ndim == 1 and array.flags.c_contiguous
        _refuse(fits, f"array {name} has another type")


def _check_tables(forest: Forest) -> None:
    starts, sets = forest.node_start, forest.set_start
    _refuse(len(forest.shape) == 2 and forest.shape[1] in (0, 1) and forest.width >= 1, "its shape")
    link = forest.link
    _refuse(len(link) == 2 and link[0] in LINKS and 0.0 < link[1] < np.inf, "its objective")
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
    parent = index.copy()
    reached_leaves = np.zeros(len(forest.leaves), np.int64)
    for side in ("left", "right"):
        child = nodes[side].astype(np.int64)
        inner = child >= 0
        # a child behind its parent, inside its tree: no walk can go in circles or leave the tree
        _refuse(np.all((child > index)[inner] & (child < starts[tree + 1])[inner]), "a child index")
        parent[child[inner]] = index[inner]
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
    steps = _longest_way(parent, starts[:-1][grown])
    if steps > MOST_STEPS:
        raise ModelError(
            f"the model takes up to {steps:,} steps for one prediction, more than {MOST_STEPS:,}: train it "
            "with fewer trees, or a smaller max_depth"
        )


def _longest_way(parent: npt.NDArray[np.int64], roots: npt.NDArray[np.int64]) -> int:
    """Decisions on the longest path of every tree, together. A root is its own parent."""
    if not len(roots):
        return 0
    above, depth = parent, (parent != np.arange(len(parent))).astype(np.int64)
    while (further := depth[above]).any():  # twice as far up each time
        depth = depth + further
        above = above[above]
    return int((np.maximum.reduceat(depth, roots) + 1).sum())
