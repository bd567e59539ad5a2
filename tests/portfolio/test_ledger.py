"""The ledger: hand-worked trades, and identities that hold to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OrderError
from engine.events import NS, Fill, Side
from engine.portfolio.day import DayState
from engine.portfolio.ledger import Ledger

BTC, ETH = "sim:BTC-USD", "sim:ETH-USD"
DAY = 86_400 * NS
T0 = 19_000 * DAY + 12 * 3600 * NS
D = Decimal


def fill(n: int, quantity: str, price: str, fee: str = "0", symbol: str = BTC, ns: int = T0) -> Fill:
    """A fill of a signed quantity."""
    signed = D(quantity)
    side = Side.BUY if signed > 0 else Side.SELL
    return Fill(f"tx-{n}", f"td-{n}", symbol, side, abs(signed), D(price), D(fee), "taker", float(price), ns)


def book(*fills: Fill) -> Ledger:
    ledger = Ledger(D(10_000), "USD")
    for one in fills:
        ledger.apply(one)
    return ledger


def test_buy_add_reduce_close() -> None:
    ledger = Ledger(D(10_000), "USD")
    opened = ledger.apply(fill(1, "2", "100", "0.2"), opportunity_id="op-1")
    assert (opened.quantity, opened.average_price, opened.opportunity_id) == (D(2), D(100), "op-1")
    assert (ledger.cash, ledger.equity()) == (D("9799.8"), D("9999.8"))
    added = ledger.apply(fill(2, "2", "110", "0.2", ns=T0 + 1), opportunity_id="op-2")
    assert (added.quantity, added.average_price, added.opened_ns) == (D(4), D(105), T0)
    assert added.opportunity_id == "op-1"
    reduced = ledger.apply(fill(3, "-1", "115", "0.1"))
    assert (reduced.quantity, reduced.realized, reduced.average_price) == (D(3), D(10), D(105))
    closed = ledger.apply(fill(4, "-3", "100", "0.3"))
    assert (closed.quantity, closed.realized, closed.fees) == (D(0), D(-5), D("0.8"))
    assert (closed.average_price, closed.opened_ns) == (D(0), 0)
    assert ledger.cash == ledger.equity() == D("9994.2")
    assert (ledger.realized, ledger.fees, ledger.positions()) == (D(-5), D("0.8"), [])
    assert ledger.touched() == [closed]
    assert ledger.check() == []


def test_short_and_flip() -> None:
    ledger = book(fill(1, "-2", "100"))
    ledger.mark(BTC, D(90))
    assert (ledger.unrealized(BTC), ledger.equity()) == (D(20), D(10_020))
    assert ledger.standing(T0)[3:] == (D(180), D(-180))
    flipped = ledger.apply(fill(2, "5", "95", ns=T0 + 7), opportunity_id="op-2")
    assert (flipped.quantity, flipped.average_price, flipped.realized) == (D(3), D(95), D(10))
    assert (flipped.opened_ns, flipped.opportunity_id) == (T0 + 7, "op-2")
    assert ledger.check() == []


def test_a_position_opened_anew_is_worth_what_it_cost_not_its_last_mark() -> None:
    ledger = book(fill(1, "2", "100"), fill(2, "-2", "100", ns=T0 + 1))
    ledger.apply(fill(3, "-2", "150", ns=T0 + 2))
    assert (ledger.mark_price(BTC), ledger.unrealized(BTC), ledger.equity()) == (D(150), D(0), D(10_000))
    assert ledger.drawdown_pct() == 0.0
    ledger.mark(BTC, D(151))
    assert (ledger.equity(), ledger.check()) == (D(9_998), [])
    # Valued at 100, the short would have looked like a gain of 100: the highest equity for good.
    assert ledger.drawdown_pct() == pytest.approx(0.02)


def test_exposure_over_longs_and_shorts() -> None:
    ledger = book(fill(1, "1", "100"), fill(2, "-10", "30", symbol=ETH))
    ledger.mark(BTC, D(120))
    assert ledger.standing(T0)[3:] == (D(420), D(-180))
    assert ledger.unrealized() == D(20) and ledger.unrealized("sim:NONE") == 0
    assert [p.symbol for p in ledger.positions()] == [BTC, ETH]
    assert ledger.quantity(ETH) == D(-10) and ledger.quantity("sim:NONE") == 0
    assert ledger.mark_price(BTC) == D(120) and ledger.mark_price("sim:NONE") is None


def test_a_fill_is_booked_once() -> None:
    ledger = book(fill(1, "2", "100", "0.2"))
    before = (ledger.cash, ledger.position(BTC))
    assert ledger.apply(fill(1, "2", "100", "0.2")) == before[1]
    assert (ledger.cash, ledger.position(BTC)) == before
    unpriced = fill(2, "1", "100")
    unpriced = msgspec.structs.replace(unpriced, decision_price=float("nan"))
    ledger.apply(unpriced)
    before = (ledger.cash, ledger.position(BTC))
    ledger.apply(msgspec.structs.replace(unpriced, decision_price=float("nan")))
    with pytest.raises(OrderError, match="other numbers"):
        ledger.apply(fill(1, "3", "100", "0.2"))
    assert (ledger.cash, ledger.position(BTC)) == before and ledger.check() == []


@pytest.mark.parametrize(
    "bad",
    [
        {"quantity": D(0)},
        {"quantity": D(-1)},
        {"quantity": D("NaN")},
        {"price": D(0)},
        {"price": D("Infinity")},
        {"fee": D("NaN")},
    ],
    ids=str,
)
def test_impossible_fills_are_not_booked(bad: dict[str, Any]) -> None:
    ledger = Ledger(D(10_000), "USD")
    with pytest.raises(OrderError, match="not booked"):
        ledger.apply(msgspec.structs.replace(fill(1, "1", "100"), **bad))
    assert ledger.cash == D(10_000) and ledger.positions() == [] and ledger.check() == []


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_impossible_marks_are_refused(price: str) -> None:
    ledger = book(fill(1, "1", "100"))
    with pytest.raises(ValueError, match="above zero"):
        ledger.mark(BTC, D(price))
    assert ledger.mark_price(BTC) == D(100)


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


def test_drawdown_is_measured_from_the_highest_equity() -> None:
    ledger = book(fill(1, "10", "100"))
    assert ledger.drawdown_pct() == 0.0
    ledger.mark(BTC, D(200))
    ledger.mark(BTC, D(90))
    assert ledger.drawdown_pct() == pytest.approx((11_000 - 9_900) / 11_000 * 100)
    ledger.mark(BTC, D(300))
    assert ledger.drawdown_pct() == 0.0


def test_check_names_what_is_wrong() -> None:
    ledger = book(fill(1, "1", "100"))
    ledger.balances.add("USD", D(1))
    assert any("cash is 9901 USD, what was booked makes 9900" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._positions[BTC] = msgspec.structs.replace(ledger.position(BTC), quantity=D(2))
    assert any("position is 2, its fills make 1" in line for line in ledger.check())
    for field in ("realized", "cost", "fees"):
        ledger = book(fill(1, "1", "100"), fill(2, "-1", "110"), fill(3, "2", "90"))
        position = ledger.position(BTC)
        amount = getattr(position, field) + 1
        ledger._positions[BTC] = msgspec.structs.replace(position, **{field: amount})
        assert any("P&L" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._value += 1
    assert any("worth" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._gross += 1
    assert any("add up to" in line for line in ledger.check())
    ledger = book(fill(1, "1", "100"))
    ledger._equity = None
    assert ledger.check() == ["equity is 10000, the ledger says None"]


amounts = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-6))
prices = st.integers(1, 10**12).map(lambda n: D(n).scaleb(-7))
fees = st.integers(-(10**6), 10**9).map(lambda n: D(n).scaleb(-8))
steps = st.lists(
    st.tuples(st.sampled_from([BTC, ETH]), st.sampled_from(Side), amounts, prices, fees, st.booleans()),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_identities_hold_exactly(trades: Sequence[tuple[str, Side, Decimal, Decimal, Decimal, bool]]) -> None:
    start = D("123456.78")
    ledger, made = Ledger(start, "USD"), []
    with localcontext(prec=100):
        cash, held, marks = start, {BTC: D(0), ETH: D(0)}, {}
        for n, (symbol, side, quantity, price, fee, close) in enumerate(trades):
            if close and held[symbol]:  # exact closes are rare by chance
                side, quantity = (Side.SELL if held[symbol] > 0 else Side.BUY), abs(held[symbol])
            one = Fill(f"tx-{n}", f"td-{n}", symbol, side, quantity, price, fee, "taker", 1.0, T0 + n)
            made.append(one)
            position = ledger.apply(one)
            if not held[symbol]:
                marks[symbol] = price
            held[symbol] += side.sign * quantity
            cash -= side.sign * quantity * price + fee
            if n % 3 == 0:
                marks[symbol] = price
                ledger.mark(symbol, price)
            value = sum((held[s] * marks[s] for s in marks), D(0))
            assert position.quantity == held[symbol] == ledger.quantity(symbol)
            assert ledger.cash == cash
            assert ledger.equity() == cash + value
            assert ledger.equity() == start + ledger.realized + ledger.unrealized() - ledger.fees
            assert position.quantity or not position.cost, "a flat position costs nothing"
            assert (position.average_price > 0) is bool(position.quantity)
    assert ledger.check() == []
    again = Ledger(start, "USD")
    for one in (*made, *made):
        again.apply(one)
    assert again.cash == ledger.cash and again.positions() == ledger.positions(), "replays book nothing twice"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([BTC, ETH]),
            st.sampled_from(["fill", "fill", "mark", "mark", "roll"]),
            st.integers(-(10**6), 10**6).filter(bool),
            st.integers(1, 10**7),
            st.integers(0, DAY),
        ),
        max_size=40,
    )
)
def test_what_is_kept_as_it_changes_is_what_a_sum_would_be(
    steps: Sequence[tuple[str, str, int, int, int]],
) -> None:
    ledger = Ledger(D(10_000), "USD")
    ns, peak, day = T0, D(10_000), -1
    for n, (symbol, kind, lots, ticks, passed) in enumerate(steps):
        ns += passed
        price = D(ticks).scaleb(-4)
        if kind == "fill":
            ledger.apply(fill(n, str(D(lots).scaleb(-3)), str(price), "0.01", symbol, ns))
        elif kind == "mark":
            ledger.mark(symbol, price)
        else:
            ledger.roll(ns)
        day = day if kind == "mark" else ns // DAY
        with localcontext() as exact:
            exact.prec = 100
            values = [p.quantity * (ledger.mark_price(p.symbol) or 0) for p in ledger.positions()]
            equity = ledger.cash + sum(values)
            peak = max(peak, equity)
            assert ledger.check() == []
            assert ledger.equity() == equity
            assert ledger.standing(T0)[3:] == (sum(map(abs, values)), sum(values))
            below = float((peak - equity) / peak * 100)
            since = equity - ledger.day_start_equity
        assert ledger.drawdown_pct() == pytest.approx(below, rel=1e-12)
        assert ledger.day_pnl(ns) == (since if day in (-1, ns // DAY) else 0)
