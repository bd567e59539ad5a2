"""What survives a restart, with and without the saved state; funding over the time that was missed."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest

from engine.events import NS, Depth, Fill, OrderEvent, OrderRequest, OrderState
from engine.execution.blotter import Blotter
from engine.execution.paper import PaperVenue
from engine.execution.paper.display import Side
from tests.execution.paper.script import MS, SYMBOL, T0, Floor, known, plain, told

HOUR = 3600 * NS
START = T0 // (8 * HOUR) * 8 * HOUR + HOUR
"""An hour after a funding time."""


class Desk:
    """A floor with the journal's fold beside it."""

    def __init__(self, **config: Any) -> None:
        self.config = config
        self.floor = Floor(**config)
        self.blotter = Blotter()
        self._seen = 0

    def send(self, text: str, steps: str = "") -> None:
        """Send orders (``&`` between them), then play the steps."""
        requests = [self.floor.order(one.strip()) for one in text.split("&")]
        for request in requests:
            self._begin(request)
        self.floor.take(self.floor.venue.submit_list(requests, self.floor.now))
        self.play(steps)

    def play(self, steps: str) -> None:
        if steps:
            self.floor.play(steps)
        for report in self.floor.reports[self._seen :]:
            self.blotter.apply(report)  # type: ignore[arg-type]
        self._seen = len(self.floor.reports)

    def _begin(self, request: OrderRequest) -> None:
        name, now = request.client_order_id, self.floor.now
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
        self.blotter.apply(OrderEvent(name, SYMBOL, OrderState.INITIALIZED, "", now, request))
        self.blotter.apply(OrderEvent(name, SYMBOL, state, "", now))

    def restart(self, *, saved: dict[str, Any] | None) -> list[str]:
        """What the venue notes."""
        position = sum(
            (r.quantity * r.side.sign for r in self.floor.reports if isinstance(r, Fill)), Decimal(0)
        )
        self.floor.venue = PaperVenue(plain(**self.config), known())
        self.floor.venue.restore(self.blotter, saved, {SYMBOL: position}, self.floor.now)
        return self.floor.venue.notes()

    def state(self) -> dict[str, Any]:
        """Through JSON, as it is kept."""
        kept: dict[str, Any] = json.loads(json.dumps(self.floor.venue.state()))
        return kept


def last(desk: Desk, count: int) -> list[str]:
    return [told(report) for report in desk.floor.reports[-count:]]


def test_a_place_in_the_queue_survives() -> None:
    desk = Desk()
    desk.send("buy a 2 limit@99", "q 99x5 101x5; p 99x4 -")
    assert desk.restart(saved=desk.state()) == []
    assert desk.floor.venue.waiting() == {"a": "limit 99, 1 ahead in the queue"}
    desk.play("p 99x2 -")
    assert last(desk, 1) == ["a 1@99 m 0.0198"]


def test_without_the_state_the_place_is_behind_everything() -> None:
    desk = Desk()
    desk.send("buy a 2 limit@99", "q 99x5 101x5; p 99x4 -")
    assert desk.restart(saved=None) == ["1 order was taken up behind everything displayed"]
    desk.play("q 99x5 101x5")
    assert desk.floor.venue.waiting() == {"a": "limit 99, 5 ahead in the queue"}


def test_what_was_taken_stays_taken() -> None:
    desk = Desk()
    desk.send("buy a 4 market", "q 99x5 101x5")
    desk.restart(saved=desk.state())
    desk.send("buy b 4 market")
    desk.floor.tick()
    desk.play("")
    assert last(desk, 2) == ["b accepted", "b 1@101 t 0.101"]


def test_a_trailing_stop_keeps_its_best_price_or_begins_anew() -> None:
    for keep, level in ((True, "trails at 103 on the quote"), (False, "trails at 100 on the quote")):
        desk = Desk()
        desk.send("sell a 2 trail@2 from=quote", "q 105x5 106x5; q 103.5x5 106x5")
        desk.restart(saved=desk.state() if keep else None)
        desk.play("q 104x5 106x5" if keep else "q 102x5 106x5")
        assert desk.floor.venue.waiting()["a"] == level
        assert desk.floor.venue.trailing() == {"a": Decimal(level.split()[2])}


def test_where_a_trailing_stop_would_go_off_is_told_from_its_first_price_on() -> None:
    desk = Desk()
    desk.send("sell a 2 trail@2 from=quote")
    desk.send("sell b 2 stop@99 from=quote")
    assert desk.floor.venue.trailing() == {}
    desk.play("q 105x5 106x5; q 103.5x5 106x5")
    assert desk.floor.venue.trailing() == {"a": Decimal(103)}
    desk.play("q 102x5 106x5; q 102x5 106x5")
    assert desk.floor.venue.trailing() == {}, "it is done"


def test_a_trigger_survives() -> None:
    desk = Desk()
    desk.send("buy a 7 stop@102 from=quote", "q 99x5 101x5; q 101x5 102x5")
    for saved in (desk.state(), None):
        desk.restart(saved=saved)
        desk.floor.play("q 99x5 101x0")
        assert "left" in desk.floor.venue.waiting()["a"] or "waits" in desk.floor.venue.waiting()["a"]
    desk.play("q 99x5 100x5")
    assert last(desk, 1) == ["a 2@100 t 0.2"], "far below the stop, but it was set off"


def test_reports_on_their_way_arrive_after_the_restart() -> None:
    desk = Desk(response_latency_ms=50.0)
    desk.send("buy a 2 market", "q 99x5 101x5")
    assert desk.floor.reports == []
    assert desk.restart(saved=desk.state()) == []
    assert desk.floor.venue.waiting() == {}, "it is done, and the desk does not know yet"
    desk.play("t 1")
    assert last(desk, 2) == ["a accepted", "a 2@101 t 0.202"]
    assert desk.floor.venue.account(desk.floor.now).positions == {SYMBOL: Decimal(2)}


def test_what_travels_arrives_though_the_clock_was_set_back() -> None:
    desk = Desk(entry_latency_ms=50.0)
    desk.send("buy a 2 limit@99", "q 99x5 101x5; t 1; cancel a")
    saved = desk.state()
    desk.floor.now -= HOUR
    assert desk.restart(saved=saved) == []
    desk.play("q 99x5 101x5")
    assert last(desk, 1) == ["a accepted"], "it travels still"
    desk.play("t 1")
    assert last(desk, 1) == ["a canceled"]


def test_a_snapshot_grows_old_though_the_clock_was_set_back() -> None:
    side = Side(-1, price=Decimal(101), size=Decimal(5))
    side.deepen([(Decimal(102), Decimal(5))], T0)
    side.take(Decimal(102), Decimal(3), T0)
    side.set_back(HOUR)
    now = T0 - HOUR
    assert side.levels(now) == [(Decimal(101), Decimal(5)), (Decimal(102), Decimal(2))]
    assert side.levels(now + 2 * NS) == [(Decimal(101), Decimal(5))]
    side.deepen([(Decimal(102), Decimal(5))], now + 1)
    assert side.levels(now + 1)[1] == (Decimal(102), Decimal(5)), "a newer snapshot shows it whole again"


def test_what_the_desk_never_heard_of_did_not_happen() -> None:
    desk = Desk(response_latency_ms=50.0)
    desk.send("buy a 2 market", "q 99x5 101x5")
    notes = desk.restart(saved=None)
    assert notes == ["1 order was taken up behind everything displayed"]
    desk.play("q 99x5 102x5; t 1")
    assert last(desk, 2) == ["a accepted", "a 2@102 t 0.204"]


def test_a_state_older_than_the_journal_yields_to_it() -> None:
    desk = Desk()
    desk.send("buy a 5 limit@99", "q 99x5 101x5")
    old = desk.state()
    desk.play("p 98x2 -")
    assert desk.restart(saved=old) == []
    desk.play("p 98x9 -")
    fills = [report for report in desk.floor.reports if isinstance(report, Fill)]
    assert [fill.quantity for fill in fills] == [2, 3] and len({fill.trade_id for fill in fills}) == 2


def test_a_fill_that_was_told_after_the_state_was_kept_is_not_told_again() -> None:
    desk = Desk(response_latency_ms=50.0)
    desk.send("buy a 5 limit@99", "q 99x5 101x5; t 1; p 98x2 -")
    old = desk.state()
    desk.play("t 1")
    assert last(desk, 1) == ["a 2@99 m 0.0396"]
    desk.restart(saved=old)
    assert desk.floor.venue.account(desk.floor.now).positions == {SYMBOL: Decimal(2)}
    desk.send("sell x 5 market ro", "t 1; q 99x5 101x5; t 1")
    assert last(desk, 3) == ["x accepted", "x updated q=2", "x 2@99 t 0.198"], "it would turn the position"


BRACKET = "buy p 5 limit@101 & sell s 5 stop@95 ro parent=p sib=t & sell t 5 limit@105 ro parent=p sib=s"


@pytest.mark.parametrize("keep", [True, False])
def test_a_child_knows_after_a_restart_what_its_sibling_filled(keep: bool) -> None:
    desk = Desk()
    before = desk.state()
    desk.send("buy z 3 market", "q 99x5 100x3")
    desk.send(BRACKET, "q 99x5 101x3; q 99x5 102x3; p 106x1 +")
    desk.restart(saved=desk.state() if keep else before)
    desk.play("q 99x5 101x2; q 99x5 101x2; q 99x5 101x2")
    of = {order.client_order_id: order for order in desk.blotter}
    assert of["p"].filled == 5 and of["t"].filled == 1
    assert (of["s"].leaves, of["t"].leaves) == (4, 4), "no more than is left of what the parent filled"


def test_a_price_amended_after_the_state_was_kept_has_no_place() -> None:
    desk = Desk()
    desk.send("buy a 2 limit@99", "q 99x5 101x5; p 99x5 -")
    old = desk.state()
    assert desk.floor.venue.waiting() == {"a": "limit 99, first in the queue"}
    desk.play("amend a p=98.5; q 98.5x5 101x5")
    desk.restart(saved=old)
    desk.play("q 98.5x7 101x5")
    assert desk.floor.venue.waiting() == {"a": "limit 98.5, 7 ahead in the queue"}


def test_the_time_that_it_was_off_is_no_wait_for_liquidity() -> None:
    desk = Desk()
    desk.send("buy a 7 stop@102 from=quote", "q 99x5 101x5; q 101x5 102x5")
    state = desk.state()
    desk.floor.now += 3600 * NS
    desk.restart(saved=state)
    desk.play("t 1; q 101x5 103x5")
    assert last(desk, 1) == ["a 2@103 t 0.206"]


def test_an_order_that_the_journal_ended_is_not_taken_up() -> None:
    desk = Desk()
    desk.send("buy a 5 limit@99", "q 99x5 101x5")
    state = desk.state()
    order = desk.blotter.get("a")
    assert order is not None
    desk.blotter.apply(OrderEvent("a", SYMBOL, OrderState.CANCELED, "engine restarted", desk.floor.now))
    desk.restart(saved=state)
    assert desk.floor.venue.waiting() == {}
    assert desk.floor.venue.submit(order.request, desk.floor.now) == [], "its id is known"


@pytest.mark.parametrize("keep", [True, False])
def test_children_stay_with_their_parent(keep: bool) -> None:
    desk = Desk()
    desk.send("buy p 5 limit@98 & sell s 5 stop@95 ro parent=p", "q 99x5 101x5")
    desk.restart(saved=desk.state() if keep else None)
    desk.play("q 99x5 101x5; p 97x2 -")
    assert last(desk, 4) == ["p 2@98 m 0.0392", "s submitted", "s updated q=2", "s accepted"]


@pytest.mark.parametrize("keep", [True, False])
def test_children_of_a_parent_that_the_journal_ended_end_too(keep: bool) -> None:
    desk = Desk()
    desk.send("buy p 5 market & sell s 5 stop@95 ro parent=p", "t 1")
    state = desk.state() if keep else None
    desk.blotter.apply(OrderEvent("p", SYMBOL, OrderState.CANCELED, "engine restarted", desk.floor.now))
    desk.restart(saved=state)
    desk.play("t 1")
    assert last(desk, 1) == ["s canceled"]


@pytest.mark.parametrize("keep", [True, False])
def test_children_of_a_parent_that_ended_with_a_part_are_released(keep: bool) -> None:
    desk = Desk()
    desk.send("buy p 5 market & sell s 5 stop@95 ro parent=p", "q 99x5 101x2")
    state = desk.state() if keep else None
    desk.blotter.apply(OrderEvent("p", SYMBOL, OrderState.CANCELED, "engine restarted", desk.floor.now))
    desk.restart(saved=state)
    desk.play("p 100x1; p 94x1 -; q 93x5 94x5")
    assert last(desk, 2) == ["s triggered", "s 2@93 t 0.186"]


def test_a_cancel_on_its_way_survives() -> None:
    desk = Desk(entry_latency_ms=50.0)
    desk.send("buy a 5 limit@98", "t 1; q 99x5 101x5; cancel a")
    desk.restart(saved=desk.state())
    desk.play("t 1")
    assert last(desk, 1) == ["a canceled"]


def test_reduce_only_knows_the_position_after_a_restart() -> None:
    desk = Desk()
    desk.send("buy a 2 market", "q 99x5 101x5")
    desk.restart(saved=None)
    desk.send("sell x 5 market ro", "q 99x5 101x5")
    assert last(desk, 3) == ["x accepted", "x updated q=2", "x 2@99 t 0.198"]


def test_what_is_kept_does_not_grow_with_the_books_of_symbols_without_orders() -> None:
    desk = Desk()
    levels = tuple((99.0 - n, 1.0) for n in range(50))
    desk.floor.venue.on_depth(Depth(SYMBOL, levels, levels, T0, T0))
    assert desk.state()["displays"] == {}
    desk.send("buy a 2 limit@99", "q 99x5 101x5")
    assert desk.state()["displays"][SYMBOL]["depth"] is None


def test_a_print_of_before_fills_nothing() -> None:
    desk = Desk()
    desk.send("buy a 2 limit@99", "q 99x5 101x5")
    state = desk.state()
    desk.floor.printed(98.0, 9.0, ago_ns=NS)
    desk.restart(saved=state)
    desk.floor.tick()
    desk.play("")
    assert last(desk, 1) == ["a accepted"]


# --- funding ---


def held(quantity: str, **config: Any) -> PaperVenue:
    venue = PaperVenue(plain(**({"funding_rate_pct": 0.01} | config)), known())
    venue.restore((), None, {SYMBOL: Decimal(quantity)}, START)
    return venue


def test_a_long_pays_and_a_short_earns_at_fixed_times() -> None:
    for quantity, amount in (("2", "-0.02"), ("-2", "0.02")):
        venue = held(quantity)
        assert venue.funding(START + 7 * HOUR - 1, lambda symbol: 100.0) == []
        (payment,) = venue.funding(START + 7 * HOUR, lambda symbol: 100.0)
        assert payment.amount == Decimal(amount) and payment.ns == START + 7 * HOUR
        assert (payment.currency, payment.symbol) == ("USD", SYMBOL)
        assert venue.funding(START + 7 * HOUR, lambda symbol: 100.0) == [], "once"
        assert venue.account(START).cash == {"USD": Decimal(amount)}


def test_without_a_rate_or_a_position_nothing_is_paid() -> None:
    assert held("2", funding_rate_pct=0.0).funding(START + 80 * HOUR, lambda symbol: 100.0) == []
    assert held("0").funding(START + 80 * HOUR, lambda symbol: 100.0) == []


def test_a_symbol_without_a_mark_waits_for_one() -> None:
    venue = held("2")
    assert venue.funding(START + 7 * HOUR, lambda symbol: math.nan) == []
    assert len(venue.funding(START + 8 * HOUR, lambda symbol: 100.0)) == 1


def test_missed_times_are_stated_and_booked_once_by_their_own_ids() -> None:
    venue = held("2")
    state, later = venue.state(), START + 24 * HOUR
    first = PaperVenue(plain(funding_rate_pct=0.01), known())
    first.restore((), state, {SYMBOL: Decimal(2)}, later)
    assert first.notes() == [f"3 funding times of {SYMBOL} passed: booked at the mark of now"]
    payments = first.funding(later, lambda symbol: 100.0)
    assert [payment.ns for payment in payments] == [START + n * HOUR for n in (7, 15, 23)]
    assert len({payment.funding_id for payment in payments}) == 3
    told_already = PaperVenue(plain(funding_rate_pct=0.01), known())
    told_already.restore((), state, {SYMBOL: Decimal(2)}, later, funded_ns={SYMBOL: START + 15 * HOUR})
    assert told_already.funding(later, lambda symbol: 100.0) == payments[2:]


def test_a_position_pays_only_for_the_times_it_was_there() -> None:
    venue = PaperVenue(plain(funding_rate_pct=0.01), known())
    floor = Floor(funding_rate_pct=0.01)
    floor.play("buy a 2 market; q 99x5 101x5")
    venue = floor.venue
    assert venue.funding(floor.now, lambda symbol: 100.0) == []
    step = 8 * HOUR
    following = (floor.now // step + 1) * step
    (payment,) = venue.funding(following, lambda symbol: 100.0)
    assert payment.ns == following
    floor.now = following + MS
    floor.play("sell b 2 market; q 99x5 101x5")
    assert venue.funding(following + 10 * step, lambda symbol: 100.0) == []


def test_a_time_that_was_paid_for_is_not_paid_by_what_is_held_when_the_clock_comes_to_it_again() -> None:
    ahead = held("2")
    (paid,) = ahead.funding(START + 7 * HOUR, lambda symbol: 100.0)
    floor = Floor(funding_rate_pct=0.01)
    floor.venue.restore((), None, {}, START, payments_ns={SYMBOL: paid.ns})
    floor.now = START + HOUR
    floor.play("buy a 3 market; q 99x5 101x5")
    assert floor.venue.funding(paid.ns, lambda symbol: 100.0) == [], "its id is the other position's payment"
    (following,) = floor.venue.funding(paid.ns + 8 * HOUR, lambda symbol: 100.0)
    assert following.ns == paid.ns + 8 * HOUR and following.funding_id != paid.funding_id


def test_the_same_without_a_restart() -> None:
    floor = Floor(funding_rate_pct=0.01)
    floor.play("buy a 3 market; q 99x5 101x5")
    due = (floor.now // (8 * HOUR) + 1) * 8 * HOUR
    assert len(floor.venue.funding(due, lambda symbol: 100.0)) == 1
    floor.play("sell b 3 market; q 99x5 101x5; buy c 2 market; q 99x5 101x5")
    assert floor.now < due, "the clock was set back"
    assert floor.venue.funding(due, lambda symbol: 100.0) == []


def test_a_rate_that_is_set_later_charges_nothing_for_the_time_without_one() -> None:
    free = held("2", funding_rate_pct=0.0)
    assert free.funding(START + 72 * HOUR, lambda symbol: 100.0) == []
    charged = PaperVenue(plain(funding_rate_pct=0.01), known())
    opened = {SYMBOL: START}
    charged.restore((), free.state(), {SYMBOL: Decimal(2)}, START + 73 * HOUR, funded_ns=opened)
    assert charged.notes() == [] and charged.funding(START + 73 * HOUR, lambda symbol: 100.0) == []
    (payment,) = charged.funding(START + 79 * HOUR, lambda symbol: 100.0)
    assert payment.ns == START + 79 * HOUR
