"""Orders of every kind on their way: lists, amendments, cancels, late and impossible reports, a restart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from engine.api.trading_protocol import AmendPatch, OrderTicket
from engine.errors import OrderError
from engine.events import (
    NS,
    Alert,
    Amendment,
    ChangeKind,
    Fill,
    Funding,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Pending,
    Purpose,
    RiskChange,
    RiskState,
    Side,
    Verdict,
)
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.wiring.desk import Desk
from engine.wiring.tickets import Tickets
from tests.wiring.conftest import START_NS, Bench, calm, quote
from tests.wiring.test_trading import A, Market, opened

B = "sim:BBB-USD"
SLOW = ("paper.entry_latency_ms=0", "paper.latency_jitter_ms=0", "paper.response_latency_ms=0")
"""Without latency an answer comes with its question."""


class Broker:
    """A gateway that answers nothing by itself; ``asked`` keeps what it was asked."""

    name = "broker"
    clamps = False

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        self.asked.append(("submit", request.client_order_id))
        return []

    def submit_list(self, requests: Sequence[OrderRequest], now_ns: int) -> list[Report]:
        self.asked += [("submit", request.client_order_id) for request in requests]
        return []

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        self.asked.append(("amend", client_order_id))
        return []

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        self.asked.append(("cancel", client_order_id))
        return []

    def waiting(self) -> dict[str, str]:
        return {}


def requests(desk: Desk, **ticket: object) -> list[OrderRequest]:
    given = {"symbol": A, "side": "buy", **ticket}
    return Tickets(desk).requests(msgspec.convert(given, OrderTicket), "me")


def place(desk: Desk, **ticket: object) -> list[Verdict]:
    made = requests(desk, **ticket)
    if len(made) == 1:
        instrument = desk.instruments.get(A)
        assert instrument is not None
        return [desk.trading.submit(made[0], instrument)]
    return desk.trading.submit_list(made)


@pytest.mark.parametrize("name", ["AAA-USD", "aaa-usd", "AAA/USD", "aaausd", "aaa_usd"])
def test_an_order_may_name_its_symbol_in_any_spelling(name: str) -> None:
    assert requests(Market().desk, symbol=name, quantity="1")[0].symbol == A


def the_order(market: Market, n: int = -1) -> Order:
    order = market.desk.trading.blotter.recent(100)[::-1][n]
    return order


def changes(market: Market) -> list[str]:
    return [event.kind.value for event in market.bench.journal if isinstance(event, OrderChange)]


def resting(market: Market, price: str = "99.5") -> Order:
    (verdict,) = place(market.desk, type="limit", quantity="1", price=price)
    assert verdict.approved, verdict
    market.bench.release()
    market.tick()
    market.bench.release()
    return the_order(market)


def test_a_cancel_that_was_refused_is_asked_for_no_second_time() -> None:
    """What else the venue told with it made a cancel of it that no venue was asked for, and none answered."""
    market, broker = Market(hold=True), Broker()
    market.tick()
    market.desk.trading.add_gateway(broker, [A])
    place(market.desk, type="limit", quantity="1", price="99.5")
    market.bench.release()
    order, now = the_order(market), market.desk.now_ns
    market.desk.trading.cancel(order.client_order_id, "me")
    market.bench.release()
    changed = Amendment(quantity=Decimal("0.9"))
    market.desk.trading.take(
        [
            OrderChange(order.client_order_id, A, ChangeKind.UPDATED, "at the venue", now, changed),
            OrderChange(order.client_order_id, A, ChangeKind.CANCEL_REFUSED, "too late", now),
        ]
    )
    market.bench.release()
    assert changes(market) == ["cancel_asked", "updated", "cancel_refused"]
    assert order.pending is Pending.NONE
    market.desk.trading.cancel(order.client_order_id, "once more")
    assert [what for what, _ in broker.asked] == ["submit", "cancel", "cancel"]


# --- lists --------------------------------------------------------------------------------------------


def test_a_bracket_is_one_commit_and_its_children_wait_for_its_fills() -> None:
    market = Market()
    verdicts = place(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    assert [verdict.approved for verdict in verdicts] == [True] * 3
    events = [event for event in market.bench.journal if isinstance(event, OrderEvent)][:6]
    assert [event.state.value for event in events] == [
        *("initialized", "submitted", "initialized", "held", "initialized", "held"),
    ]
    assert all(event.verdict is not None for event in events[1::2])
    for _ in range(3):
        market.tick()
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    assert parent.state is OrderState.FILLED and market.held == 10
    assert {stop.state, target.state} == {OrderState.ACCEPTED}
    for _ in range(3):
        market.tick(101.6)
    assert market.held == 0 and target.state is OrderState.FILLED
    assert stop.state is OrderState.CANCELED and not market.desk.trading.work.count()


def test_a_denied_leg_denies_the_list_and_nothing_leaves() -> None:
    market = Market()
    made = requests(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    made[0] = msgspec.structs.replace(made[0], quantity=Decimal(10_000))
    verdicts = market.desk.trading.submit_list(made)
    assert not any(verdict.approved for verdict in verdicts)
    assert {verdict.code for verdict in verdicts[1:]} <= {"LIST_DENIED", "BAD_LEG", "NOT_REDUCING"}
    assert {order.state for order in market.desk.trading.blotter} == {OrderState.DENIED}
    assert not market.desk.trading.paper.waiting() and not market.desk.trading.work.count()


def test_a_list_is_refused_whole_for_an_id_that_was_used() -> None:
    market = Market()
    made = requests(market.desk, quantity="1", stop_loss="99", token="t")
    market.desk.trading.submit_list(made)
    before = len(market.bench.journal)
    with pytest.raises(OrderError, match="was sent before"):
        market.desk.trading.submit_list(made)
    assert len(market.bench.journal) == before


def test_another_ticket_under_a_token_is_not_answered_as_the_first() -> None:
    market = Market()
    market.tick()
    market.desk.intake.add_symbol(B, 50.0)
    given = {"symbol": A, "side": "buy", "quantity": "1.0", "stop_loss": "99", "token": "t"}
    made = requests(market.desk, **given)
    market.desk.trading.submit_list(made)
    tickets = Tickets(market.desk)
    again = msgspec.convert(given | {"quantity": "1", "stop_loss": "99.00"}, OrderTicket)
    assert tickets.placed(again) == [request.client_order_id for request in made]
    of_money = msgspec.convert(
        {k: v for k, v in given.items() if k != "quantity"} | {"notional": "100"}, OrderTicket
    )
    assert tickets.placed(of_money) == [request.client_order_id for request in made]
    changes: list[dict[str, object]] = [
        *({"side": "sell"}, {"quantity": "2"}, {"symbol": B}, {"type": "limit", "price": "100"}),
        *({"stop_loss": "98"}, {"stop_loss": None}, {"take_profit": "102"}, {"time_in_force": "ioc"}),
    ]
    for change in changes:
        with pytest.raises(OrderError, match=r"was used for another order, buy 1 \S+ at market: take a new"):
            tickets.placed(msgspec.convert(given | change, OrderTicket))
    assert tickets.placed(msgspec.convert(given | {"token": "u"}, OrderTicket)) == []


def test_a_preview_counts_nothing_and_sends_nothing() -> None:
    market = Market()
    market.tick()
    tickets = Tickets(market.desk)
    made = requests(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    preview = tickets.preview(made)
    assert preview.approved and len(preview.verdicts) == 3
    assert (preview.quantity, preview.position_after) == ("10", "10")
    assert preview.price == "100.01" and preview.notional == "1000.10" and preview.fee == "1.00"
    assert preview.cash_after == "98998.90"
    assert (preview.loss, preview.gain) == ("-10.10", "14.90")
    plain = tickets.preview(requests(market.desk, side="sell", quantity="10", stop_loss="101"))
    assert (plain.loss, plain.gain) == ("-10.10", "")
    assert not market.bench.journal and not market.desk.trading.work.count()
    assert tickets.preview(made).approved


# --- amendments ---------------------------------------------------------------------------------------


def test_an_amendment_leaves_when_it_is_durable() -> None:
    market = Market(hold=True, overrides=SLOW)
    order = resting(market)
    verdict = market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.4")), "me")
    assert verdict.approved and changes(market) == ["update_asked"]
    assert order.pending is Pending.NONE and order.price == Decimal("99.5")
    with pytest.raises(OrderError, match="update is on its way"):
        market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.3")), "me")
    market.bench.release()
    market.tick()
    market.bench.release()
    assert changes(market) == ["update_asked", "updated"] and order.price == Decimal("99.4")
    assert order.pending is Pending.NONE


def test_an_amendment_is_judged_like_an_order() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    verdict = market.desk.trading.amend(order.client_order_id, Amendment(quantity=Decimal(10_000)), "me")
    assert not verdict.approved and changes(market) == []
    assert market.desk.trading.denied[verdict.code] == 1
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    with pytest.raises(OrderError):  # the halt has canceled it
        market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.4")), "me")


def test_an_entry_s_price_stays_on_its_side_of_its_bracket() -> None:
    """A fill beyond its own stop would be stopped at once."""
    market = Market(overrides=SLOW)
    trading = market.desk.trading
    place(market.desk, type="limit", quantity="1", price="99", stop_loss="98.5", take_profit="101")
    entry, stop, _ = trading.blotter.recent(3)[::-1]
    market.tick()
    market.tick()

    def amend(**fields: str) -> None:
        changed = Amendment(**{name: Decimal(text) for name, text in fields.items()})
        assert trading.amend(entry.client_order_id, changed, "me").approved
        market.tick()
        market.tick()

    for price in ("98.5", "98.2"):
        with pytest.raises(OrderError, match=rf"^stop_loss 98\.50? of a buy has to be below {price}"):
            amend(price=price)
    amend(price="98.6")
    amend(quantity="2")
    trading.cancel(stop.client_order_id, "me")
    market.tick()
    amend(price="98.2")
    assert entry.price == Decimal("98.2")


def test_a_growing_order_counts_as_what_it_was_approved_to_be() -> None:
    """Until the venue has answered, too: two orders may not each grow into the same room."""
    market = Market(hold=True, overrides=(*SLOW, "risk.max_order_notional_pct=15", "risk.max_net_pct=20"))
    trading = market.desk.trading
    first, second = resting(market), resting(market, "99.4")
    assert trading.amend(first.client_order_id, Amendment(quantity=Decimal(130)), "me").approved
    grow = Amendment(quantity=Decimal(120))
    assert first.quantity == 1
    verdict = trading.amend(second.client_order_id, grow, "me")
    assert not verdict.approved and verdict.code in ("POSITION_LIMIT", "NET_LIMIT"), verdict
    for _ in range(3):
        market.tick()
        market.bench.release()
    assert first.quantity == 130 and not trading.work.asked
    assert trading.amend(first.client_order_id, Amendment(quantity=Decimal(2)), "me").approved
    verdict = trading.amend(second.client_order_id, grow, "me")
    assert not verdict.approved, "what is to become smaller is not so yet"
    for _ in range(3):
        market.bench.release()
        market.tick()
    assert trading.amend(second.client_order_id, grow, "me").approved


def test_what_a_broker_was_asked_to_make_of_an_order_counts_after_a_restart_too() -> None:
    market, broker = routed()
    place(market.desk, type="limit", quantity="1", price="99.5")
    order = the_order(market)
    market.desk.trading.take([OrderEvent(order.client_order_id, A, OrderState.ACCEPTED, "", 1)])
    assert market.desk.trading.amend(order.client_order_id, Amendment(quantity=Decimal(30)), "me").approved
    assert broker.asked[-1] == ("amend", order.client_order_id)
    again = restarted(market)
    asked = again.desk.trading.work.asked
    assert asked == {order.client_order_id: Amendment(quantity=Decimal(30))}


def test_an_amendment_is_not_counted_beside_the_order_that_it_changes() -> None:
    market = Market()
    trading = market.desk.trading
    trading._flow.views.budget_pct = lambda strategy: 2.0
    (made,) = requests(market.desk, type="limit", quantity="12", price="99.5")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None
    assert trading.submit(msgspec.structs.replace(made, sources=("trend",)), instrument).approved
    verdict = trading.amend(made.client_order_id, Amendment(quantity=Decimal(15)), "me")
    assert verdict.approved, verdict.detail


def test_an_id_that_was_denied_is_used_and_said_to_be() -> None:
    market = Market(overrides=("risk.max_order_notional_pct=1",))
    (made,) = requests(market.desk, type="limit", quantity="15", price="99.5")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None
    assert not market.desk.trading.submit(made, instrument).approved
    smaller = msgspec.structs.replace(made, quantity=Decimal(1))
    verdict = market.desk.trading.submit(smaller, instrument)
    assert (verdict.approved, verdict.code) == (False, "DUPLICATE_ID"), "nothing would leave"
    assert len(market.desk.trading.blotter) == 1


@pytest.mark.parametrize("patch", [AmendPatch(price="abc"), AmendPatch(quantity="NaN")])
def test_an_amendment_that_is_no_number(patch: AmendPatch) -> None:
    with pytest.raises(OrderError, match="is no number"):
        Tickets(Market().desk).amendment(patch)


# --- cancels ------------------------------------------------------------------------------------------


def test_a_cancel_waits_for_no_disk() -> None:
    market = Market(hold=True, overrides=SLOW)
    order = resting(market)
    market.desk.trading.cancel(order.client_order_id, "me")
    assert not market.desk.trading.paper.waiting(), "the venue was asked at once"
    assert order.state is OrderState.ACCEPTED, "shown when it is durable"
    market.bench.release()
    assert order.state is OrderState.CANCELED and changes(market) == ["cancel_asked"]
    with pytest.raises(OrderError, match="nothing is left to cancel"):
        market.desk.trading.cancel(order.client_order_id, "me")


def test_an_order_that_is_canceled_before_it_is_durable_never_leaves() -> None:
    market = Market(hold=True)
    place(market.desk, type="limit", quantity="1", price="99.5")
    (identity,) = market.desk.trading.cancel_all(None, "changed my mind")
    market.bench.release()
    order = market.desk.trading.blotter.get(identity)
    assert order is not None and order.state is OrderState.CANCELED and order.reason == "changed my mind"
    assert not market.desk.trading.paper.waiting()


def test_a_cancel_that_comes_too_late_is_no_contradiction() -> None:
    market = Market(hold=True, overrides=("paper.response_latency_ms=300", "paper.entry_latency_ms=0"))
    order = resting(market, "99.99")
    for _ in range(3):
        market.tick()
        market.bench.release()
    assert order.state is OrderState.ACCEPTED
    market.tick(99.0)  # it fills there; nobody here knows yet
    market.desk.trading.cancel(order.client_order_id, "me")
    for _ in range(8):
        market.bench.release()
        market.tick(99.0)
    assert order.state is OrderState.FILLED and order.pending is Pending.NONE
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)


def test_a_halt_cancels_fifty_resting_entries_at_once() -> None:
    wide = ("risk.max_open_orders_per_symbol=100", "risk.order_burst=1000", "risk.max_position_pct=1000",
            "risk.max_net_pct=1000", "risk.max_gross_pct=1000")  # fmt: skip
    market = Market(overrides=(*SLOW, *wide))
    for n in range(50):
        resting(market, f"{99.9 - n / 100:.2f}")
    assert market.desk.trading.work.count() == 50
    market.desk.trading.set_state(RiskState.HALTED, "me", "enough")
    assert market.desk.trading.work.count() == 0 and not market.desk.trading.paper.waiting()


def test_an_exit_takes_the_place_of_those_that_wait() -> None:
    market = Market()
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    assert market.held == 10 and market.desk.trading.work.count() == 2
    assert not market.desk.trading.work.busy(A), "what waits for a price stands in nobody's way"
    market.desk.trading.flatten()
    for _ in range(4):
        market.tick()
    assert market.held == 0 and market.desk.trading.flat


def test_an_exit_leaves_no_dust_when_the_lot_became_coarser() -> None:
    market = opened()
    assert market.held % 1
    market.desk.instruments.set_grid(A, Decimal("0.01"), Decimal(1), Decimal(1))
    market.desk.trading.flatten()
    for _ in range(4):
        market.tick()
    assert market.held == 0 and market.desk.trading.flat


def test_a_part_of_a_position_goes_and_the_rest_stays_protected() -> None:
    market = Market()
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    market.desk.trading.close_part(A, Decimal(40), limited=True)
    for _ in range(4):
        market.tick()
    assert market.held == 6
    assert {order.leaves for order in market.desk.trading.blotter.open_orders(A)} == {Decimal(6)}


@pytest.mark.parametrize("purpose", [Purpose.STOP_LOSS, Purpose.FLATTEN])
def test_a_part_that_takes_its_time_to_close_keeps_no_exit_from_the_rest(purpose: Purpose) -> None:
    market, broker = opened(), Broker()  # the broker says nothing: the part stays at work
    trading, held = market.desk.trading, market.held
    trading.add_gateway(broker, [A])
    trading.close_part(A, Decimal(25), limited=False)
    part = the_order(market).quantity
    if purpose is Purpose.FLATTEN:
        trading.set_state(RiskState.HALTED, "me", "")
        trading.flatten()
    for _ in range(4):
        market.tick(98.0 if purpose is Purpose.STOP_LOSS else 100.0)
    rest = the_order(market)
    assert (rest.request.purpose, rest.quantity) == (purpose, held - part) and 0 < part < held
    assert len(broker.asked) == 2, "once, and no more than is held"
    assert trading.work.closing(A) == held


def test_a_held_child_is_canceled_alone_and_stays_so_over_a_kill() -> None:
    market = Market()
    place(market.desk, type="limit", price="99.5", quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    kept = {"paper": market.desk.trading.paper.state()}
    market.desk.trading.cancel(stop.client_order_id, "me")
    assert stop.state is OrderState.CANCELED and target.state is OrderState.HELD
    again = restarted(market, kept)
    assert set(again.desk.trading.paper.waiting()) == {parent.client_order_id, target.client_order_id}
    for _ in range(4):
        market.tick(99.4)
    assert market.held == 10 and target.state is OrderState.ACCEPTED
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]


def test_a_cancel_of_a_child_that_is_being_released_is_journaled_when_that_is_known() -> None:
    market = Market(overrides=("paper.response_latency_ms=500", "paper.latency_jitter_ms=0"))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    stop = the_order(market, 1)
    assert stop.state is OrderState.HELD and market.held == 0
    market.desk.trading.cancel(stop.client_order_id, "me")
    asked = False
    for _ in range(10):
        market.tick(seconds=0.1)
        asked = asked or stop.pending is Pending.CANCEL
    assert asked and stop.state is OrderState.CANCELED
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]


def test_a_cancel_that_was_answered_with_the_release_itself_is_not_journaled_after_its_end() -> None:
    """The end is written with what releases the child: while that is folded, it is known already."""
    market, broker = routed()
    trading = market.desk.trading
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    stop = the_order(market, 1)
    assert stop.state is OrderState.HELD
    trading.cancel(stop.client_order_id, "me")
    assert broker.asked[-1] == ("cancel", stop.client_order_id)
    states = (OrderState.SUBMITTED, OrderState.ACCEPTED, OrderState.CANCELED)
    trading.take([OrderEvent(stop.client_order_id, A, state, "", stop.created_ns) for state in states])
    assert stop.state is OrderState.CANCELED
    restarted(market, {})


@pytest.mark.parametrize("quantity", ["8", "10000"])
def test_an_amendment_is_previewed_without_being_asked_for(quantity: str) -> None:
    market = Market()
    place(market.desk, type="limit", price="99.5", quantity="10")
    market.tick()
    order, written = the_order(market), len(market.bench.journal)
    preview = Tickets(market.desk).preview_amendment(
        order.client_order_id, AmendPatch(quantity=quantity, price="99.4")
    )
    assert (preview.quantity, preview.price) == (quantity, "99.4")
    assert preview.approved is (quantity == "8") and len(preview.verdicts) == 1
    assert order.pending is Pending.NONE and order.price == Decimal("99.5")
    assert len(market.bench.journal) == written
    with pytest.raises(OrderError, match="so already"):
        Tickets(market.desk).preview_amendment(order.client_order_id, AmendPatch(quantity="10"))


# --- gateways -----------------------------------------------------------------------------------------


def routed() -> tuple[Market, Broker]:
    market, broker = Market(), Broker()
    market.desk.trading.add_gateway(broker, [A])
    return market, broker


def test_orders_go_to_the_gateway_of_their_symbol() -> None:
    market, broker = routed()
    market.act()
    order = the_order(market)
    assert broker.asked == [("submit", order.client_order_id)] and order.gateway == "broker"
    assert not market.desk.trading.paper.waiting()
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    assert broker.asked[-1] == ("cancel", order.client_order_id)
    assert order.pending is Pending.CANCEL and order.state is OrderState.SUBMITTED


def filled(order: Order, quantity: Decimal, n: int = 0) -> Fill:
    request = order.request
    price, fee = Decimal(100), Decimal(0)
    return Fill(
        *(f"fill-{n}", order.client_order_id, request.symbol, request.side, quantity, price, fee, "taker"),
        *(request.decision_price, order.created_ns + 1),
    )


@pytest.mark.parametrize("slow", [False, True])
def test_money_that_the_books_refuse_is_not_journaled_and_halts(slow: bool) -> None:
    """Else the next start would refuse the directory. What closes a position is booked all the same."""
    market, _ = routed()
    market.act()
    order, trading, bench = the_order(market), market.desk.trading, market.bench
    bench.hold = slow
    part = order.quantity / 4
    first, second = (msgspec.structs.replace(filled(order, part, n), currency="USD") for n in (0, 1))
    trading.take([first, msgspec.structs.replace(second, currency="EUR")])
    trading.take([Funding("paid", A, Decimal(1), "USD", 0.0, order.created_ns)])
    trading.take([Funding("paid", A, Decimal(2), "USD", 0.0, order.created_ns)])
    bench.release()
    assert market.held == part and market.states().count("fill") == 1 and len(bench.kinds(Funding)) == 1
    assert trading.gate.state is RiskState.HALTED and "cannot be booked" in trading.gate.reason
    told = [event.text for event in bench.kinds(Alert) if isinstance(event, Alert)]
    assert any("EUR" in text for text in told) and any("paid" in text for text in told)
    trading.flatten()
    bench.release()
    out = the_order(market)
    assert out.request.reduce_only
    trading.take([msgspec.structs.replace(filled(out, part, 2), currency="EUR")])
    bench.release()
    assert market.held == 0 and trading.books.check() == []
    again = Bench()
    again.desk.restore(bench.journal, market.desk.now_ns)
    assert again.desk.trading.ledger.cash == trading.ledger.cash


def test_what_comes_later_is_booked_once_and_what_cannot_be_is_left_out() -> None:
    market, _ = routed()
    market.act()
    order = the_order(market)
    take = market.desk.trading.take
    take([OrderEvent(order.client_order_id, A, OrderState.ACCEPTED, "", order.created_ns)])
    part = filled(order, order.quantity / 2)
    take([part])
    take([part])
    assert market.held == order.quantity / 2 and market.states().count("fill") == 1
    take([filled(order, order.quantity, 1)])  # more than the order is
    take([OrderEvent("td-nobody", A, OrderState.ACCEPTED, "", order.created_ns)])
    told = [event.text for event in market.bench.journal if isinstance(event, Alert)]
    assert len(told) == 2 and all(text.startswith("a report was left out") for text in told)
    assert market.held == order.quantity / 2 and market.states().count("fill") == 1
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)
    assert again.desk.trading.ledger.quantity(A) == market.held
    assert again.desk.trading.blotter.open_orders(), "a broker's order stays open over a restart"


# --- a restart ----------------------------------------------------------------------------------------


def restarted(market: Market, settings: dict[str, object] | None = None) -> Bench:
    again = Bench(market.bench.config)
    again.desk.restore(market.bench.journal, market.desk.now_ns, settings or {})
    return again


def test_what_rests_goes_on_resting() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    settings = {"paper": market.desk.trading.paper.state()}
    again = restarted(market, settings)
    trading = again.desk.trading
    kept = {one.client_order_id: one.state for one in trading.blotter.open_orders()}
    assert len(kept) == 3 and kept[order.client_order_id] is OrderState.ACCEPTED
    assert set(trading.paper.waiting()) == set(kept)
    (told,) = again.kinds(Alert)
    assert isinstance(told, Alert) and "3 rest again" in told.text and "behind" not in told.text
    (without,) = restarted(market).kinds(Alert)
    assert isinstance(without, Alert) and "taken up behind everything displayed" in without.text


def test_what_was_asked_for_and_not_answered_is_answered_by_a_restart() -> None:
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    canceled, changed = resting(market), resting(market, "99.4")
    for _ in range(30):
        market.tick()
    assert changed.state is OrderState.ACCEPTED
    market.desk.trading.cancel(canceled.client_order_id, "me")
    market.desk.trading.amend(changed.client_order_id, Amendment(price=Decimal("99.3")), "me")
    again = restarted(market, {"paper": market.desk.trading.paper.state()})
    found = {one.client_order_id: one for one in again.desk.trading.blotter}
    assert found[canceled.client_order_id].state is OrderState.CANCELED
    assert found[changed.client_order_id].pending is Pending.NONE
    assert [event.kind for event in again.kinds(OrderChange)] == [ChangeKind.UPDATE_REFUSED]  # type: ignore[attr-defined]
    assert set(again.desk.trading.paper.waiting()) == {changed.client_order_id}


def test_a_bracket_whose_entry_cannot_wait_goes_with_it() -> None:
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    again = restarted(market)
    assert {one.state for one in again.desk.trading.blotter} == {OrderState.CANCELED}
    assert not again.desk.trading.paper.waiting()


@pytest.mark.parametrize("slow", [False, True])
def test_what_a_start_cancels_is_not_said_to_rest(slow: bool) -> None:
    """Nor before the disk has answered."""
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    resting(market)
    market.tick()
    again = Bench(market.bench.config, hold=slow)
    again.desk.restore(market.bench.journal, market.desk.now_ns, {})
    again.release()
    (told,) = again.kinds(Alert)
    assert isinstance(told, Alert)
    assert "1 rest again: buy" in told.text and "3 canceled: buy 10" in told.text


def test_entries_that_a_halt_had_not_canceled_when_the_engine_died_are_canceled() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    settings = {"paper": market.desk.trading.paper.state()}
    market.desk.trading.set_state(RiskState.HALTED, "me", "enough")
    last = next(n for n, event in enumerate(market.bench.journal) if isinstance(event, RiskChange))
    del market.bench.journal[last + 1 :]  # the cancels were not written any more
    again = restarted(market, settings)
    kept = again.desk.trading.blotter
    ended = kept.get(order.client_order_id)
    assert ended is not None and ended.state is OrderState.CANCELED
    assert again.desk.trading.gate.state is RiskState.HALTED and not again.desk.trading.entries()
    assert len(kept.open_orders()) == 2, "exits go on"


def test_an_entry_whose_stop_was_set_off_takes_no_price_of_after_a_restart() -> None:
    market = Market(overrides=(*SLOW, "account.starting_cash=100000000"))
    place(market.desk, type="stop", quantity="3000", stop_price="100.5")
    market.tick()
    market.tick(100.6)
    order = the_order(market)
    assert order.filled == 1000 and not order.state.terminal
    again = restarted(market, {"paper": market.desk.trading.paper.state()})
    ended = again.desk.trading.blotter.get(order.client_order_id)
    assert ended is not None and ended.state is OrderState.CANCELED


def test_every_symbol_of_a_list_is_waited_for() -> None:
    market = Market(overrides=SLOW)
    for events in calm(B, 50.0, 2, start=60):
        market.desk.on_events(events)
    made = requests(market.desk, type="limit", quantity="1", price="99.5", token="a")
    made += requests(market.desk, symbol=B, type="limit", quantity="1", price="49.8", token="b")
    assert all(verdict.approved for verdict in market.desk.trading.submit_list(made))
    market.desk.on_events([quote(B, 49.99, 50.01, 62.5)])
    waiting = market.desk.trading.paper.waiting()
    assert waiting[made[1].client_order_id].startswith("limit 49.8, "), "it met the market"


def test_a_print_of_before_an_order_takes_nothing_of_what_it_meets() -> None:
    market = Market(overrides=SLOW)
    market.tick(100.5)
    at = market.at_s
    market.desk.on_events([quote(A, 99.99, 100.01, at + 0.1)])
    place(market.desk, quantity="1")
    market.desk.on_events([quote(A, 99.99, 100.01, at + 0.2)])
    assert market.held == 1, "the trade at 100.50 was over when the offer at 100.01 came"


def test_a_stop_is_not_set_off_by_a_trade_of_long_ago() -> None:
    market = Market(overrides=SLOW)
    market.tick(99.0)
    at = market.at_s
    for n in range(1, 50):
        market.desk.on_events([quote(A, 99.99, 100.01, at + n / 10)])
        market.desk.advance(START_NS + int((at + n / 10) * NS))
    place(market.desk, quantity="10", stop_loss="99.5")
    for n in range(50, 55):
        market.desk.on_events([quote(A, 99.99, 100.01, at + n / 10)])
    assert market.held == 10
    stop = the_order(market)
    assert stop.state is OrderState.ACCEPTED
    assert market.desk.trading.paper.waiting()[stop.client_order_id] == "no last trade to judge it by"


def test_a_kept_state_that_is_none_costs_places_only() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    again = restarted(market, {"paper": {"orders": "nonsense"}})
    assert set(again.desk.trading.paper.waiting()) == {order.client_order_id}


def test_how_far_prices_moved_meanwhile_is_said_when_they_are_known() -> None:
    market = opened(Side.BUY)
    market.tick(seconds=1.0)
    kept = {"desk:last": {"ns": market.desk.now_ns, "marks": {A: "100"}}}
    again = Market()
    again.bench.journal.clear()
    desk = again.desk
    desk.restore(market.bench.journal, market.desk.now_ns, kept)
    again.tick(101.0, seconds=1.5)
    again.tick(101.0, seconds=1.5)
    told = [event.text for event in again.bench.journal if isinstance(event, Alert)]
    assert any(f"while it was off: {A} 100 → 101" in text for text in told), told


@pytest.mark.parametrize("mark", ["90", "nonsense", "-1", "inf"])
def test_a_position_that_no_quote_came_for_is_worth_what_it_was_last(mark: str) -> None:
    market = opened(Side.BUY)
    market.tick(seconds=1.0)
    again = Market()
    kept = {"desk:last": {"ns": market.desk.now_ns, "marks": {A: mark}}}
    again.desk.restore(market.bench.journal, market.desk.now_ns, kept)
    again.desk.take_up(kept)
    ledger = again.desk.trading.ledger
    (position,) = ledger.positions()
    worth = Decimal(mark) if mark == "90" else position.cost / position.quantity
    assert ledger.unit_value(A) == worth
    assert ledger.equity() == ledger.cash + worth * position.quantity  # type: ignore[operator]


def test_how_far_a_symbol_moved_that_has_only_resting_orders_is_said_too() -> None:
    market = Market(overrides=SLOW)
    resting(market)
    market.tick(seconds=1.0)
    kept = market.desk._absence.kept()
    assert kept["marks"] == {A: "100.0"}
    again = Market(overrides=SLOW)
    again.bench.journal.clear()
    again.desk.restore(market.bench.journal, market.desk.now_ns, {"desk:last": kept})
    again.tick(101.0, seconds=1.5)
    again.tick(101.0, seconds=1.5)
    told = [event.text for event in again.bench.journal if isinstance(event, Alert)]
    assert any(f"while it was off: {A} 100 → 101" in text for text in told), told


def test_a_trailing_order_whose_best_price_is_lost_says_that_it_starts_anew() -> None:
    market = opened(overrides=(*SLOW, "exits.stop_loss_pct=20"))
    place(
        market.desk, type="trailing_stop", side="sell", trail="5", quantity=str(market.held), reduce_only=True
    )
    market.tick()
    state = {"paper": market.desk.trading.paper.state()}
    (known,), (lost,) = restarted(market, state).kinds(Alert), restarted(market).kinds(Alert)
    assert isinstance(known, Alert) and "anew" not in known.text
    assert isinstance(lost, Alert) and "1 trailing stop starts its best price anew" in lost.text
