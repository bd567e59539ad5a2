"""The paper venue: arrival, displayed size, partial fills, waiting, expiry, fees, determinism."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import PaperConfig
from engine.events import NS, Fill, OrderEvent, OrderRequest, OrderState, OrderType, Purpose, Side
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.paper import PaperVenue
from engine.instruments import Instruments
from tests.execution.conftest import SYMBOL, T0

Make = Callable[..., OrderRequest]
MS = 1_000_000
LATER = T0 + NS


def quote(
    venue: PaperVenue, now_ns: int = LATER, quote_id: int = 1, symbol: str = SYMBOL, **changes: Any
) -> list[Report]:
    sides = {"bid": 99.99, "bid_size": 5.0, "ask": 100.01, "ask_size": 5.0, "last": 100.0} | changes
    return venue.on_quote(symbol, **sides, now_ns=now_ns, quote_id=quote_id)


def fills(reports: Sequence[Report]) -> list[Fill]:
    return [report for report in reports if isinstance(report, Fill)]


def states(reports: Sequence[Report]) -> list[str]:
    return [report.state.value if isinstance(report, OrderEvent) else "fill" for report in reports]


@pytest.fixture
def venue(instruments: Instruments) -> PaperVenue:
    return PaperVenue(PaperConfig(), instruments)


def test_order_is_accepted_at_arrival_and_filled_at_the_touch(venue: PaperVenue, request_: Make) -> None:
    assert venue.submit(request_(), T0) == []
    arrival = venue.wake_ns(SYMBOL)
    assert arrival is not None and T0 + 15 * MS <= arrival <= T0 + 25 * MS
    assert quote(venue, arrival - 1) == []
    assert venue.waiting() == {"td-1": "on its way to the venue"}
    reports = quote(venue, arrival, quote_id=2)
    assert states(reports) == ["accepted", "fill"]
    (fill,) = fills(reports)
    assert (fill.price, fill.quantity, fill.side, fill.ns) == (
        Decimal("100.01"),
        Decimal(1),
        Side.BUY,
        arrival,
    )
    assert fill.fee == Decimal("0.10001000")  # 100.01 x 10 bps
    assert venue.wake_ns(SYMBOL) is None and venue.waiting() == {}


def test_sell_takes_the_bid(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(side=Side.SELL), T0)
    (fill,) = fills(quote(venue))
    assert (fill.price, fill.side) == (Decimal("99.99"), Side.SELL)


def test_fee_is_exact_and_rounded_to_eight_places(instruments: Instruments, request_: Make) -> None:
    venue = PaperVenue(PaperConfig(taker_fee_bps=7.5), instruments)
    venue.submit(request_(quantity=Decimal("0.123")), T0)
    (fill,) = fills(quote(venue, ask=12345.67))
    assert fill.fee == Decimal("1.13888806")  # 0.123 x 12345.67 x 0.00075 = 1.1388880575


def test_a_quote_fills_at_most_its_size_and_is_not_taken_twice(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(quantity=Decimal(7)), T0)
    assert [f.quantity for f in fills(quote(venue, quote_id=1))] == [Decimal(5)]
    assert fills(quote(venue, quote_id=1)) == []
    assert "waits for a fresh one" in venue.waiting()["td-1"]
    assert [f.quantity for f in fills(quote(venue, quote_id=2))] == [Decimal(2)]
    assert venue.waiting() == {}


def test_two_orders_share_one_size_in_order_of_arrival(instruments: Instruments, request_: Make) -> None:
    venue = PaperVenue(PaperConfig(latency_jitter_ms=0.0), instruments)
    venue.submit(request_("td-1", quantity=Decimal(4)), T0)
    venue.submit(request_("td-2", quantity=Decimal(4)), T0)
    made = [(f.client_order_id, f.quantity) for f in fills(quote(venue))]
    assert made == [("td-1", Decimal(4)), ("td-2", Decimal(1))]


def test_sides_have_sizes_of_their_own(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_("td-1", quantity=Decimal(5)), T0)
    venue.submit(request_("td-2", quantity=Decimal(5), side=Side.SELL), T0)
    assert sorted(f.side for f in fills(quote(venue))) == [Side.BUY, Side.SELL]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ask_size": math.nan}, "no size"),
        ({"ask_size": 0.0}, "no size"),
        ({"ask_size": 0.0004}, "no size"),  # below one lot
        ({"ask": math.nan}, "no price"),
        ({"ask": 0.0}, "no price"),
        ({"ask": math.inf}, "no price"),
        ({"ask": 0.001}, "no price"),  # below one tick
    ],
)
def test_what_is_not_displayed_does_not_fill(
    changes: dict[str, float], why: str, venue: PaperVenue, request_: Make
) -> None:
    venue.submit(request_(), T0)
    assert states(quote(venue, **changes)) == ["accepted"]
    assert why in venue.waiting()["td-1"]
    assert venue.wake_ns(SYMBOL) is not None
    assert len(fills(quote(venue, quote_id=2))) == 1


def test_stale_quotes_do_not_fill(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(), T0)
    reports = venue.on_quote(SYMBOL, 99.0, 5.0, 100.0, 5.0, 99.5, LATER, 1, stale=True)
    assert states(reports) == ["accepted"]
    assert venue.waiting() == {"td-1": "the quote is stale"}


def test_order_without_liquidity_is_canceled_and_says_why(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(), T0)
    arrival = venue.wake_ns(SYMBOL)
    assert arrival is not None
    assert venue.expire(arrival - 1) == []
    assert states(venue.expire(arrival + 10 * NS - 1)) == ["accepted"]
    (canceled,) = venue.expire(arrival + 10 * NS)
    assert isinstance(canceled, OrderEvent) and canceled.state is OrderState.CANCELED
    assert canceled.reason == "no liquidity for 10 s: waits for market data"
    assert venue.waiting() == {} and fills(quote(venue, arrival + 11 * NS)) == []


def test_a_partial_fill_renews_the_time_to_live(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(quantity=Decimal(7)), T0)
    quote(venue, T0 + 8 * NS)
    assert venue.expire(T0 + 12 * NS) == []
    assert states(venue.expire(T0 + 18 * NS)) == ["canceled"]


def test_cancel_ends_an_order_once(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(), T0)
    assert states(venue.cancel("td-1", T0 + 1)) == ["canceled"]
    assert venue.cancel("td-1", T0 + 2) == [] and venue.cancel("td-none", T0) == []
    assert quote(venue) == [] and venue.wake_ns(SYMBOL) is None


def test_submitting_an_id_again_changes_nothing(venue: PaperVenue, request_: Make) -> None:
    venue.submit(request_(), T0)
    venue.submit(request_(), T0)
    assert len(fills(quote(venue))) == 1
    assert venue.submit(request_(), LATER) == [] and venue.waiting() == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "sim:NONE-USD"}, "UNKNOWN_SYMBOL"),
        ({"quantity": Decimal(0)}, "BAD_QUANTITY"),
        ({"quantity": Decimal("NaN")}, "BAD_QUANTITY"),
    ],
)
def test_impossible_orders_are_rejected(
    changes: dict[str, Any], reason: str, venue: PaperVenue, request_: Make
) -> None:
    (rejected,) = venue.submit(request_(**changes), T0)
    assert isinstance(rejected, OrderEvent)
    assert rejected.state is OrderState.REJECTED and rejected.reason.startswith(reason)


@pytest.mark.parametrize("first", Side)
def test_prints_fill_symbols_without_quotes(first: Side, instruments: Instruments, request_: Make) -> None:
    venue = PaperVenue(PaperConfig(latency_jitter_ms=0.0), instruments)
    venue.submit(request_("td-1", quantity=Decimal(3), side=first), T0)
    venue.submit(request_("td-2", quantity=Decimal(3), side=first.opposite), T0)
    reports = venue.on_trade(SYMBOL, 100.5, 4.0, LATER)
    assert [f.quantity for f in fills(reports)] == [3, 1], "one print is one size, whoever takes it"
    assert {f.price for f in fills(reports)} == {Decimal("100.50")}
    assert sum(f.quantity for f in fills(venue.on_trade(SYMBOL, 101.0, 4.0, LATER))) == 2
    assert venue.waiting() == {}


def test_latency_depends_on_seed_and_id_alone(instruments: Instruments, request_: Make) -> None:
    def arrivals(order: Sequence[str], seed: int) -> dict[str, int | None]:
        venue, found = PaperVenue(PaperConfig(seed=seed), instruments), {}
        for name in order:
            venue.submit(request_(name), T0)
            found[name] = venue.wake_ns(SYMBOL)
            venue.cancel(name, T0)
        return found

    names = [f"td-{n}" for n in range(50)]
    assert arrivals(names, 1) == arrivals(names[::-1], 1)
    assert arrivals(names, 1) != arrivals(names, 2)
    assert len(set(arrivals(names, 1).values())) > 40


def test_latency_is_never_negative_nor_before_the_submission(
    instruments: Instruments, request_: Make
) -> None:
    venue = PaperVenue(PaperConfig(entry_latency_ms=0.0, latency_jitter_ms=50.0), instruments)
    for n in range(30):
        venue.submit(request_(f"td-{n}"), T0 + 7)
        arrival = venue.wake_ns(SYMBOL)
        assert arrival is not None and arrival >= T0 + 7
        venue.cancel(f"td-{n}", T0)


step = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 3000)),
    st.tuples(st.just("quote"), st.integers(0, 4000), st.integers(0, 4000)),
    st.tuples(st.just("again"), st.just(0), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("expire"), st.integers(0, 6), st.just(0)),
)


def run(steps: Sequence[tuple[Any, ...]], instruments: Instruments) -> tuple[list[Report], Blotter]:
    """Play the steps; check after each that no quote gives more than it displays."""
    venue, blotter, journal = PaperVenue(PaperConfig(order_ttl_s=5.0), instruments), Blotter(), []
    now, orders, quote_id = T0, 0, 0
    shown = {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}
    taken: Counter[Side] = Counter()

    def take(reports: list[Report]) -> None:
        for report in reports:
            blotter.apply(report)
            journal.append(report)
            if isinstance(report, Fill):
                taken[report.side] += report.quantity  # type: ignore[assignment]
                assert taken[report.side] <= shown[report.side]

    for kind, a, b in steps:
        now += 13 * MS
        if kind == "submit":
            orders += 1
            request = OrderRequest(
                f"td-{orders}",
                SYMBOL,
                a,
                OrderType.MARKET,
                Decimal(b).scaleb(-3),
                Purpose.ENTRY,
                False,
                now,
                100.0,
            )
            blotter.apply(
                OrderEvent(request.client_order_id, SYMBOL, OrderState.INITIALIZED, "", now, request)
            )
            blotter.apply(OrderEvent(request.client_order_id, SYMBOL, OrderState.SUBMITTED, "", now))
            take(venue.submit(request, now))
        elif kind == "quote":
            quote_id += 1
            shown = {Side.BUY: Decimal(a).scaleb(-3), Side.SELL: Decimal(b).scaleb(-3)}
            taken.clear()
            take(quote(venue, now, quote_id, ask_size=a / 1000, bid_size=b / 1000))
        elif kind == "again" and quote_id:
            sizes = {"ask_size": float(shown[Side.BUY]), "bid_size": float(shown[Side.SELL])}
            take(quote(venue, now, quote_id, **sizes))
        elif kind == "cancel":
            take(venue.cancel(f"td-{a}", now))
        elif kind == "expire":
            now += a * NS
            take(venue.expire(now))
        assert set(venue.waiting()) == {order.client_order_id for order in blotter.open_orders()}
        assert all(venue.waiting().values()), "an order that waits says why"
    return journal, blotter


@settings(max_examples=120, deadline=None)
@given(st.lists(step, min_size=5, max_size=60))
def test_liquidity_is_consumed_and_every_report_is_legal(steps: list[tuple[Any, ...]]) -> None:
    known = Instruments()
    known.add(SYMBOL, tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))
    journal, blotter = run(steps, known)
    made = fills(journal)
    assert len({fill.trade_id for fill in made}) == len(made)
    for order in blotter.recent(100):
        mine = [fill for fill in made if fill.client_order_id == order.client_order_id]
        assert order.filled == sum((fill.quantity for fill in mine), Decimal(0)) <= order.request.quantity
    assert run(steps, known)[0] == journal, "the same calls give the same reports"
