"""The books: what strategies hold and earn adds up to the ledger, to the last digit, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import Fill, Funding, OrderRequest, Purpose
from engine.portfolio.attribution import MANUAL, QUANT
from engine.portfolio.books import Books
from tests.portfolio.books_script import BTC, EURO, SOURCES, Bought, D, books, fill, funding, order, steps

FIGURES = ("realized", "unrealized", "fees", "funding", "net")


def assert_adds_up(kept: Books) -> None:
    desk, *strategies = kept.pnl()
    with localcontext(prec=100):
        for figure in FIGURES:
            whole, parts = getattr(desk, figure), [getattr(row, figure) for row in strategies]
            if whole is None:
                assert None in parts
            elif None not in parts:
                assert sum(parts, D(0)) == whole, figure
        total, *others = kept.exposures()
        for kind in ("side", "symbol", "strategy"):
            for side in ("long", "short"):
                whole = getattr(total, side)
                parts = [getattr(row, side) for row in others if row.kind == kind]
                assert whole is None or sum(parts, D(0)) == whole
        ledger = kept.ledger
        if None not in (desk.net, ledger.equity()):
            assert ledger.equity() == ledger.starting_cash + desk.net


Journal = list[tuple[Fill, OrderRequest | None] | Funding]


def play(kept: Books, script: Sequence[Any], *, seen: Journal) -> None:
    """Do every step, checking all that must hold after each. Half of them begin with rates."""
    if len(script) % 2:
        kept.set_rate("EUR", D("1.08"))
        kept.set_rate("JPY", D("0.0067"))
    for n, step in enumerate(script):
        if isinstance(step, Bought):
            one = fill(n, step.quantity(kept.ledger.quantity(step.symbol)), step.price, step.fee, step.symbol)
            request = order(one, *step.sources) if n % 7 else None
            before = kept.ledger.quantity(step.symbol)
            after = kept.apply(one, request)
            with localcontext(prec=100):
                assert after.quantity == before + one.side.sign * one.quantity
            seen.append((one, request))
        elif step[0] == "mark":
            kept.ledger.mark(step[1], step[2])
        elif step[0] == "rate":
            kept.set_rate(step[1], step[2])
        elif step[0] == "fund":
            payment = funding(n, step[2], step[1])
            assert kept.fund(payment) and not kept.fund(payment)
            seen.append(payment)
        else:
            kept.ledger.roll(step[2])
        assert kept.check() == []
        assert_adds_up(kept)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_identities_hold_after_every_step(script: Sequence[Any]) -> None:
    kept = books()
    play(kept, script, seen=[])


@settings(max_examples=60, deadline=None)
@given(steps, st.randoms(use_true_random=False))
def test_what_comes_again_in_any_order_changes_nothing(script: Sequence[Any], rng: random.Random) -> None:
    kept = books()
    seen: Journal = []
    play(kept, script, seen=seen)
    before = (kept.ledger.equity(), kept.ledger.balances.cash(), kept.pnl(), kept.round_trips.recent())
    again = list(seen)
    rng.shuffle(again)
    for event in again:
        if isinstance(event, Funding):
            assert not kept.fund(event)
        else:
            kept.apply(*event)
    assert before == (
        kept.ledger.equity(),
        kept.ledger.balances.cash(),
        kept.pnl(),
        kept.round_trips.recent(),
    )


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_restart_folds_the_journal_to_the_same_books(script: Sequence[Any]) -> None:
    kept, again = books(), books()
    seen: Journal = []
    play(kept, script, seen=seen)
    for event in seen:
        if isinstance(event, Funding):
            again.fund(event)
        else:
            again.apply(*event)
    for currency in ("EUR", "JPY"):
        again.set_rate(currency, kept.ledger.balances.rate(currency))
    again.ledger.mark_all(
        [(p.symbol, kept.ledger.mark_price(p.symbol) or D(1)) for p in kept.ledger.positions()]
    )
    assert again.check() == []
    assert again.pnl() == kept.pnl() and again.exposures() == kept.exposures()
    assert again.ledger.equity() == kept.ledger.equity()
    assert again.round_trips.recent() == kept.round_trips.recent()


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_context_of_who_books_makes_no_difference(script: Sequence[Any]) -> None:
    seen: Journal = []
    play(books(), script, seen=seen)
    kept, rough = books(), books()
    for other, digits in ((kept, 28), (rough, 3)):
        with localcontext(prec=digits):
            for event in seen:
                if isinstance(event, Funding):
                    other.fund(event)
                else:
                    other.apply(*event)
    assert kept.check() == rough.check() == []
    assert kept.ledger.touched() == rough.ledger.touched() and kept.pnl() == rough.pnl()
    assert kept.round_trips.recent() == rough.round_trips.recent()


@settings(max_examples=100, deadline=None)
@given(steps)
def test_round_trips_and_open_positions_are_all_that_was_earned(script: Sequence[Any]) -> None:
    kept = books()
    play(kept, script, seen=[])
    for n, position in enumerate(kept.ledger.positions(), len(script)):
        kept.apply(fill(n, -position.quantity, "7", "0.01", position.symbol), None)
    assert kept.ledger.positions() == [] and kept.check() == []
    with localcontext(prec=100):
        for position in kept.ledger.touched():
            trips = [t for t in kept.round_trips.recent() if t.symbol == position.symbol]
            assert sum((t.realized for t in trips), D(0)) == position.realized
            assert sum((t.fees for t in trips), D(0)) == position.fees
            for trip in trips:
                assert sum((net for _, net in trip.parts), D(0)) == trip.net


def test_by_hand() -> None:
    kept = books()
    bought = fill(1, "3", "100", "0.3")
    kept.apply(bought, order(bought, "trend", "model"))
    more = fill(2, "1", "120", "0.12")
    kept.apply(more, order(more, purpose=Purpose.ENTRY))
    kept.fund(funding(3, "-0.8"))
    sold = fill(4, "-2", "130", "0.26")
    kept.apply(sold, order(sold, purpose=Purpose.TAKE_PROFIT))
    kept.ledger.mark(BTC, D(110))
    rows = {row.name: row for row in kept.pnl()}
    # Half of all is sold: 0.75 of trend's 1.5 at 100, 0.75 of model's, 0.5 of what a person bought at 120.
    assert (rows["trend"].realized, rows["model"].realized) == (D("22.5"), D("22.5"))
    assert (rows[MANUAL].realized, rows[""].realized) == (D(5), D(50))
    assert (rows["trend"].unrealized, rows[MANUAL].unrealized, rows[""].unrealized) == (D("7.5"), -5, 10)
    assert rows["trend"].fees == D("0.15") + D("0.0975") and rows[""].fees == D("0.68")
    assert (rows["model"].funding, rows[MANUAL].funding, rows[""].funding) == (
        D("-0.3"),
        D("-0.2"),
        D("-0.8"),
    )
    assert {row.trades for row in rows.values()} == {0} and rows[""].slippage_bps == 0
    closed = fill(5, "-2", "110")
    kept.apply(closed, order(closed, purpose=Purpose.FLATTEN))
    assert {row.name: row.trades for row in kept.pnl()} == {"": 1, "trend": 1, "model": 1, MANUAL: 1}
    assert kept.pnl()[0].net == kept.ledger.equity() - D(10_000)  # type: ignore[operator]


def test_what_the_blend_entered_for_no_strategy_is_not_told_as_done_by_hand() -> None:
    kept = books()
    bought = fill(1, "3", "100", "0.3")
    entered = msgspec.structs.replace(order(bought, purpose=Purpose.ENTRY), opportunity_id="69792c8334b0")
    kept.apply(bought, entered)
    sold = fill(2, "-3", "110")
    kept.apply(sold, order(sold, purpose=Purpose.TAKE_PROFIT))
    assert {row.name: row.net for row in kept.pnl()} == {"": D("29.7"), QUANT: D("29.7")}


def test_a_fill_that_turns_a_position_is_of_its_own_strategies_from_flat_on() -> None:
    kept = books()
    for one, sources in (
        (fill(1, "1", "100", "0.1"), ("trend",)),
        (fill(2, "-4", "90", "0.4"), ("model", "rapid_rise")),
    ):
        kept.apply(one, order(one, *sources))
    kept.ledger.mark(BTC, D(80))
    rows = {row.name: row for row in kept.pnl()}
    assert (rows["trend"].realized, rows["trend"].unrealized, rows["trend"].fees) == (-10, 0, D("0.2"))
    assert (rows["model"].realized, rows["model"].unrealized, rows["model"].fees) == (0, 15, D("0.15"))
    shares = kept.attribution.shares(BTC)
    assert {source: share.quantity for source, share in shares.items()} == {
        "model": D("-1.5"),
        "rapid_rise": D("-1.5"),
    }
    (trip,) = kept.round_trips.recent()
    assert (trip.net, trip.fees, trip.parts) == (D("-10.2"), D("0.2"), (("trend", D("-10.2")),))


@pytest.mark.parametrize(("old", "new"), [("", "EUR"), ("EUR", "")])
def test_a_symbol_whose_older_fills_say_no_currency_keeps_the_one_it_was_counted_in(
    old: str, new: str
) -> None:
    kept, said = books(), msgspec.structs.replace
    kept.set_rate("EUR", D("1.1"))
    steps = [fill(1, "3", "100", "0.3"), fill(2, "1", "110"), fill(3, "-4", "120", "0.5")]
    for number, one in enumerate(steps):
        one = said(one, currency=new if number else old)
        purpose = Purpose.ENTRY if number < 2 else Purpose.FLATTEN
        assert kept.ledger.refusal(one) == ""
        for _ in range(2):  # again, as after a restart: it is the same fill
            kept.apply(one, order(one, "trend", purpose=purpose))
        assert kept.check() == []
    unit = D(1) if not old else D("1.1")
    assert kept.ledger.equity() == kept.ledger.starting_cash + (480 - 410 - D("0.8")) * unit
    assert kept.ledger.position(BTC).currency == old
    assert {row.currency for row in kept.ledger.balances.rows()} == {"USD", old or "USD"}


def test_an_exit_is_booked_in_whatever_currency_it_comes() -> None:
    kept, said = books(), msgspec.structs.replace
    bought = said(fill(1, "3", "100"), currency="USD")
    sold = said(fill(2, "-3", "110"), currency="EUR")
    kept.apply(bought, order(bought, "trend"))
    assert kept.ledger.refusal(sold, closes=True) == ""
    assert "is in EUR, the symbol was traded in USD" in kept.ledger.refusal(sold)
    kept.apply(sold, order(sold, purpose=Purpose.STOP_LOSS))
    assert kept.ledger.equity() == kept.ledger.starting_cash + 30 and kept.check() == []
    assert "other numbers" in kept.ledger.refusal(said(sold, price=D(1)), closes=True)
    kept.fund(funding(1, "2"))
    assert "other numbers" in kept.ledger.refusal(funding(1, "3"))


def test_a_refused_fill_changes_nothing_at_all() -> None:
    kept = books()
    one = msgspec.structs.replace(fill(1, "3", "100", "0.3"), currency="USD")
    kept.apply(one, order(one, "trend"))
    kept.fund(funding(1, "2"))
    before = (kept.pnl(), kept.exposures(), kept.ledger.balances.rows())
    other = msgspec.structs.replace(fill(2, "1", "100"), currency="EUR")
    for bad, why in (
        (msgspec.structs.replace(one, quantity=D(4)), "booked already"),
        (msgspec.structs.replace(fill(2, "1", "100"), quantity=D("NaN")), "impossible"),
        (other, "is in EUR, the symbol was traded in USD"),
    ):
        with pytest.raises(OrderError, match=why):
            kept.apply(bad, order(one, "model"))
    for payment, why in (
        (funding(1, "3"), "booked already"),
        (funding(2, "NaN"), "impossible"),
    ):
        with pytest.raises(OrderError, match=why):
            kept.fund(payment)
    assert (kept.pnl(), kept.exposures(), kept.ledger.balances.rows()) == before and kept.check() == []


def test_check_names_what_does_not_add_up() -> None:
    kept = books()
    one = fill(1, "3", "100", "0.3", EURO)
    kept.apply(one, order(one, "trend"))
    kept.attribution.accounts()["trend", "EUR"].fees += 1
    assert kept.check() == ["fees is 0.3 EUR, the strategies' make 1.3"]
    kept = books()
    kept.apply(one, order(one, "trend"))
    kept.ledger.apply(fill(2, "1", "100", symbol=EURO))  # past the attribution
    assert any("strategies hold 3 at 300" in line for line in kept.check())


def test_what_counts_against_a_budget_is_the_whole_fill_for_each() -> None:
    kept = books()
    for n, symbol in ((1, BTC), (2, EURO)):
        one = fill(n, "3", "100", symbol=symbol)
        kept.apply(one, order(one, *SOURCES))
    kept.set_rate("EUR", D("1.1"))
    value = kept.attribution.value
    assert [value(source, kept.ledger.unit_value) for source in SOURCES] == [D(630)] * 3
    assert value("manual", kept.ledger.unit_value) == 0


def test_amounts_of_strategies_without_a_rate_are_unknown() -> None:
    kept = books()
    one = fill(1, "3", "100", "0.3", EURO)
    kept.apply(one, order(one, "trend"))
    home = fill(2, "3", "100", "0.3")
    kept.apply(home, order(home, "model"))
    desk, trend, model = kept.pnl()
    assert (desk.net, trend.fees, trend.net) == (None, None, None)
    assert (model.fees, model.net) == (D("0.3"), D("-0.3"))
    kept.set_rate("EUR", D(2))
    assert [row.fees for row in kept.pnl()] == [D("0.9"), D("0.6"), D("0.3")]
    kept.ledger.mark(EURO, Decimal(110))
    assert kept.pnl()[1].unrealized == 60
