"""The venue beside its fills: travel, waiting, waking, expiry, what it tells of itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.config import PaperConfig
from engine.events import NS, Fill, OrderEvent, OrderRequest, OrderState, OrderType, Purpose, Side
from engine.execution.paper import NOT_MODELLED, PaperVenue
from engine.instruments import Instruments
from tests.execution.paper.script import MS, SYMBOL, T0, Floor, known, told


def request(name: str = "a", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": name,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "quantity": Decimal(2),
        "purpose": Purpose.ENTRY,
        "reduce_only": False,
        "decision_ns": T0,
        "decision_price": 100.0,
    }
    return OrderRequest(**(fields | changes))


def tick(venue: PaperVenue, now_ns: int, quote_id: int, ask: float = 101.0, size: float = 5.0) -> list[str]:
    reports = venue.on_quote(SYMBOL, 99.0, 5.0, ask, size, 100.0, now_ns, quote_id)
    return [told(report) for report in reports]


@pytest.fixture
def instruments() -> Instruments:
    return known()


# --- travel ---


def fixed(**changes: Any) -> PaperConfig:
    times = {"entry_latency_ms": 20.0, "response_latency_ms": 5.0, "latency_jitter_ms": 0.0}
    return PaperConfig(**(times | changes))


def test_an_order_meets_the_market_at_its_arrival_and_the_report_travels_back(
    instruments: Instruments,
) -> None:
    venue = PaperVenue(fixed(), instruments)
    assert venue.submit(request(), T0) == [] and venue.wake_ns(SYMBOL) == T0 + 20 * MS
    assert tick(venue, T0 + 19 * MS, 1, ask=90.0) == [], "it was not there yet"
    assert tick(venue, T0 + 21 * MS, 2, ask=102.0) == [], "filled, and on its way back"
    assert venue.wake_ns(SYMBOL) == T0 + 25 * MS, "the acceptance at arrival opens the parcel"
    assert venue.due(T0 + 24 * MS) == []
    reports = venue.due(T0 + 25 * MS)
    assert [told(report) for report in reports] == ["a accepted", "a 2@102 t 0.204"]
    assert [report.ns for report in reports if not isinstance(report, str)] == [T0 + 20 * MS, T0 + 21 * MS]
    assert venue.wake_ns(SYMBOL) is None and venue.due_ns() is None


def test_the_feed_is_late_by_its_latency(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(feed_latency_ms=7.0), instruments)
    venue.submit(request(), T0)
    assert venue.wake_ns(SYMBOL) == T0 + 27 * MS, "the market at arrival is seen 7 ms later"
    assert tick(venue, T0 + 27 * MS, 1) == ["a accepted", "a 2@101 t 0.202"], "and its report is here by then"


def test_an_order_may_fill_before_its_cancel_arrives(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(response_latency_ms=0.0), instruments)
    venue.submit(request(), T0)
    assert venue.cancel("a", T0 + 10 * MS) == []
    assert tick(venue, T0 + 25 * MS, 1) == ["a accepted", "a 2@101 t 0.202"]
    assert [told(report) for report in venue.due(T0 + 30 * MS)] == ["a cancel_refused"]


def test_a_cancel_that_arrives_first_ends_the_order(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(response_latency_ms=0.0), instruments)
    venue.submit(request(), T0)
    venue.cancel("a", T0 + MS)
    assert tick(venue, T0 + 25 * MS, 1) == ["a accepted", "a canceled"]


def test_an_amendment_travels(instruments: Instruments) -> None:
    floor = Floor(entry_latency_ms=20.0)
    assert floor.play("buy a 2 limit@99; t 1; q 99x5 101x5; amend a p=101; q 98x5 99.5x5") == ["a accepted"]
    assert floor.play("t 0.02; q 98x5 99.5x5")[-2:] == ["a updated p=101", "a 2@99.5 t 0.199"]


def test_no_message_overtakes_the_order_it_is_about(instruments: Instruments) -> None:
    for seed in range(40):
        venue = PaperVenue(PaperConfig(entry_latency_ms=50.0, latency_jitter_ms=50.0, seed=seed), instruments)
        venue.submit(request(), T0)
        venue.cancel("a", T0 + 1)
        assert [told(report) for report in venue.due(T0 + NS)] == ["a accepted", "a canceled"]


def test_latency_is_drawn_from_seed_and_id_alone(instruments: Instruments) -> None:
    def arrivals(names: list[str], seed: int) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        venue = PaperVenue(PaperConfig(seed=seed), instruments)
        for name in names:
            venue.submit(request(name), T0)
            found[name] = venue.wake_ns(SYMBOL)
            venue.cancel(name, T0)
            venue.due(T0 + NS)
        return found

    names = [f"td-{n}" for n in range(50)]
    assert arrivals(names, 1) == arrivals(names[::-1], 1)
    assert arrivals(names, 1) != arrivals(names, 2)
    drawn = set(arrivals(names, 1).values())
    assert len(drawn) > 40 and all(ns is not None and 15 * MS <= ns - T0 <= 25 * MS for ns in drawn)


def test_latency_is_never_negative(instruments: Instruments) -> None:
    venue = PaperVenue(PaperConfig(entry_latency_ms=0.5, latency_jitter_ms=50.0), instruments)
    for n in range(30):
        venue.submit(request(f"td-{n}"), T0)
        wake = venue.wake_ns(SYMBOL)
        assert wake is not None and wake >= T0


def test_reports_of_a_symbol_come_in_the_order_of_what_happened(instruments: Instruments) -> None:
    venue = PaperVenue(PaperConfig(response_latency_ms=50.0, latency_jitter_ms=50.0), instruments)
    for n in range(20):
        venue.submit(request(f"td-{n}"), T0 + n * MS)
        tick(venue, T0 + n * MS, n)
    times = [report.ns for report in venue.due(T0 + NS)]
    assert times == sorted(times) and len(times) > 20


def test_a_list_arrives_together(instruments: Instruments) -> None:
    venue = PaperVenue(PaperConfig(), instruments)
    venue.submit_list([request("a"), request("b"), request("c")], T0)
    (wake,) = {venue.wake_ns(SYMBOL)}
    assert wake is not None
    reports = venue.due(wake + 10 * MS)
    assert [told(report) for report in reports] == ["a accepted", "b accepted", "c accepted"]


# --- waiting and waking ---


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("buy a 2 limit@99; q 99x5 101x5", "limit 99, 5 ahead in the queue"),
        ("buy a 2 limit@99; q 99x5 101x5; p 99x1.5 -", "limit 99, 3.5 ahead in the queue"),
        ("buy a 2 limit@100; q 99x5 101x5", "limit 100, first in the queue"),
        (
            "buy a 2 limit@98; q 99x5 101x5",
            "limit 98, its place in the queue is unknown: waits for a trade through it",
        ),
        ("buy a 2 market", "waits for market data"),
        ("buy a 2 market; q 99x5 101x5 old", "the quote is stale"),
        ("buy a 2 limit@99; q 99x5 101x5; q 99x5 101x5 old", "the quote is stale"),
        ("buy a 2 stop@105; q 99x5 101x5; q 99x5 101x5 old", "the quote is stale"),
        ("buy a 2 market; q 99x5 101x0", "no size left in the quote: waits for a fresh one"),
        ("buy a 2 market; q 99x5 -", "no price to buy at in the quote"),
        ("sell a 2 market; q - 101x5", "no price to sell at in the quote"),
        ("buy a 7 market; q 99x5 101x5", "2 left: no size left in the quote: waits for a fresh one"),
        ("buy a 2 stop@105; q 99x5 101x5", "no last trade to judge it by"),
        ("buy a 2 stop@105; p 100x1; q 99x5 101x5", "stop 105 on the last trade"),
        ("buy a 2 stop@105 limit@106 from=quote; q 99x5 101x5", "stop limit 105 on the quote"),
        ("buy a 2 take@95 from=mark; q 99x5 101x5", "take profit 95 on the mid"),
        ("sell a 2 trail@1 from=quote; q 100.1x5 101x5", "trails at 99.1 on the quote"),
        ("sell a 2 trail@1 from=quote", "trails by 1: waits for market data"),
        ("buy a 2 limit@99; q - -", "waits for market data"),
        ("list [buy p 2 limit@98 & sell a 2 stop@95 parent=p]; q 99x5 101x5", "held until p fills"),
    ],
)
def test_an_order_says_why_it_waits(steps: str, why: str) -> None:
    floor = Floor()
    floor.play(steps)
    assert floor.venue.waiting()["a"] == why


def test_an_order_on_its_way_says_so(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(), instruments)
    venue.submit(request(), T0)
    assert venue.waiting() == {"a": "on its way to the venue"}


def test_what_rests_is_woken_by_every_tick_and_what_is_held_by_none() -> None:
    floor = Floor()
    floor.play("list [buy p 2 limit@98 & sell s 2 stop@95 parent=p]; q 99x5 101x5; t 5")
    wake = floor.venue.wake_ns(SYMBOL)
    assert wake is not None and wake <= floor.now - 5 * NS
    floor.play("cancel p")
    assert floor.venue.wake_ns(SYMBOL) is None and floor.venue.waiting() == {}
    assert floor.venue.on_quote(SYMBOL, 1.0, 1.0, 2.0, 1.0, 1.0, floor.now, 9) == []


def test_the_clock_is_told_of_expiries_and_lapses(instruments: Instruments) -> None:
    floor = Floor(order_ttl_s=4.0)
    floor.play("buy a 2 market")
    assert floor.venue.due_ns() == floor.now + 4 * NS
    floor.play("buy b 2 limit@98 gtd=2")
    assert floor.venue.due_ns() == T0 + 2 * NS


def test_what_was_given_up_says_why() -> None:
    floor = Floor()
    floor.play("buy a 2 market; t 10; buy b 2 market; q 99x5 101x0; t 10")
    reasons = [
        r.reason for r in floor.reports if isinstance(r, OrderEvent) and r.state is OrderState.CANCELED
    ]
    assert reasons == [
        "no liquidity for 10 s: waits for market data",
        "no liquidity for 10 s: no size left in the quote: waits for a fresh one",
    ]


def test_a_remainder_may_be_canceled_instead() -> None:
    floor = Floor(market_remainder="cancel")
    assert floor.play("buy a 7 market; q 99x5 101x5") == ["a accepted", "a 5@101 t 0.505", "a canceled"]
    assert Floor(market_remainder="cancel").play("buy a 7 market; p 100x3")[-2:] == [
        "a 3@100 t 0.3",
        "a canceled",
    ]


# --- what cannot be executed ---


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "sim:NONE-USD"}, "UNKNOWN_SYMBOL"),
        ({"quantity": Decimal(0)}, "BAD_QUANTITY"),
        ({"quantity": Decimal(-1)}, "BAD_QUANTITY"),
        ({"quantity": Decimal("NaN")}, "BAD_QUANTITY"),
        ({"quantity": Decimal("1.0005")}, "BAD_QUANTITY"),
        ({"type": OrderType.LIMIT}, "BAD_PRICE"),
        ({"type": OrderType.LIMIT, "price": Decimal("1.001")}, "BAD_PRICE"),
        ({"type": OrderType.LIMIT, "price": Decimal("Infinity")}, "BAD_PRICE"),
        ({"type": OrderType.STOP}, "BAD_PRICE"),
        ({"type": OrderType.STOP_LIMIT, "price": Decimal(1)}, "BAD_PRICE"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(1)}, "BAD_PRICE"),
        ({"type": OrderType.TAKE_PROFIT}, "BAD_PRICE"),
        ({"type": OrderType.TRAILING_STOP}, "BAD_PRICE"),
        ({"type": OrderType.TRAILING_STOP, "trail": Decimal(0)}, "BAD_PRICE"),
    ],
)
def test_impossible_orders_are_rejected(changes: dict[str, Any], code: str, instruments: Instruments) -> None:
    floor = Floor()
    floor.take(floor.venue.submit(request(**changes), T0))
    (rejected,) = floor.reports
    assert isinstance(rejected, OrderEvent) and rejected.state is OrderState.REJECTED
    assert rejected.reason.startswith(code)
    assert floor.venue.waiting() == {} and floor.venue.wake_ns(SYMBOL) is None
    assert floor.venue.submit(request(**changes), T0) == [], "it is known"


def test_a_list_across_symbols_is_refused_where_it_is_linked(instruments: Instruments) -> None:
    floor = Floor()
    child = request("s", symbol="sim:ETH-USD", parent_id="p")
    floor.take(floor.venue.submit_list([request("p"), child, request("x", symbol="sim:ETH-USD")], T0))
    assert [told(report) for report in floor.reports] == ["p accepted", "s canceled", "x accepted"]


def test_an_id_is_taken_once() -> None:
    floor = Floor()
    assert floor.play("buy a 2 market; buy a 2 market; q 99x5 101x5; buy a 2 market; q 99x5 101x5") == [
        "a accepted",
        "a 2@101 t 0.202",
    ]


# --- fees, books ---


def test_fees_are_rounded_half_even_to_eight_places_and_in_the_quote_currency() -> None:
    floor = Floor(taker_fee_bps=7.5, maker_fee_bps=-0.25)
    floor.play(
        "buy a 0.123 market; q 99x5 12345.67x5; buy b 0.123 limit@120.11; q 119x5 12345.67x5; p 120x9 -"
    )
    taker, maker = (report for report in floor.reports if isinstance(report, Fill))
    assert (taker.fee, taker.currency) == (Decimal("1.13888806"), "USD")  # 1.1388880575
    assert maker.fee == Decimal("-0.00036934"), "a rebate"  # 0.123 x 120.11 x -0.000025 = -0.00036933825


def test_the_account_is_what_was_told() -> None:
    floor = Floor(response_latency_ms=5.0)
    floor.play("buy a 2 market; q 99x5 101x5")
    view = floor.venue.account(floor.now)
    assert view.fills == () and view.positions == {} and view.orders[0].state is OrderState.SUBMITTED
    floor.play("t 1; sell b 3 limit@100; q 99x5 101x5")
    floor.play("t 1; amend b q=2.5; t 1")
    view = floor.venue.account(floor.now)
    assert view.positions == {SYMBOL: Decimal(2)} and view.cash == {"USD": Decimal("-202.202")}
    assert [(o.client_order_id, o.quantity, o.filled, o.state.value) for o in view.orders] == [
        ("b", Decimal("2.5"), Decimal(0), "accepted"),
        ("a", Decimal(2), Decimal(2), "filled"),
    ]
    assert [fill.trade_id for fill in view.fills] == [
        r.trade_id for r in floor.reports if isinstance(r, Fill)
    ]


def test_starting_cash_is_in_the_account() -> None:
    venue = PaperVenue(PaperConfig(), known(), cash={"USD": Decimal(1000)})
    assert venue.account(T0).cash == {"USD": Decimal(1000)}


def test_what_is_not_modelled_is_said() -> None:
    text = "\n".join(NOT_MODELLED)
    assert "market impact" in text and "information leakage" in text
    assert all("\n" not in line and line for line in NOT_MODELLED)


# --- brackets ---


def bracket() -> tuple[OrderRequest, OrderRequest, OrderRequest]:
    child = {"side": Side.SELL, "reduce_only": True, "parent_id": "p"}
    stop = {"type": OrderType.STOP, "stop_price": Decimal(90), "siblings": ("g",)}
    target = {"type": OrderType.LIMIT, "price": Decimal(110), "siblings": ("s",)}
    return (
        request("p", type=OrderType.LIMIT, price=Decimal(101)),
        request("s", **child, **stop),
        request("g", **child, **target),
    )


def test_an_entry_whose_exits_ended_for_want_of_a_position_goes_no_further() -> None:
    venue = PaperVenue(PaperConfig(entry_latency_ms=0, response_latency_ms=0, latency_jitter_ms=0), known())
    venue.submit_list(bracket(), T0)
    tick(venue, T0 + MS, 1, size=0.5)
    assert set(venue.waiting()) == {"p", "s", "g"}
    # Something else closes what the parent has filled so far.
    sell = request("x", side=Side.SELL, reduce_only=True, quantity=Decimal("0.5"))
    reports = venue.submit(sell, T0 + 2 * MS) + venue.on_quote(
        SYMBOL, 99.0, 5.0, 102.0, 5.0, 100.0, T0 + 3 * MS, 2
    )
    ends = [one.client_order_id for one in reports if isinstance(one, OrderEvent) and one.state.terminal]
    assert set(ends) == {"s", "g", "p"} and not venue.waiting()
    assert tick(venue, T0 + 4 * MS, 3) == [], "and no more of it is bought without protection"


def test_a_held_child_is_canceled_at_once_and_alone(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(), instruments)
    venue.submit_list(bracket(), T0)
    assert [told(one) for one in venue.cancel("s", T0 + MS)] == ["s canceled"], "on its way"
    venue.due(T0 + 30 * MS)
    assert [told(one) for one in venue.cancel("g", T0 + 30 * MS)] == ["g canceled"], "held at the venue"
    assert set(venue.waiting()) == {"p"}
    assert {order.client_order_id: order.state for order in venue.account(T0 + 30 * MS).orders} == {
        "p": OrderState.ACCEPTED,
        "s": OrderState.CANCELED,
        "g": OrderState.CANCELED,
    }


def test_a_child_that_was_released_is_canceled_by_a_message(instruments: Instruments) -> None:
    venue = PaperVenue(fixed(), instruments)
    venue.submit_list(bracket(), T0)
    tick(venue, T0 + 21 * MS, 1)
    assert venue.cancel("s", T0 + 22 * MS) == [], "the desk does not know yet that it works"
    reports = [told(one) for one in venue.due(T0 + 60 * MS)]
    assert "s submitted" in reports and "s canceled" in reports
