"""While a desk plays what is stored, garbage is looked for seldom; afterwards as before."""

from __future__ import annotations

import gc

import pytest

from engine.wiring.garbage import keep_loaded, seldom_searched


class _Cut(Exception):
    pass


def test_garbage_is_looked_for_seldom_until_the_end_however_it_comes() -> None:
    before = gc.get_threshold()
    with pytest.raises(_Cut), seldom_searched():
        during = gc.get_threshold()
        raise _Cut
    assert gc.get_threshold() == before
    assert during[0] >= 100 * 700 and during[0] * during[1] * during[2] > 10_000_000


def test_what_is_loaded_is_never_searched_again() -> None:
    keep_loaded.cache_clear()  # who ran a desk before may have let go what it kept
    keep_loaded()
    kept = gc.get_freeze_count()
    assert kept > 10_000
    keep_loaded()
    assert gc.get_freeze_count() <= kept, "what a run leaves behind must stay free to go"
