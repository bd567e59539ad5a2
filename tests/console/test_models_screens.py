"""Snapshots of the models screen and its dialogs; regenerate with ``--snapshot-update``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console import sample_models as sample
from tests.console.pilot import models_link
from tests.console.sample_models import ACTIVE, GOOD
from tests.console.test_screens import SIZES, THEME_NAMES, take

ROLLED_BACK = f"{ACTIVE} → {GOOD}: predictions without dispersion, 3 batches in a row"
TRAINING = {"training": sample.running(), "rollback": ROLLED_BACK}


@pytest.mark.parametrize("theme", THEME_NAMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizesAndThemes:
    def test_models(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "M", "j")

    def test_activate(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "M", "a")

    def test_contributions(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "M", "e")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizes:
    @pytest.mark.parametrize("part", ["shadow", "drift", "training"])
    def test_part(self, snap_compare: Any, size: tuple[int, int], part: str) -> None:
        walked = ["details", "shadow", "drift", "training"].index(part)
        link = models_link(**TRAINING)
        take(snap_compare, size, "tickdesk-dark", "M", *["right_square_bracket"] * walked, link=link)

    def test_one_model(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "M", "j", "enter")

    def test_no_model(self, snap_compare: Any, size: tuple[int, int]) -> None:
        link = models_link(models=(), comparison=None, drift=(), training=sample.training())
        take(snap_compare, size, "tickdesk-dark", "M", link=link)

    def test_not_promotable(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "M", "j", "j", "j", "a")

    def test_train(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "M", "t", "down", "down", "1", "2")

    def test_help(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "M", "question_mark")

    def test_rollback(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "b")


@pytest.mark.parametrize("keys", [("M",), ("M", "a"), ("M", "t"), ("b",), ("M", "e")], ids=" ".join)
def test_the_least_size(snap_compare: Any, keys: tuple[str, ...]) -> None:
    take(snap_compare, (60, 16), "tickdesk-dark", *keys)
