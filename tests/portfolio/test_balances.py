"""Balances, and a ledger of several currencies: exact in each, unknown in all when a rate is."""

from __future__ import annotations

import msgspec
import pytest

from engine.portfolio.balances import Balances
from engine.portfolio.day import DayState
from engine.portfolio.ledger import Ledger
from tests.portfolio.books_script import BTC, DAY, ETH, EURO, T0, YEN, D, fill, funding

MIDNIGHT = 19_001 * DAY


def ledger() -> Ledger:
    return Ledger(D(10_000), "USD", ("USD", "USDT"))


def test_pegged_currencies_count_one_to_one_and_are_kept_apart() -> None:
    kept = ledger()
    kept.apply(fill(1, "1", "100", "0.1"))
    kept.apply(fill(2, "2", "50", "0.2", ETH))
    assert kept.balances.cash() == {"USD": D("9899.9"), "USDT": D("-100.2")}
    assert (kept.cash, kept.equity(), kept.fees) == (D("9799.7"), D("9999.7"), D("0.3"))
    assert kept.standing(T0) == (D("9999.7"), D("-0.3"), pytest.approx(0.003), D(200), D(200))
    with pytest.raises(ValueError, match="one to one"):
        kept.set_rate("USDT", D(1))
    assert kept.check() == []


def test_another_currency_needs_a_rate() -> None:
    kept = ledger()
    kept.set_rate("EUR", D("1.1"))
    kept.apply(fill(1, "2", "1000", "10", EURO))
    kept.apply(fill(2, "-1", "100"))
    assert kept.balances.cash() == {"USD": D(10_100), "EUR": D(-2010)}
    assert (kept.equity(), kept.cash, kept.fees) == (D(9_989), D(7_889), D(11))
    assert kept.standing(T0)[3:] == (D(2300), D(2100))
    kept.mark_all(((EURO, D(1100)), (BTC, D(90))))
    assert kept.equity() == 10_000 + D("1.1") * (200 - 10) + 10
    assert (kept.unrealized(EURO), kept.unrealized(), kept.unit_value(EURO)) == (D(200), D(230), D(1210))
    kept.set_rate("EUR", D(2))
    assert kept.equity() == 10_000 + 2 * (200 - 10) + 10
    kept.apply(fill(3, "-2", "1200", "10", EURO))
    assert (kept.realized, kept.balances.cash()["EUR"]) == (D(800), D(380))
    assert kept.check() == []


def test_without_a_rate_nothing_of_the_whole_is_known() -> None:
    kept = ledger()
    kept.apply(fill(1, "1", "100"))
    kept.apply(fill(2, "-2", "1000", "10", EURO))
    assert kept.standing(T0) == (None, None, None, D(100), D(100))
    assert (kept.equity(), kept.cash, kept.fees, kept.unrealized()) == (None, None, None, D(0))
    assert (kept.unrealized(EURO), kept.unit_value(EURO), kept.unit_value(BTC)) == (D(0), None, D(100))
    kept.mark(EURO, D(900))
    assert kept.unrealized() is None and kept.unrealized(EURO) == 200
    kept.set_rate("EUR", D("1.5"))
    assert kept.equity() == D(10_000) + D("1.5") * 190 and kept.check() == []
    kept.set_rate("EUR", None)
    assert kept.equity() is None and kept.check() == []
    kept.set_rate("EUR", D(1))
    kept.apply(fill(3, "2", "900", "0", EURO))
    kept.set_rate("EUR", None)
    assert kept.equity() is None, "flat, and 190 EUR are left of it"
    assert kept.positions()[0].symbol == BTC


def test_a_currency_that_nothing_is_left_of_needs_no_rate() -> None:
    kept = ledger()
    kept.set_rate("EUR", D("1.1"))
    kept.apply(fill(1, "1", "100", symbol=EURO))
    kept.apply(fill(2, "-1", "100", symbol=EURO))
    kept.set_rate("EUR", None)
    assert (kept.equity(), kept.realized, kept.check()) == (D(10_000), D(0), [])


def test_funding_is_booked_once_in_its_currency() -> None:
    kept = ledger()
    kept.apply(fill(1, "1", "100"))
    assert kept.fund(funding(1, "-0.5")) and kept.fund(funding(2, "2", EURO))
    assert not kept.fund(funding(1, "-0.5"))
    assert kept.equity() is None and kept.funding is None
    kept.set_rate("EUR", D("1.5"))
    assert (kept.equity(), kept.funding, kept.cash) == (D("10002.5"), D("2.5"), D("9902.5"))
    usd, eur = kept.balances.rows()
    assert (usd.currency, usd.cash, usd.funding, usd.rate, usd.value) == ("USD", 9899.5, D("-0.5"), 1, 9899.5)
    assert (eur.currency, eur.cash, eur.funding, eur.rate, eur.value) == ("EUR", 2, 2, D("1.5"), 3)
    assert kept.check() == []


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_impossible_rates_are_refused(rate: str) -> None:
    balances = Balances(D(1), "USD")
    balances.set_rate("EUR", D(2))
    with pytest.raises(ValueError, match="above zero"):
        balances.set_rate("EUR", D(rate))
    assert balances.rate("EUR") == 2


def test_setting_a_rate_says_whether_it_is_news() -> None:
    balances = Balances(D(1), "USD")
    asked = (None, D(2), D("2.0"), D(3), None, None)
    assert [balances.set_rate("EUR", rate) for rate in asked] == [False, True, False, True, True, False]


class TestDay:
    def test_what_a_rate_earns_is_of_the_day(self) -> None:
        kept = ledger()
        kept.set_rate("EUR", D(1))
        kept.apply(fill(1, "-10", "100", symbol=EURO))
        kept.apply(fill(2, "10", "50", symbol=EURO))
        kept.roll(MIDNIGHT)
        assert (kept.day_start_equity, kept.day_pnl(MIDNIGHT)) == (D(10_500), D(0))
        kept.set_rate("EUR", D("1.2"))
        assert (kept.day_pnl(MIDNIGHT), kept.day_state().peak_equity) == (D(100), "10600.0")
        kept.set_rate("EUR", D("0.8"))
        assert kept.drawdown_pct() == pytest.approx(200 / 10_600 * 100)

    def test_a_day_that_begins_unknown_starts_with_what_is_known_first(self) -> None:
        kept = ledger()
        kept.apply(fill(1, "2", "1000", symbol=EURO))
        kept.roll(T0)
        kept.mark(EURO, D(1100))
        kept.roll(MIDNIGHT)
        assert (kept.day_start_equity, kept.day_pnl(MIDNIGHT)) == (None, None)
        assert kept.day_state().start_equity == ""
        kept.set_rate("EUR", D(2))
        assert (kept.day_start_equity, kept.day_pnl(MIDNIGHT)) == (D(10_400), D(0))
        kept.mark(EURO, D(1000))
        assert kept.day_pnl(MIDNIGHT) == -400

    def test_the_daily_loss_is_known_again_after_a_restart_with_the_rate(self) -> None:
        kept = ledger()
        kept.set_rate("EUR", D(1))
        bought = fill(1, "10", "100", symbol=EURO)
        kept.apply(bought)
        kept.roll(T0)
        kept.mark(EURO, D(60))
        again = ledger()
        again.apply(bought)
        again.restore_day(msgspec.json.decode(msgspec.json.encode(kept.day_state()), type=DayState))
        again.mark(EURO, D(60))
        assert again.day_pnl(T0) is None
        again.set_rate("EUR", D(1))
        assert (again.day_pnl(T0), again.drawdown_pct()) == (D(-400), kept.drawdown_pct())

    def test_what_fell_overnight_while_the_desk_was_off_is_told_once_there_is_a_rate(self) -> None:
        again = ledger()
        again.apply(fill(1, "10", "100", symbol=EURO))
        again.set_rate("EUR", D(1))
        again.roll(MIDNIGHT)
        again.set_rate("EUR", None)
        again.mark(EURO, D(70))
        again.set_rate("EUR", D(1))
        again.mark(EURO, D(70))
        assert (again.equity(), again.day_pnl(MIDNIGHT)) == (D(9_700), D(0))

    def test_a_state_of_an_unknown_start_is_taken_up(self) -> None:
        again = ledger()
        again.restore_day(DayState(MIDNIGHT // DAY, "", "10300", "10000"))
        assert (again.day_start_equity, again.day_pnl(MIDNIGHT)) == (D(10_000), D(0))
        assert again.drawdown_pct() == pytest.approx(300 / 10_300 * 100)


def test_many_currencies_at_once() -> None:
    kept = ledger()
    for n, (symbol, price) in enumerate(((BTC, "100"), (ETH, "50"), (EURO, "90"), (YEN, "15000"))):
        kept.apply(fill(n, "1" if n % 2 else "-1", price, "0.01", symbol))
    kept.set_rate("EUR", D("1.1"))
    assert kept.equity() is None
    kept.set_rate("JPY", D("0.0067"))
    assert kept.equity() == 10_000 - D("0.01") * (1 + 1 + D("1.1") + D("0.0067"))
    assert [row.currency for row in kept.balances.rows()] == ["USD", "USDT", "EUR", "JPY"]
    assert kept.check() == []
