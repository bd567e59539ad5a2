"""The track record of a desk, its strategies and its sources."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.events import NS, Purpose
from engine.portfolio.books import Books
from engine.portfolio.credit import Shares
from engine.portfolio.round_trips import RoundTrips
from engine.portfolio.track import Figures, Track
from tests.portfolio.books_script import BTC, DAY, EURO, T0, D, books, fill, order

STEP = 30 * NS
TWO: Shares = (("trend", D("0.3")), ("speed", D("0.1")))


def bought(kept: Books, n: int, quantity: str, price: str, *sources: str, symbol: str = BTC) -> None:
    one = fill(n, quantity, price, "0.1", symbol)
    purpose = Purpose.ENTRY if sources else Purpose.STOP_LOSS
    kept.apply(one, order(one, *sources, purpose=purpose))


def found(track: Track, now_ns: int) -> dict[tuple[str, str], Figures]:
    pnl = track.pnl()
    return {key: track.figures(key, pnl, now_ns) for key in track.names()}


def traded() -> tuple[Books, Track]:
    """Two round trips: 9.8 won by trend, 5.2 lost by trend and model; then a position of 1 at 100."""
    kept = books()
    track = Track(kept, T0, STEP)
    bought(kept, 1, "1", "100", "trend")
    bought(kept, 2, "-1", "110")
    bought(kept, 3, "1", "100", "trend", "model")
    bought(kept, 4, "-1", "95")
    bought(kept, 5, "1", "100", "model")
    assert track.wanted() == {"op-tx-1", "op-tx-3", "op-tx-5"}
    track.know({"op-tx-1": TWO, "op-tx-3": TWO, "op-tx-5": (("mood", D(1)),)})
    assert track.wanted() == set()
    track.update(T0 + 40 * NS)
    return kept, track


def test_by_hand() -> None:
    _, track = traded()
    all_of = found(track, T0 + 40 * NS)
    assert list(all_of) == [
        *(("desk", ""), ("strategy", "trend"), ("strategy", "model")),
        *(("source", "trend"), ("source", "speed")),
    ]
    desk = all_of["desk", ""]
    assert desk.net == D("4.5") and desk.trades == 2 and desk.hit_rate == 0.5
    assert desk.profit_factor == pytest.approx(9.8 / 5.2)
    assert desk.ratios.return_pct == pytest.approx(0.045)
    assert desk.turnover == pytest.approx(505 / 10_004.5), "the first day counts as a whole one"
    assert desk.exposure_pct == pytest.approx(100 / 10_004.5 * 100)
    trend, model = all_of["strategy", "trend"], all_of["strategy", "model"]
    assert trend.net == D("9.8") - D("2.6") and trend.trades == 2 and trend.exposure_pct == 0.0
    assert trend.ratios.max_drawdown_pct == pytest.approx(2.6 / 10_009.8 * 100)
    assert model.net == D("-2.7") and (model.hit_rate, model.profit_factor) == (0.0, 0.0)
    assert model.exposure_pct == desk.exposure_pct
    speed = all_of["source", "speed"]
    assert speed.net == (D("9.8") - D("5.2")) / 4 and speed.trades == 2
    assert speed.turnover == pytest.approx((210 + 195) / 4 / 10_004.5)
    assert all_of["source", "trend"].net == (D("9.8") - D("5.2")) * 3 / 4


def test_sources_that_hold_are_exposed() -> None:
    kept, track = traded()
    bought(kept, 6, "-1", "100")
    track.update(T0 + 80 * NS)
    mood = found(track, T0 + 80 * NS)["source", "mood"]
    assert mood.net == D("-0.2")
    assert mood.exposure_pct == pytest.approx(100 / 10_004.5 * 100 / 2), "in one of two looks"


def test_what_a_strategy_ordered_without_a_blend_is_its_own_and_not_done_by_hand() -> None:
    """As the portfolio's targets do: a round trip of its own, one by hand, and a position."""
    kept = books()
    track = Track(kept, T0, STEP)
    trades = (("1", "model"), ("-1", ""), ("1", ""), ("-1", ""), ("1", "model"))
    for n, (quantity, source) in enumerate(trades):
        one = fill(n, quantity, str(100 + 10 * (n % 2)), "0.1")
        request = order(one, *filter(None, [source]))
        kept.apply(one, msgspec.structs.replace(request, opportunity_id=""))
    track.update(T0 + 40 * NS)
    all_of = found(track, T0 + 40 * NS)
    assert all_of["source", "model"].net == all_of["source", "manual"].net == D("9.8")
    assert all_of["source", "model"].exposure_pct == all_of["desk", ""].exposure_pct
    assert all_of["source", "manual"].exposure_pct == 0.0


def test_what_a_person_adds_to_a_strategys_position_is_not_lost_by_the_strategy() -> None:
    kept = books()
    track = Track(kept, T0, STEP)
    for n, (quantity, price, source) in enumerate(
        (("1", "100", "model"), ("99", "200", ""), ("-100", "150", ""))
    ):
        one = fill(n, quantity, price)
        request = order(one, *filter(None, [source]))
        kept.apply(one, msgspec.structs.replace(request, opportunity_id=""))
        track.update(T0 + 40 * NS)
    all_of = found(track, T0 + 40 * NS)
    assert (all_of["source", "model"].net, all_of["source", "manual"].net) == (D(50), D(-4950))
    model, manual = all_of["source", "model"].exposure_pct, all_of["source", "manual"].exposure_pct
    assert model is not None and manual is not None and 0.0 < model < 0.1 * manual


def test_each_round_trip_is_credited_once_however_often_it_is_looked_at() -> None:
    kept, track = traded()
    for n in range(5):
        track.wanted()
        track.update(T0 + (50 + n) * NS)
    assert found(track, T0 + 60 * NS)["source", "speed"].trades == 2
    assert track._known.keys() == {"op-tx-5"}, "only what is held is remembered"
    bought(kept, 6, "-1", "100")
    bought(kept, 7, "1", "100", "trend")
    bought(kept, 8, "-1", "100")
    track.update(T0 + 90 * NS)
    assert found(track, T0 + 90 * NS)["source", "unknown"].trades == 1, "nobody told whose it was"


def test_a_restart_changes_no_figure() -> None:
    kept, before = traded()
    now = T0 + 3 * DAY
    before.update(now)
    again = Track(kept, T0, STEP)
    again.wanted()
    again.know({"op-tx-1": TWO, "op-tx-3": TWO, "op-tx-5": (("mood", D(1)),)})
    for ns, value in list(before.desk._recent)[1:]:
        again.add_equity(ns, value)
    again.restore(before.state())
    looks = again._looks
    again.update(now)
    again._looks, again._exposure = looks, dict(before._exposure)  # the same moment, looked at twice
    assert found(again, now) == found(before, now)


def test_round_trips_that_are_in_memory_no_more_are_said() -> None:
    kept = books()
    kept.round_trips = RoundTrips(kept=2)
    for n in range(1, 11, 2):
        bought(kept, n, "1", "100", "trend")
        bought(kept, n + 1, "-1", "101")
    track = Track(kept, T0, STEP)
    track.update(T0 + 40 * NS)
    assert track.left_out == 3
    track.update(T0 + 80 * NS)
    assert track.left_out == 3 and found(track, T0 + 80 * NS)["source", "unknown"].trades == 2
    assert found(track, T0 + 80 * NS)["strategy", "trend"].trades == 5


def test_points_are_thinned_to_the_step_but_a_day_keeps_its_close() -> None:
    kept = books()
    track = Track(kept, T0, STEP)
    for second in range(0, 61, 5):
        track.add_equity(T0 + second * NS, 10_000.0 + second)
    assert [value for _, value in track.desk._recent] == [10_000.0, 10_030.0, 10_060.0]
    midnight = (T0 // DAY + 1) * DAY
    track.add_equity(midnight - 2 * NS, 11_000.0)
    track.add_equity(midnight + NS, 12_000.0)
    assert track.desk.last == (midnight + NS, 12_000.0), "a new day begins with its first point"


def test_without_a_rate_nothing_is_claimed() -> None:
    kept = books()
    track = Track(kept, T0, STEP)
    bought(kept, 1, "1", "100", "trend", symbol=EURO)
    bought(kept, 2, "-1", "110", symbol=EURO)
    track.update(T0 + 40 * NS)
    desk = found(track, T0 + 40 * NS)["desk", ""]
    assert (desk.net, desk.hit_rate, desk.turnover, desk.ratios.return_pct) == (None, None, None, None)
    kept.set_rate("EUR", Decimal(2))
    track.update(T0 + 80 * NS)
    assert found(track, T0 + 80 * NS)["desk", ""].net == D("19.6")


def test_the_basis_is_said() -> None:
    track = Track(books(), T0, STEP)
    assert track.basis(T0 + DAY) == "points of the last day, 30 s apart; daily returns from 20 whole days on"
    assert track.basis(T0 + 21 * DAY) == "daily returns"
