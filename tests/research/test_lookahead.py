"""What is changed, from when on, and what counts as said before."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import Family, Signal
from engine.research.lookahead import CHANGES, Change, Changer, Said, Ticks, cuts, first_difference
from engine.ticks import QUOTE, TICK, TRADE

CUT = 500


def ticks() -> Ticks:
    """A print and a quote of two symbols at each moment; prices rise by one."""
    rows = np.zeros((100, 2, 2), TICK)
    rows["recv_ns"] = (np.arange(100) * 10)[:, None, None]
    rows["symbol"] = np.arange(2)[None, :, None]
    prices = 100.0 + np.arange(100)[:, None] + 1000.0 * np.arange(2)[None, :]
    rows[:, :, 0]["kind"], rows[:, :, 1]["kind"] = TRADE, QUOTE
    rows["a"] = prices[:, :, None]
    rows[:, :, 0]["b"] = 5.0
    rows[:, :, 1]["a"], rows[:, :, 1]["b"] = prices - 0.5, prices + 0.5
    return rows.reshape(-1)


def said(ns: int, score: float = 0.5, *, between_bars: bool = False, reason: str = "") -> Said:
    return Said(Signal("A", "mine", Family.TECHNICAL, score, 0.9, ns, 10, reason), between_bars)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [7, 400])
def test_the_past_stays_and_the_input_too(change: Change, size: int) -> None:
    whole, changer = ticks(), Changer(CUT, change, seed=1)
    kept = whole.copy()
    changed = np.concatenate([changer(whole[at : at + size]) for at in range(0, len(whole), size)])
    assert (whole == kept).all()
    past = whole["recv_ns"] < CUT
    assert (changed[: past.sum()] == whole[past]).all()
    later = changed[past.sum() :]
    if change == "removed":
        assert not len(later)
        return
    assert (later["recv_ns"] == whole["recv_ns"][~past]).all()
    assert (later["a"] > 0).all()
    assert not np.array_equal(later["a"], whole["a"][~past])
    quotes = later[later["kind"] == QUOTE]
    assert (quotes["a"] < quotes["b"]).all()


def test_every_rise_becomes_a_fall() -> None:
    changed = Changer(CUT, "turned", seed=1)(ticks())
    prints = changed[(changed["kind"] == TRADE) & (changed["symbol"] == 1)]
    before, later = prints["a"][prints["recv_ns"] < CUT], prints["a"][prints["recv_ns"] >= CUT]
    assert (np.diff(before) > 0).all()
    assert (np.diff(later) < 0).all()
    assert later[0] == pytest.approx(before[-1] ** 2 / (before[-1] + 1))


def test_the_first_difference_is_of_bits() -> None:
    base = [said(1), said(2, 0.5), said(3)]
    assert first_difference(base, list(base)) is None
    other = [said(1), said(2, np.nextafter(0.5, 1.0)), said(3)]
    assert first_difference(base, other) == (base[1].signal, other[1].signal)
    assert first_difference(base, other, 2) == (base[1].signal, other[1].signal)
    assert first_difference(base, other, 1) is None
    assert first_difference(base, base[:2]) == (base[2].signal, None)
    assert first_difference([], [said(1, float("nan"))]) is not None
    assert first_difference([said(1, float("nan"))], [said(1, float("nan"))]) is None


def test_what_is_said_at_a_tick_of_the_cut_itself_is_not_before_it() -> None:
    assert said(CUT).before(CUT)
    assert not said(CUT, between_bars=True).before(CUT)
    assert said(CUT - 1, between_bars=True).before(CUT)
    assert not said(CUT + 1).before(CUT)


def test_cuts_are_spread_and_follow_signals() -> None:
    times = list(range(0, 1000, 10))
    found = cuts(times, [said(311), said(707)], 8)
    assert len(found) <= 8
    assert {320, 710} <= set(found)
    assert found == sorted(found)
    assert min(found) > 0
    assert cuts([5], [said(1)], 8) == []


def test_as_many_cuts_as_asked_for_where_every_bar_has_a_signal() -> None:
    times = list(range(0, 1000, 10))
    assert len(cuts(times, [said(at) for at in times], 8)) == 8


def test_signals_that_fall_on_even_cuts_add_none() -> None:
    assert cuts([0, 10, 20, 30], [said(10)], 3) == [10, 20]
