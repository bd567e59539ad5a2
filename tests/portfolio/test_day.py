"""The ledger's day: it turns at midnight, and its loss, peak and highest are kept over a restart."""

from __future__ import annotations

import msgspec
import pytest

from engine.events import Fill
from engine.portfolio.day import DayState
from engine.portfolio.ledger import Ledger
from tests.portfolio.signed_fills import BTC, DAY, ETH, T0, D, book, fill

MIDNIGHT = 19_001 * DAY


def test_day_pnl_starts_anew_at_midnight_utc() -> None:
    ledger = book(fill(1, "1", "100"))
    ledger.mark(BTC, D(150))
    assert ledger.day_pnl(T0 + 1) == D(50) and ledger.day_start_equity == D(10_000)
    ledger.roll(MIDNIGHT - 1)
    assert ledger.day_pnl(MIDNIGHT - 1) == D(50)
    ledger.roll(MIDNIGHT)
    assert ledger.day_pnl(MIDNIGHT) == D(0) and ledger.day_start_equity == D(10_050)
    ledger.mark(BTC, D(140))
    assert ledger.day_pnl(MIDNIGHT + 5) == D(-10)
    ledger.roll(MIDNIGHT - 5)
    assert ledger.day_pnl(MIDNIGHT - 5) == D(-10), "a clock that steps back does not turn the day"


def test_reading_turns_no_day() -> None:
    ledger = book(fill(1, "1", "100"))
    ledger.mark(BTC, D(150))
    before = ledger.day_state()
    assert ledger.day_pnl(MIDNIGHT) == 0, "no day's P&L before the day was rolled to"
    assert ledger.day_state() == before
    assert ledger.day_pnl(MIDNIGHT - 1) == D(50)


def test_the_days_state_is_another_once_the_day_turned_or_equity_was_higher() -> None:
    ledger = Ledger(D(10_000), "USD")

    def rolled(ns: int) -> DayState:
        ledger.roll(ns)
        return ledger.day_state()

    first = rolled(T0)
    assert first == rolled(T0 + 1)
    ledger.apply(fill(1, "1", "100", ns=T0 + 2))
    ledger.mark(BTC, D(90))
    assert first == rolled(T0 + 3)
    ledger.mark(BTC, D(110))
    ledger.mark(BTC, D(100))
    second = rolled(T0 + 3)
    assert second != first and second == rolled(T0 + 3)
    third = rolled(MIDNIGHT)
    assert third != second and third == rolled(MIDNIGHT)
    ledger.apply(fill(2, "1", "100", ns=MIDNIGHT + DAY))
    assert ledger.day_state() != third, "turned by a fill"


def restarted(ledger: Ledger, *fills: Fill, cash: int = 10_000) -> Ledger:
    """A ledger of the same fills that took up the other's day, over JSON."""
    again = Ledger(D(cash), "USD")
    for one in fills:
        again.apply(one)
    again.restore_day(msgspec.json.decode(msgspec.json.encode(ledger.day_state()), type=DayState))
    return again


class TestRestart:
    def test_todays_loss_is_not_forgotten(self) -> None:
        fills = [fill(1, "-3", "100", ns=T0 - DAY), fill(2, "30", "100")]
        ledger = book(fills[0])
        ledger.mark(BTC, D(150))  # yesterday
        ledger.roll(T0)
        ledger.apply(fills[1])
        ledger.mark(BTC, D(75))
        assert (ledger.equity(), ledger.day_pnl(T0)) == (D(9_325), D(-525))
        again = restarted(ledger, *fills)
        again.roll(T0 + 1)
        again.mark(BTC, D(75))
        assert (again.equity(), again.day_pnl(T0 + 1)) == (ledger.equity(), D(-525))
        assert again.day_state() == ledger.day_state()
        assert again.drawdown_pct() == ledger.drawdown_pct() > 6

    def test_the_daily_limit_is_reached_across_a_restart(self) -> None:
        bought = fill(1, "200", "90", ns=T0 - DAY)
        ledger = Ledger(D(100_000), "USD")
        ledger.apply(bought)
        ledger.mark(BTC, D(100))
        ledger.roll(T0)
        ledger.mark(BTC, D("89.5"))
        assert ledger.day_pnl(T0) == D(-2100)
        again = restarted(ledger, bought, cash=100_000)
        again.roll(T0 + 1)
        again.mark(BTC, D("89.5"))
        again.mark(BTC, D("85.75"))
        assert again.day_pnl(T0 + 1) == D(-2850)
        forgetful = Ledger(D(100_000), "USD")
        forgetful.apply(bought)
        forgetful.roll(T0 + 1)
        forgetful.mark(BTC, D("89.5"))
        forgetful.mark(BTC, D("85.75"))
        assert forgetful.day_pnl(T0 + 1) == D(-750), "what the fills alone would tell"

    def test_the_peak_is_the_one_that_was_not_one_that_fills_suggest(self) -> None:
        fills = [fill(1, "10", "100"), fill(2, "10", "50", symbol=ETH), fill(3, "-10", "90", symbol=ETH)]
        ledger = book(fills[0])
        ledger.mark(BTC, D(120))
        ledger.mark(BTC, D(60))
        for one in fills[1:]:
            ledger.apply(one)
        assert ledger.drawdown_pct() == pytest.approx(200 / 10_200 * 100)
        again = restarted(ledger, *fills)
        again.mark(BTC, D(60))
        assert again.drawdown_pct() == ledger.drawdown_pct()
        assert book(*fills).drawdown_pct() == 0.0  # the fills alone: 10,400 and never below

    def test_what_is_not_priced_yet_is_worth_what_it_was_last(self) -> None:
        fills = [fill(1, "10", "100"), fill(2, "-10", "50", symbol=ETH)]
        ledger = book(*fills)
        ledger.mark_all([(BTC, D(80)), (ETH, D(45))])
        again = restarted(ledger, *fills)
        again.restore_marks([(BTC, D(80)), (ETH, D(45)), ("sim:XRP-USD", D(1))])
        assert again.equity() == ledger.equity() == D(9_850)
        assert again.day_pnl(T0) == ledger.day_pnl(T0)
        assert again.drawdown_pct() == ledger.drawdown_pct()
        assert again.unvalued() == [BTC, ETH] and again.awaits_marks and again.check() == []
        again.mark(BTC, D(81))
        again.restore_marks([(BTC, D(1)), (ETH, D(44))])
        assert again.equity() == D(9_870) and again.unvalued() == [ETH], "what is priced stays so"
        with pytest.raises(ValueError, match="finite and above zero"):
            again.restore_marks([(ETH, D(0))])

    def test_what_fell_before_an_overnight_restart_is_no_loss_of_today(self) -> None:
        bought = fill(1, "10", "100")
        ledger = book(bought)
        ledger.mark(BTC, D(85))
        again = restarted(ledger, bought)
        again.restore_marks([(BTC, D(85))])
        again.roll(MIDNIGHT + 7)
        assert again.day_pnl(MIDNIGHT + 7) == 0
        again.mark(BTC, D(80))
        assert (again.equity(), again.day_pnl(MIDNIGHT + 8)) == (D(9_800), D(0))

    def test_what_was_won_before_a_day_that_no_state_is_of_raises_its_high_once(self) -> None:
        bought, later = fill(1, "10", "100"), fill(2, "1", "50", symbol=ETH, ns=MIDNIGHT + 5)
        ledger = book(bought)
        ledger.mark(BTC, D(120))
        again = restarted(ledger, bought, later)  # it ended before what the new day began with was kept
        again.restore_marks([(BTC, D(120)), (ETH, D(50))])
        assert (again.day_start_equity, again.day_high_equity) == (D(10_200), D(10_200))
        again.mark_all([(BTC, D(110)), (ETH, D(50))])
        assert (again.equity(), again.day_pnl(MIDNIGHT + 6)) == (D(10_100), D(-100))
        assert again.day_high_equity == D(10_200), "where equity never was nothing can fall from"

    def test_what_fell_while_the_desk_was_off_overnight_is_no_loss_of_today(self) -> None:
        fills = [fill(1, "10", "100"), fill(2, "10", "50", symbol=ETH)]
        ledger = book(*fills)
        ledger.mark(BTC, D(80))
        again = restarted(ledger, *fills)
        assert again.day_pnl(MIDNIGHT - 1) == 0
        again.roll(MIDNIGHT + 7)
        again.mark(BTC, D(80))
        assert (again.equity(), again.day_pnl(MIDNIGHT + 8)) == (D(9_800), D(0))
        again.mark(BTC, D(79))
        assert again.day_pnl(MIDNIGHT + 8) == D(-10)
        again.apply(fill(3, "-4", "45", symbol=ETH, ns=MIDNIGHT + 9))
        again.mark(ETH, D(44))
        assert again.day_pnl(MIDNIGHT + 9) == D(-16), "a fill tells what it was worth as well as a mark"
        assert again.equity() == D(10_000) - 210 - 20 - 36 and again.check() == []

    def test_fills_of_a_later_day_than_the_state_are_believed_for_the_day(self) -> None:
        ledger = book(fill(1, "1", "100"))
        ledger.mark(BTC, D(5_100))
        again = restarted(
            ledger, fill(1, "1", "100"), fill(2, "-1", "150", ns=T0 + 1), fill(3, "1", "9", ns=MIDNIGHT)
        )
        assert again.day_start_equity == D(10_050) and again.drawdown_pct() == pytest.approx(33, abs=0.01)

    def test_the_days_highest_is_not_forgotten_and_begins_anew_with_the_day(self) -> None:
        bought = fill(1, "10", "100")
        ledger = book(bought)
        ledger.mark(BTC, D(150))
        ledger.mark(BTC, D(110))
        assert ledger.day_high(T0 + 1) == D(10_500) and ledger.day_start_equity == D(10_000)
        again = restarted(ledger, bought)
        again.mark(BTC, D(110))
        assert again.day_high(T0 + 1) == D(10_500)
        assert again.day_high(MIDNIGHT) is None, "of a day that was not rolled to"
        again.roll(MIDNIGHT)
        assert again.day_high(MIDNIGHT) == again.day_start_equity == D(10_100)
        assert again.drawdown_pct() == pytest.approx(400 / 10_500 * 100), "the highest ever stays"
        again.mark(BTC, D(120))
        assert again.day_high(MIDNIGHT) == D(10_200)

    def test_a_state_that_tells_no_highest_counts_from_the_start(self) -> None:
        ledger = Ledger(D(10_000), "USD")
        ledger.restore_day(DayState(T0 // DAY, "9900", "10300", "10000"))
        assert ledger.day_high(T0) == D(9_900)

    def test_what_was_held_unvalued_as_the_day_began_moves_its_highest_too(self) -> None:
        ledger = Ledger(D(10_000), "USD")
        ledger.apply(fill(1, "10", "100"))
        ledger.roll(MIDNIGHT)
        ledger.mark(BTC, D(80))
        assert ledger.day_start_equity == ledger.day_high(MIDNIGHT) == D(9_800)

    def test_another_starting_cash_is_neither_gain_nor_loss(self) -> None:
        ledger = book(fill(1, "10", "100"))
        ledger.mark(BTC, D(110))
        ledger.mark(BTC, D(95))
        again = restarted(ledger, fill(1, "10", "100"), cash=5_000)
        again.mark(BTC, D(95))
        assert again.day_pnl(T0 + 1) == D(-50) and again.day_state().peak_equity == "5100"

    def test_a_day_in_another_currency_is_none_of_this_account(self) -> None:
        """A start of 15 million yen less 14.9 million of the account's would be 600,000 dollars."""
        yen = Ledger(D(15_000_000), "JPY")
        yen.restore_day(DayState(T0 // DAY, "15500000", "16000000", "15000000"))
        dollars = Ledger(D(100_000), "USD")
        with pytest.raises(ValueError, match="it is in JPY, the account in USD"):
            dollars.restore_day(yen.day_state())
        assert (dollars.day_pnl(T0), dollars.drawdown_pct()) == (D(0), 0.0)

    def test_a_day_from_a_clock_far_ahead_does_not_last(self) -> None:
        ledger = book(fill(1, "1", "100", ns=T0 + 900 * DAY))
        again = restarted(ledger, fill(1, "1", "100", ns=T0 + 900 * DAY))
        again.roll(T0)
        again.mark(BTC, D(80))
        assert again.day_pnl(T0) == D(-20)
        again.roll(MIDNIGHT)
        assert again.day_pnl(MIDNIGHT) == 0

    @pytest.mark.parametrize("field", ["start_equity", "peak_equity", "starting_cash", "high_equity"])
    @pytest.mark.parametrize("text", ["NaN", "Infinity", " ", "12x"])
    def test_a_state_of_no_amounts_is_refused(self, field: str, text: str) -> None:
        ledger = book(fill(1, "1", "100"))
        before = ledger.day_state()
        with pytest.raises(ValueError, match="no amount"):
            ledger.restore_day(msgspec.structs.replace(before, day=before.day + 1, **{field: text}))
        assert ledger.day_state() == before


def test_day_turns_with_a_fill_when_the_journal_is_folded() -> None:
    ledger = book(
        fill(1, "1", "100"),
        fill(2, "-1", "130", ns=T0 + 1),
        fill(3, "1", "200", ns=T0 + DAY),
        fill(4, "-1", "195", ns=T0 + DAY + 1),
    )
    assert ledger.day_start_equity == D(10_030)
    assert ledger.day_pnl(T0 + DAY + 2) == D(-5)
