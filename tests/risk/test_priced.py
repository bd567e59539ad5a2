"""Orders with prices: on the tick grid, near the mid, counted at what they may cost, not against our own."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from engine.events import NS, OrderRequest, OrderType, Purpose, Side
from engine.instruments import Instrument
from engine.risk.price import at_work, meets_from, reach, worth
from engine.risk.view import RiskView
from tests.risk.conftest import INSTRUMENT, SYMBOL, entry, exit_, gate, view

D = Decimal
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
TAKE_PROFIT, TRAILING, MARKET = OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP, OrderType.MARKET
BUY, SELL = Side.BUY, Side.SELL

GOOD: dict[OrderType, dict[str, Any]] = {
    LIMIT: {"price": D(99)},
    STOP: {"stop_price": D(101)},
    STOP_LIMIT: {"stop_price": D(101), "price": D("101.5")},
    TAKE_PROFIT: {"stop_price": D(99)},
    TRAILING: {"trail": D(1)},
}
"""Of a buy, with the market at 99.99 / 100.01."""


def priced(kind: OrderType = LIMIT, **changes: Any) -> OrderRequest:
    return entry(**({"type": kind} | GOOD[kind] | changes))


def codes(request: OrderRequest, seen: RiskView | None = None, **limits: Any) -> list[str]:
    verdict = gate(**limits).check(request, seen or view())
    return [check.code for check in verdict.checks if not check.passed]


@pytest.mark.parametrize("kind", list(GOOD))
def test_a_good_order_of_each_type_is_approved_with_its_prices_checked(kind: OrderType) -> None:
    verdict = gate().check(priced(kind), view())
    assert verdict.approved, verdict.detail
    made = [check.code for check in verdict.checks]
    assert {"BAD_PRICE", "OFF_TICK", "PRICE_COLLAR"} <= set(made) and "MARKET_PROTECTION" not in made
    assert all(check.value and check.limit for check in verdict.checks)


@pytest.mark.parametrize("kind", list(GOOD))
@pytest.mark.parametrize("wrong", [None, D(0), D(-1), D("NaN"), D("Infinity"), D("-Infinity")], ids=str)
def test_a_price_that_is_missing_or_impossible_is_denied(kind: OrderType, wrong: Decimal | None) -> None:
    for name in GOOD[kind]:
        found = codes(priced(kind, **{name: wrong}))
        assert found[0] == "BAD_PRICE", (name, found)


@pytest.mark.parametrize("kind", list(GOOD))
def test_prices_are_whole_ticks(kind: OrderType) -> None:
    for name, value in GOOD[kind].items():
        assert "OFF_TICK" not in codes(priced(kind, **{name: value + D("0.01")}))
        assert "OFF_TICK" in codes(priced(kind, **{name: value + D("0.005")}))
    assert "OFF_TICK" in codes(priced(kind), view(instrument=None))


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (LIMIT, {"price": D(98)}, {"price": D("97.99")}),
        (LIMIT, {"price": D(102)}, {"price": D("102.01")}),
        (STOP, {"stop_price": D(102)}, {"stop_price": D("102.01")}),
        (STOP_LIMIT, {"price": D(102)}, {"price": D("102.01")}),
        (STOP_LIMIT, {"stop_price": D(98)}, {"stop_price": D("97.99")}),
        (TAKE_PROFIT, {"stop_price": D(98)}, {"stop_price": D("97.99")}),
        (TRAILING, {"trail": D(2)}, {"trail": D("2.01")}),
        (TRAILING, {"stop_price": D(102)}, {"stop_price": D("102.01")}),
    ],
)
def test_the_collar_is_exact_at_two_percent_of_the_mid(
    kind: OrderType, inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    assert "PRICE_COLLAR" not in codes(priced(kind, **inside))
    assert "PRICE_COLLAR" in codes(priced(kind, **outside))
    assert "PRICE_COLLAR" not in codes(priced(kind, **outside), price_collar_pct=2.5)


@pytest.mark.parametrize("unknown", [math.nan, math.inf, 0.0, -1.0])
def test_without_a_mid_nothing_is_near_it(unknown: float) -> None:
    found = codes(priced(), view(bid=unknown, ask=unknown, last=unknown))
    assert {"PRICE_COLLAR", "ORDER_NOTIONAL", "MIN_NOTIONAL", "POSITION_LIMIT"} <= set(found)


@pytest.mark.parametrize(
    ("kind", "changes", "passes", "fails"),
    [
        # 5,000 is the most that an order may be worth.
        (LIMIT, {"price": D(99)}, "50.505", "50.506"),  # a buy pays at most its limit
        (LIMIT, {"side": SELL, "price": D(101)}, "49.504", "49.505"),
        (LIMIT, {"side": SELL, "price": D(99)}, "50.005", "50.006"),  # a sell gets at least the bid
        (STOP, {"stop_price": D(101)}, "49.504", "49.505"),
        (STOP_LIMIT, {}, "49.261", "49.262"),
        (TAKE_PROFIT, {"stop_price": D(99)}, "49.995", "49.996"),
        (TRAILING, {"trail": D(1)}, "49.500", "49.501"),
    ],
)
def test_an_order_is_counted_at_the_most_it_may_cost(
    kind: OrderType, changes: dict[str, Any], passes: str, fails: str
) -> None:
    assert "ORDER_NOTIONAL" not in codes(priced(kind, quantity=D(passes), **changes))
    assert "ORDER_NOTIONAL" in codes(priced(kind, quantity=D(fails), **changes))


@pytest.mark.parametrize(
    ("kind", "changes", "own", "meets"),
    [
        (LIMIT, {"price": D(101)}, {"own_ask": D("101.01")}, False),  # both rest, without crossing
        (LIMIT, {"price": D(101)}, {"own_ask": D(101)}, True),
        (LIMIT, {"price": D(99)}, {"own_ask": D(0)}, True),  # a market order takes any price
        (LIMIT, {"price": D(99)}, {"own_bid": D(100)}, False),  # the same side
        (LIMIT, {"side": SELL, "price": D(100)}, {"own_bid": D("99.99")}, False),
        (LIMIT, {"side": SELL, "price": D(100)}, {"own_bid": D(100)}, True),
        (STOP_LIMIT, {}, {"own_ask": D("101.51")}, False),
        (STOP_LIMIT, {}, {"own_ask": D("101.5")}, True),
        (STOP, {"stop_price": D(101)}, {"own_ask": D("102.02")}, False),  # 1 % beyond the trigger
        (STOP, {"stop_price": D(101)}, {"own_ask": D("102.01")}, True),
        (STOP, {"side": SELL, "stop_price": D(99)}, {"own_bid": D("98")}, False),
        (STOP, {"side": SELL, "stop_price": D(99)}, {"own_bid": D("98.01")}, True),
        (TRAILING, {"side": SELL, "trail": D(1)}, {"own_bid": D(98)}, False),
        (TRAILING, {"side": SELL, "trail": D(1)}, {"own_bid": D("98.5")}, True),
    ],
)
def test_no_order_meets_our_own(
    kind: OrderType, changes: dict[str, Any], own: dict[str, Any], meets: bool
) -> None:
    assert ("SELF_TRADE" in codes(priced(kind, **changes), view(**own))) is meets


def test_another_price_type_or_stop_is_another_order() -> None:
    desk = gate()
    desk.sent(priced(price=D(99)), view().now_ns)

    def again(**changes: Any) -> bool:
        verdict = desk.check(priced(client_order_id="td-2", **changes), view())
        return any(check.code == "DUPLICATE_ORDER" and not check.passed for check in verdict.checks)

    assert again()
    assert not again(price=D("99.01"))
    assert not again(type=STOP_LIMIT, stop_price=D(99))
    assert not again(stop_price=D(98))


@pytest.mark.parametrize("kind", list(GOOD))
@pytest.mark.parametrize("wrong", [D(0), D(-1), D("NaN"), D("Infinity"), None], ids=str)
def test_an_exit_with_an_impossible_price_is_impossible(kind: OrderType, wrong: Decimal | None) -> None:
    name = next(iter(GOOD[kind]))
    order = exit_(type=kind, **(GOOD[kind] | {name: wrong}))
    assert codes(order, view(position=D(10))) == ["BAD_PRICE"]


@pytest.mark.parametrize("kind", list(GOOD))
def test_an_exit_off_the_grid_or_far_from_the_market_passes(kind: OrderType) -> None:
    far = {name: D("1234.56789") for name in GOOD[kind]}
    assert codes(exit_(type=kind, **far), view(position=D(10), instrument=None)) == []


EURO = Instrument(0, SYMBOL, "EUR", D("0.01"), D("0.001"), D(10))


def test_another_currency_counts_at_its_rate_and_is_denied_without_one() -> None:
    assert codes(entry(quantity=D(40)), view(instrument=EURO, rate=D("1.25"))) == ["ORDER_NOTIONAL"]
    assert codes(entry(quantity=D("39.996")), view(instrument=EURO, rate=D("1.25"))) == []
    # The venue's minimum is in its own currency: 10 euros, whatever they are worth.
    assert "MIN_NOTIONAL" not in codes(entry(quantity=D("0.1")), view(instrument=EURO, rate=D("0.5")))
    for rate in (None, D(0), D(-1), D("NaN")):
        assert "CURRENCY_UNKNOWN" in codes(entry(), view(instrument=EURO, rate=rate))
    told = gate().check(entry(), view(instrument=EURO, rate=D("1.25"))).checks
    assert next(check for check in told if check.code == "CURRENCY_UNKNOWN").value == "EUR at 1.25"


def test_the_largest_quantity_is_the_smaller_of_the_venues_and_ours() -> None:
    assert codes(entry(), view(), max_order_quantity=10.0) == []
    assert codes(entry(), view(), max_order_quantity=9.999) == ["ORDER_QUANTITY"]
    large = Instrument(0, SYMBOL, "USD", D("0.01"), D("0.001"), max_quantity=D(5))
    assert codes(entry(), view(instrument=large), max_order_quantity=100.0) == ["ORDER_QUANTITY"]
    assert INSTRUMENT.max_quantity == 0, "0: the venue told none"


def test_an_unknown_account_says_why() -> None:
    verdict = gate().check(entry(), view(equity=None, account="alpaca: never compared"))
    denied = next(check for check in verdict.checks if check.code == "EQUITY_UNKNOWN")
    assert not verdict.approved and (denied.passed, denied.value) == (False, "alpaca: never compared")
    assert gate().check(exit_(), view(equity=None, account="alpaca: never compared", position=D(10))).approved


@pytest.mark.parametrize(
    ("age_s", "sources", "passes"),
    [
        (3600, ("model",), True),
        (3600.000001, ("model",), False),
        (None, ("model",), False),
        (7200, ("trend",), True),
        (None, ("trend",), True),
        (7200, ("trend", "model"), False),
    ],
)
def test_a_model_that_is_too_old_gives_no_entry(
    age_s: float | None, sources: tuple[str, ...], passes: bool
) -> None:
    seen = view(model_age_ns=None if age_s is None else int(age_s * NS))
    found = codes(entry(sources=sources), seen, max_model_age_s=3600.0)
    assert found == ([] if passes else ["MODEL_TOO_OLD"])
    assert codes(entry(sources=sources), seen, max_model_age_s=0.0) == [], "no limit, not asked"


@pytest.mark.parametrize(("days", "passes"), [(30, True), (30.001, False)])
def test_by_default_a_model_is_good_for_thirty_days(days: float, passes: bool) -> None:
    seen = view(model_age_ns=int(days * 86_400 * NS))
    assert codes(entry(sources=("model",)), seen) == ([] if passes else ["MODEL_TOO_OLD"])


def test_what_a_working_order_is_counted_at() -> None:
    market = entry(decision_price=100.0)
    assert at_work(market, None, None, None) == 100
    assert at_work(priced(), D(98), None, None) == 98, "as amended"
    assert at_work(priced(STOP_LIMIT), D(102), D(101), None) == 102
    assert at_work(priced(STOP), None, D(101), None) == 101
    assert at_work(priced(TRAILING), None, None, D(2)) == 102


def test_where_a_working_order_can_be_met() -> None:
    assert meets_from(MARKET, BUY, None) == D("Infinity") and meets_from(MARKET, SELL, None) == 0
    assert meets_from(LIMIT, BUY, D(99)) == meets_from(STOP_LIMIT, BUY, D(99)) == 99
    assert meets_from(STOP, SELL, None) is meets_from(TRAILING, BUY, None) is None


def test_worth_and_reach_of_impossible_prices_are_unknown() -> None:
    touch, share = D(100), D("0.01")
    for kind, prices in GOOD.items():
        for name in prices:
            if kind is STOP_LIMIT and name == "stop_price":
                continue  # its limit says what it costs
            broken = priced(kind, **{name: D("NaN")})
            assert worth(broken, touch) is None and reach(broken, touch, share) is None
    assert reach(priced(TRAILING, side=SELL, stop_price=D("NaN")), touch, share) is None


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.ENTRY])
@pytest.mark.parametrize("kind", list(GOOD))
def test_exits_of_every_type_and_purpose_pass_with_nothing_known(kind: OrderType, purpose: Purpose) -> None:
    nothing = view(
        instrument=None, equity=None, day_pnl=None, drawdown_pct=None, bid=math.nan, ask=math.nan,
        last=math.nan, data_age_ns=None, clock_skew_ns=None, symbol_orders=-1, open_orders=-1,
        gross=D("NaN"), net=D("NaN"), blocked="yes", position=D(10),
        own_bid=D("Infinity"), own_ask=D(0), account="unknown",
    )  # fmt: skip
    assert codes(exit_(type=kind, purpose=purpose, **GOOD[kind]), nothing) == []
