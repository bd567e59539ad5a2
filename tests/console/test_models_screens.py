"""Snapshots of the models screen and its dialogs; regenerate with ``--snapshot-update``."""

from __future__ import annotations

import pytest

from tests.console import sample_models as sample
from tests.console.conftest import Compare
from tests.console.pilot import models_link
from tests.console.sample_models import ACTIVE, GOOD
from tests.console.test_screens import DARK, SIZES, take

ROLLED_BACK = f"{ACTIVE} → {GOOD}: predictions without dispersion, 3 batches in a row"
TRAINING = {"training": sample.running(), "rollback": ROLLED_BACK}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizes:
    def test_models(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "j")

    def test_activate(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "a")

    def test_contributions(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "e")

    @pytest.mark.parametrize("part", ["shadow", "drift", "training"])
    def test_part(self, compare_pictures: Compare, size: tuple[int, int], part: str) -> None:
        walked = ["details", "shadow", "drift", "training"].index(part)
        link = models_link(**TRAINING)
        take(compare_pictures, size, "M", *["right_square_bracket"] * walked, link=link)

    def test_one_model(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "j", "enter")

    def test_no_model(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        link = models_link(models=(), comparison=None, drift=(), training=sample.training())
        take(compare_pictures, size, "M", link=link)

    def test_not_promotable(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "j", "j", "j", "a")

    def test_train(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "t", "down", "down", "1", "2")

    def test_help(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "M", "question_mark")

    def test_rollback(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "b")


@pytest.mark.parametrize("keys", [("M",), ("M", "a"), ("M", "t"), ("b",), ("M", "e")], ids=" ".join)
def test_the_least_size(compare_pictures: Compare, keys: tuple[str, ...]) -> None:
    take(compare_pictures, (60, 16), *keys, themes=DARK)
