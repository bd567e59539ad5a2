"""Slippage against the mid at the decision."""

from __future__ import annotations

import math

import pytest

from engine.events import Purpose
from engine.portfolio.slippage import slippage_bps
from tests.portfolio.books_script import BTC, EURO, D, books, fill, order


@pytest.mark.parametrize(
    ("quantity", "price", "decision", "bps"),
    [("1", "101", 100.0, 100), ("1", "99", 100.0, -100), ("-1", "99", 100.0, 100), ("-1", "100", 100.0, 0)],
)
def test_above_zero_is_worse(quantity: str, price: str, decision: float, bps: float) -> None:
    assert slippage_bps(fill(1, quantity, price, decision=decision)) == pytest.approx(bps)


@pytest.mark.parametrize("decision", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_without_a_price_at_the_decision_a_fill_is_counted_and_left_out(decision: float) -> None:
    kept = books()
    one = fill(1, "1", "100", decision=decision)
    assert slippage_bps(one) is None
    kept.apply(one, order(one, "trend"))
    rate = kept.ledger.balances.rate
    for mean in (kept.slippage.total(rate), kept.slippage.strategy("trend", rate)):
        assert (mean.bps, mean.fills, mean.left_out) == (None, 0, 1)
    two = fill(2, "1", "101", decision=100.0)
    kept.apply(two, order(two, "trend"))
    mean = kept.slippage.total(rate)
    assert (mean.bps, mean.fills, mean.left_out) == (pytest.approx(100), 1, 1)


def test_means_are_weighted_by_notional() -> None:
    kept = books()
    rate = kept.ledger.balances.rate
    first = fill(1, "2", "100.5", decision=100.0)  # 50 bps on 201, half each
    second = fill(2, "1", "300", decision=300.0)  # 0 bps on 300, model's
    left = fill(3, "-3", "99", decision=100.0)  # 100 bps on 297: a third trend's, two thirds model's
    kept.apply(first, order(first, "trend", "model"))
    kept.apply(second, order(second, "model"))
    kept.apply(left, order(left, purpose=Purpose.STOP_LOSS))
    assert kept.slippage.total(rate).bps == pytest.approx((50 * 201 + 100 * 297) / (201 + 300 + 297))
    trend, model = kept.slippage.strategy("trend", rate), kept.slippage.strategy("model", rate)
    assert trend.bps == pytest.approx((50 * 100.5 + 100 * 99) / (100.5 + 99))
    assert model.bps == pytest.approx((50 * 100.5 + 100 * 198) / (100.5 + 300 + 198))
    assert (trend.fills, model.fills) == (2, 3)
    by_purpose = kept.slippage.purposes(rate)
    assert by_purpose[Purpose.ENTRY].bps == pytest.approx(50 * 201 / 501)
    assert by_purpose[Purpose.STOP_LOSS].bps == pytest.approx(100)
    assert kept.slippage.strategy("nobody", rate).bps is None


def test_other_currencies_weigh_by_their_rate() -> None:
    kept = books()
    rate = kept.ledger.balances.rate
    for one in (
        fill(1, "1", "101", symbol=EURO, decision=100.0),
        fill(2, "1", "100", symbol=BTC, decision=100.0),
    ):
        kept.apply(one, None)
    mean = kept.slippage.total(rate)
    assert (mean.bps, mean.fills, mean.left_out) == (0.0, 1, 1), "a currency without a rate has no weight"
    kept.set_rate("EUR", D(2))
    assert kept.slippage.total(rate).bps == pytest.approx(100 * 202 / 302)
    assert kept.slippage.purposes(rate)[None].fills == 2


def test_a_fill_that_turns_a_position_counts_once_for_who_left_and_once_for_who_entered() -> None:
    kept = books()
    rate = kept.ledger.balances.rate
    first = fill(1, "1", "100", decision=100.0)
    turn = fill(2, "-3", "99", decision=100.0)
    kept.apply(first, order(first, "trend"))
    kept.apply(turn, order(turn, "model"))
    assert kept.slippage.strategy("trend", rate).bps == pytest.approx(100 * 99 / 199)
    assert kept.slippage.strategy("model", rate).bps == pytest.approx(100)
    assert kept.slippage.total(rate).fills == 2
