"""Strict reader of LightGBM's text models: text in, checked arrays out.

LightGBM's own reader trusts the file: counts and indices from a damaged one kill the process or quietly give
other numbers. Here nothing is trusted, and what the walker cannot repeat exactly is refused by name.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.models.forest import (
    EXP,
    IDENTITY,
    LOG1P_EXP,
    NODE,
    SIGMOID,
    SIGNED_SQUARE,
    Floats,
    Forest,
    freeze,
    missing_left,
)
from engine.text import clean

MAX_BYTES = 32 * 1024 * 1024
MAX_TREES = 10_000
MAX_LEAVES = 65_536
MAX_FEATURES = 10_000

OBJECTIVES = {
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), IDENTITY),
    **dict.fromkeys(("lambdarank", "rank_xendcg"), IDENTITY),
    **dict.fromkeys(("binary", "cross_entropy"), SIGMOID),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), EXP),
    "cross_entropy_lambda": LOG1P_EXP,
}
"""What is made of the sum of the trees. A model of an objective of one's own names none: the plain sum."""
_SQRT = frozenset(("regression", "regression_l1", "fair", "quantile", "mape"))

_HEADER = frozenset(
    (
        *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective"),
        *("average_output", "feature_names", "monotone_constraints", "feature_infos", "tree_sizes"),
    )
)
_TREE_NEEDS = ("num_leaves", "num_cat", "leaf_value", "is_linear")
_NODE_NEEDS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_TREE_MAY = ("split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count")
_SETS = ("cat_boundaries", "cat_threshold")
_TREE = frozenset((*_TREE_NEEDS, *_NODE_NEEDS, *_TREE_MAY, *_SETS, "shrinkage"))

_INTEGER = re.compile(r"-?[0-9]{1,10}")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?|-?inf")
"""``inf`` is a threshold that only missing values do not pass; a leaf's value must be finite."""
_UNSIGNED = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,3}))?")
_NOT_OF_A_LINE = re.compile(r"[^\n -~]")
"""LightGBM ends lines at a carriage return too: behind one it would read what is not read here."""


def parse(text: bytes) -> tuple[Forest, tuple[str, ...]]:
    """Return the forest, checked and read-only, and the names of its features. Raises ModelError."""
    if len(text) > MAX_BYTES:
        raise ModelError(f"the model is {len(text)} bytes; at most {MAX_BYTES} are read")
    try:
        whole = text.decode("ascii")
    except UnicodeDecodeError as error:
        raise _damaged(f"byte {error.start} is not ASCII") from None
    head, mark, rest = whole.partition("\nTree=0\n")
    if not mark:
        raise _damaged("it has no trees")
    if _NOT_OF_A_LINE.search(whole, 0, max(whole.find("\nend of trees\n"), len(head))):
        raise _damaged("it has control characters")
    if not head.startswith("tree\n"):
        raise _damaged("it is not a LightGBM text model")
    header = _pairs(head[len("tree\n") :], _HEADER, "the header")
    width, names = _check_header(header)
    if "\nis_linear=1\n" in rest:
        raise _unsupported("linear trees")
    blocks = _blocks("Tree=0\n" + rest, header.get("tree_sizes", ""))
    forest = _forest(blocks, width, _link(header), averaged="average_output" in header)
    forest.check()
    return freeze(forest), names


def _damaged(what: str) -> ModelError:
    return ModelError(f"the model is damaged: {clean(what, 100)}; train or copy it again")


def _unsupported(what: str) -> ModelError:
    return ModelError(
        f"the model is not supported: {clean(what, 80)}; use one output, numerical or categorical splits and "
        "an objective such as regression or binary"
    )


def _pairs(text: str, allowed: frozenset[str], where: str) -> dict[str, str]:
    if text.count("\n") > 2 * len(allowed):
        raise _damaged(f"{where} has too many lines")
    pairs: dict[str, str] = {}
    for line in text.split("\n"):
        if not line:
            continue
        key, mark, value = line.partition("=")
        if key not in allowed or key in pairs or not (mark or key == "average_output"):
            raise _damaged(f"{where} has an unknown or repeated line {clean(key, 30)!r}")
        pairs[key] = value
    return pairs


def _tokens(text: str, count: int | None, what: str) -> list[str]:
    found = text.count(" ") + 1 if text else 0  # counted first: a line may be of any length
    if found > MAX_TREES if count is None else found != count:
        raise _damaged(f"{what} has {found} numbers instead of {count or f'at most {MAX_TREES}'}")
    return text.split(" ") if text else []


def _integers(text: str, count: int | None, what: str) -> npt.NDArray[np.int64]:
    tokens = _tokens(text, count, what)
    match = _INTEGER.fullmatch
    if not all(map(match, tokens)):
        raise _damaged(f"{what} has something that is not an integer")
    return np.array([int(token) for token in tokens], np.int64)


def _numbers(text: str, count: int, what: str) -> Floats:
    tokens = _tokens(text, count, what)
    match = _NUMBER.fullmatch
    if not all(map(match, tokens)):
        raise _damaged(f"{what} has something that is not a number")
    return np.array([float(token) for token in tokens], np.float64)


def _rough(text: str, what: str) -> float:
    """As LightGBM's own ``Atof`` reads it, which may miss the nearest number by the last bit."""
    found = _UNSIGNED.fullmatch(text)
    if found is None:
        raise _damaged(f"{what} has something that is not a number")
    whole, fraction, exponent = found.groups(default="")
    value = _sum_of(whole) + _sum_of(fraction) / _power(10.0, len(fraction))
    power = int(exponent or "0")
    scale, left = 1.0, min(abs(power), 308)
    for step, factor in ((50, 1e50), (8, 1e8), (1, 10.0)):
        while left >= step:
            scale *= factor
            left -= step
    return value / scale if power < 0 else value * scale


def _sum_of(digits: str) -> float:
    value = 0.0
    for digit in digits:
        value = value * 10.0 + int(digit)
    return value


def _power(base: float, exponent: int) -> float:
    """Its order of multiplications."""
    if exponent == 0:
        return 1.0
    if exponent % 2 == 0:
        return _power(base * base, exponent // 2)
    if exponent % 3 == 0:
        return _power(base * base * base, exponent // 3)
    return base * _power(base, exponent - 1)


def _integer(pairs: dict[str, str], key: str, low: int, high: int, where: str) -> int:
    if key not in pairs:
        raise _damaged(f"{where} has no {key}")
    value = int(_integers(pairs[key], 1, f"{key} of {where}")[0])
    if not low <= value <= high:
        raise _damaged(f"{key} of {where} is {value}")
    return value


def _check_header(header: dict[str, str]) -> tuple[int, tuple[str, ...]]:
    where = "the header"
    if header.get("version") not in ("v3", "v4"):
        raise _unsupported(f"format version {header.get('version', '(none)')}")
    if _integer(header, "num_class", 1, 1 << 30, where) != 1:
        raise _unsupported("several classes")
    if _integer(header, "num_tree_per_iteration", 1, 1 << 30, where) != 1:
        raise _unsupported("several trees per iteration")
    if header.get("average_output", "") != "":
        raise _damaged("average_output has a value")
    width = _integer(header, "max_feature_idx", 0, MAX_FEATURES - 1, where) + 1
    if any(header.get(key, "").count(" ") != width - 1 for key in ("feature_names", "feature_infos")):
        raise _damaged(f"it does not name its {width} features")
    names = tuple(header["feature_names"].split(" "))
    return width, names


def _link(header: dict[str, str]) -> Floats:
    text = header.get("objective", "regression")
    objective, *options = text.split(" ")
    link, parameter = OBJECTIVES.get(objective), 1.0
    if link is None or len(options) > 1:
        raise _unsupported(f"objective {text}")
    for option in options:
        name, _, value = option.partition(":")
        if option == "sqrt" and objective in _SQRT:
            link = SIGNED_SQUARE
        elif objective == "binary" and name == "sigmoid":
            parameter = _rough(value, "sigmoid of the objective")
        else:
            raise _unsupported(f"objective {text}")
    if not 0.0 < parameter < np.inf:
        raise _damaged(f"sigmoid of the objective is {parameter:g}")
    return np.array([link, parameter])


def _blocks(text: str, sizes_text: str) -> list[str]:
    """The text of each tree. Its place by the header's sizes and by its own first line must agree."""
    sizes = _integers(sizes_text, None, "tree_sizes")
    if not 1 <= len(sizes) <= MAX_TREES:
        raise _damaged(f"tree_sizes names {len(sizes)} trees; 1 to {MAX_TREES} are read")
    blocks, at = [], 0
    for tree, size in enumerate(sizes.tolist()):
        first = f"Tree={tree}\n"
        block = text[at : at + size] if 0 < size <= len(text) else ""
        if len(block) != size or not block.startswith(first) or not block.endswith("\n\n"):
            raise _damaged(f"tree {tree} is not where the header says")
        lines = block[len(first) :].rstrip("\n")
        if lines.startswith("\n") or "\n\n" in lines:  # where LightGBM stops reading it
            raise _damaged(f"tree {tree} has an empty line")
        blocks.append(lines)
        at += size
    if not text.startswith("end of trees\n", at):
        raise _damaged("the end of the trees is not where the header says")
    return blocks


def _forest(blocks: list[str], width: int, link: Floats, *, averaged: bool) -> Forest:
    nodes: list[npt.NDArray[np.void]] = []
    leaves: list[Floats] = []
    bits: list[npt.NDArray[np.uint32]] = []
    starts, set_start = [0], [0]
    for tree, block in enumerate(blocks):
        where = f"tree {tree}"
        pairs = _pairs(block, _TREE, where)
        count = _integer(pairs, "num_leaves", 1, MAX_LEAVES, where)
        _integer(pairs, "is_linear", 0, 0, where)
        leaves.append(_numbers(pairs.get("leaf_value", ""), count, f"leaf_value of {where}"))
        if count > 1:
            sets = _integer(pairs, "num_cat", 0, count - 1, where)
            nodes.append(_nodes(pairs, count, where, starts[-1], starts[-1] + tree, len(set_start) - 1, sets))
            bounds, words = _sets(pairs, sets, where)
            set_start.extend((set_start[-1] + bounds[1:]).tolist())
            bits.append(words)
        starts.append(starts[-1] + count - 1)
    return Forest(
        nodes=np.concatenate(nodes) if nodes else np.zeros(0, NODE),
        node_start=np.array(starts, np.int64),
        leaves=np.concatenate(leaves),
        set_start=np.array(set_start, np.int64),
        set_bits=np.concatenate(bits) if bits else np.zeros(0, np.uint32),
        shape=np.array([width, averaged], np.int64),
        link=link,
    )


def _nodes(
    pairs: dict[str, str], count: int, where: str, node_at: int, leaf_at: int, set_at: int, sets: int
) -> npt.NDArray[np.void]:
    """A tree's nodes with indices that count through the whole forest."""
    for key in _TREE_MAY:  # not used; a wrong count is still a sign of damage
        if key in pairs and pairs[key].count(" ") + 1 != count - (not key.startswith("leaf")):
            raise _damaged(f"{key} of {where} has a wrong count")
    table = np.zeros(count - 1, NODE)
    for key in _NODE_NEEDS:
        text = pairs.get(key, "")
        what = f"{key} of {where}"
        if key == "threshold":
            table["threshold"] = _numbers(text, count - 1, what)
            continue
        values = _integers(text, count - 1, what)
        if values.size and (values.min() < -(1 << 31) or values.max() >= 1 << 31):
            raise _damaged(f"{what} is out of range")
        if key == "split_feature":
            table["feature"] = values
        elif key == "decision_type":
            if values.min() < 0 or values.max() >= 12:
                raise _damaged(f"{what} is none that LightGBM writes")
            table["kind"] = values
        else:
            if values.min() < -count or values.max() > count - 2:
                raise _damaged(f"{what} points outside the tree")
            table[key.removesuffix("_child")] = np.where(values >= 0, values + node_at, values - leaf_at)
    categorical = (table["kind"] & 1) != 0
    index = table["threshold"][categorical]
    if np.any((index < 0) | (index >= sets)):
        raise _damaged(f"{where} names a category set it does not have")
    table["threshold"][categorical] = index + set_at
    table["kind"] |= missing_left(table)
    return table


def _sets(
    pairs: dict[str, str], sets: int, where: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    if not sets:
        if any(key in pairs for key in _SETS):
            raise _damaged(f"{where} has category sets without num_cat")
        return np.zeros(1, np.int64), np.zeros(0, np.uint32)
    bounds = _integers(pairs.get("cat_boundaries", ""), sets + 1, f"cat_boundaries of {where}")
    if bounds[0] != 0 or np.any(np.diff(bounds) < 0):
        raise _damaged(f"cat_boundaries of {where} do not rise from 0")
    words = _integers(pairs.get("cat_threshold", ""), int(bounds[-1]), f"cat_threshold of {where}")
    if words.size and (words.min() < 0 or words.max() >= 1 << 32):
        raise _damaged(f"cat_threshold of {where} is out of range")
    return bounds, words.astype(np.uint32)
