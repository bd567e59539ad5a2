"""Damaged and hostile model texts: refused, or read and walked to the end; never anything else."""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import forest as forests
from engine.models import text_format, walker
from engine.models.artefact import Artefact
from engine.models.forest import MOST_STEPS, Forest


def with_sizes(text: str) -> bytes:
    """The text with ``tree_sizes`` made right after an edit, so that the edit itself is judged."""
    head, trees = text.split("\nTree=0\n", 1)
    trees, tail = ("Tree=0\n" + trees).split("end of trees\n", 1)
    blocks = re.split(r"(?=^Tree=\d+$)", trees, flags=re.M)
    sizes = " ".join(str(len(block)) for block in blocks if block)
    head = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head)
    return f"{head}\n{trees}end of trees\n{tail}".encode()


def edit(pattern: str, replacement: str) -> tuple[str, str]:
    return (pattern, replacement)


HOSTILE = [
    edit(r"^left_child=\S+", "left_child=0"),  # a circle
    edit(r"^left_child=\S+", "left_child=99999"),
    edit(r"^left_child=\S+", "left_child=-99999"),
    edit(r"^left_child=\S+", "left_child=99999999999999999999"),
    edit(r"^right_child=(\S+) (\S+)", r"right_child=\1 \1"),
    edit(r"^right_child=.*", ""),
    edit(r"^num_leaves=\d+", "num_leaves=0"),
    edit(r"^num_leaves=\d+", "num_leaves=-1"),
    edit(r"^num_leaves=\d+", "num_leaves=2000000000"),
    edit(r"^num_leaves=\d+", "num_leaves=1"),
    edit(r"^num_cat=\d+", "num_cat=3"),
    edit(r"^num_cat=\d+\n", ""),
    edit(r"^split_feature=\d+", "split_feature=158"),
    edit(r"^split_feature=\d+", "split_feature=-1"),
    edit(r"^split_feature=\d+", "split_feature=1e3"),
    edit(r"^decision_type=\d+", "decision_type=14"),
    edit(r"^decision_type=\d+", "decision_type=1"),
    edit(r"^decision_type=\d+", "decision_type=-2"),
    edit(r"^threshold=\S+", "threshold=nan"),
    edit(r"^threshold=\S+", "threshold=1_0"),
    edit(r"^threshold=\S+", "threshold="),
    edit(r"^leaf_value=\S+", "leaf_value=inf"),
    edit(r"^leaf_value=\S+", "leaf_value=1e999"),
    edit(r"^leaf_value=\S+ ", "leaf_value="),
    edit(r"^leaf_value=\S+", "leaf_value=0x10"),
    edit(r"^is_linear=0", "is_linear=1"),
    edit(r"^is_linear=0", "is_linear=2"),
    edit(r"^shrinkage=", "surprise="),
    edit(r"^num_class=1", "num_class=3"),
    edit(r"^num_class=1", "num_class=1\nnum_class=1"),
    edit(r"^num_tree_per_iteration=1", "num_tree_per_iteration=0"),
    edit(r"^max_feature_idx=157", "max_feature_idx=156"),
    edit(r"^max_feature_idx=157", "max_feature_idx=999999999"),
    edit(r"^objective=regression", "objective=multiclass num_class:3"),
    edit(r"^objective=regression", "objective=binary sigmoid:-1"),
    edit(r"^objective=regression", "objective=binary sigmoid:0"),
    edit(r"^objective=regression", "objective=binary sigmoid:inf"),
    edit(r"^objective=regression", "objective=binary sigmoid:1 sigmoid:2"),
    edit(r"^objective=regression", "objective=poisson sqrt"),
    edit(r"^objective=regression", "objective=huber sqrt"),  # LightGBM leaves out the square
    edit(r"^objective=regression", "objective="),
    edit(r"^objective=regression", "objective=\x1b[2J"),
    edit(r"^version=v4", "version=v9"),
    edit(r"^Tree=1$", "Tree=7"),
    edit(r"^end of trees$", "end of wood"),
    # what LightGBM would read otherwise: a carriage return ends its lines, an empty line its trees, and its
    # names reach to the next "="
    edit(r"^shrinkage=\S+", "shrinkage=1\rleaf_value=0"),
    edit(r"^label_index=\S+", "label_index=0\raverage_output"),
    edit(r"^(decision_type=)", r"\n\1"),
    edit(r"^(num_leaves=)", r"\n\1"),
    edit(r"^(decision_type=)", r"shrinkage\n\1"),
]


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: f"{change[0]}->{change[1][:24]}")
def test_hostile_texts_are_refused(shipped: Artefact, change: tuple[str, str]) -> None:
    text = shipped.model.decode()
    if change[1].startswith(r"shrinkage\n"):
        text = re.sub(r"^shrinkage=.*\n", "", text, flags=re.M)
    changed, count = re.subn(change[0], change[1], text, count=1, flags=re.M)
    assert count == 1 and changed != text
    if "end of trees\n" in changed:
        changed = with_sizes(changed).decode()
    with pytest.raises(ModelError) as refusal:
        text_format.parse(changed.encode())
    assert "\n" not in str(refusal.value) and "\x1b" not in str(refusal.value)


@pytest.mark.parametrize("sizes", ["", "0", "-5", "1 2 3", "99999999999"])
def test_sizes_that_do_not_fit_are_refused(shipped: Artefact, sizes: str) -> None:
    text = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", shipped.model.decode(), count=1)
    with pytest.raises(ModelError):
        text_format.parse(text.encode())


def test_cut_anywhere_before_the_end_is_refused(shipped: Artefact) -> None:
    end = shipped.model.index(b"end of trees\n")
    for at in np.linspace(0, end + 5, 60).astype(int).tolist():
        with pytest.raises(ModelError):
            text_format.parse(shipped.model[:at])


def test_flipped_and_deleted_bytes_never_do_harm(shipped: Artefact) -> None:
    """Without any checksum: a damaged text is refused, or a forest that walks to finite predictions."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(20, 158))
    refused = 0
    for _ in range(100):
        text = bytearray(shipped.model)
        at = int(rng.integers(0, text.index(b"end of trees")))
        if rng.random() < 0.7:
            text[at] ^= 1 << int(rng.integers(0, 8))
        else:
            del text[at : at + int(rng.integers(1, 2000))]
        try:
            forest, _ = text_format.parse(bytes(text))
        except ModelError:
            refused += 1
            continue
        assert np.isfinite(walker.predict(forest, rows)).all()
    assert refused > 20


@pytest.mark.parametrize(
    ("depths", "refused"), [((3, 0, MOST_STEPS - 3), False), ((3, 0, MOST_STEPS - 2), True)]
)
def test_a_model_that_takes_too_long_is_refused(depths: tuple[int, ...], refused: bool) -> None:
    """Trees that are one long path each: small files, and the desk would wait seconds for every batch."""
    starts = np.cumsum((0, *depths))
    nodes = np.zeros(starts[-1], forests.NODE)
    nodes["left"] = np.arange(1, len(nodes) + 1)
    for tree, depth in enumerate(depths):
        here = slice(starts[tree], starts[tree + 1])
        nodes["right"][here] = ~(np.arange(depth) + starts[tree] + tree)
        nodes["left"][here][depth - 1 :] = ~(starts[tree + 1] + tree)
    nodes["kind"] |= forests.missing_left(nodes)
    none = np.zeros(1, np.int64), np.zeros(0, np.uint32)
    leaves = np.zeros(len(nodes) + len(depths))
    forest = Forest(nodes, starts, leaves, *none, np.array([1, 0]), np.array([forests.IDENTITY, 1.0]))
    if not refused:
        forest.check()
        return
    with pytest.raises(ModelError, match=r"up to 200,001 steps for one prediction, .* smaller max_depth"):
        forest.check()


def test_arrays_are_checked_again_when_mapped(shipped: Artefact, tmp_path) -> None:
    forest = shipped.forest()
    forest.save(tmp_path)
    mapped = Forest.map(tmp_path)
    rows = np.random.default_rng(1).normal(size=(50, 158))
    assert walker.predict(mapped, rows).tobytes() == walker.predict(forest, rows).tobytes()
    nodes = forest.nodes.copy()
    nodes["left"][3] = 0
    np.save(tmp_path / "nodes.npy", nodes)
    with pytest.raises(ModelError, match="a child index"):
        Forest.map(tmp_path)
    (tmp_path / "nodes.npy").write_bytes(b"\x80\x04junk")
    with pytest.raises(ModelError, match="cannot be mapped"):
        Forest.map(tmp_path)
