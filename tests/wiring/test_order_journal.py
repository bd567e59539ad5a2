"""What is written of orders, where the disk takes its time and where it takes none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.events import (
    ChangeKind,
    Fill,
    Funding,
    JournalEvent,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.wiring.order_journal import OrderJournal

BTC = "v:BTC-USD"
D = Decimal


class Written:
    """A journal, and all that it told."""

    def __init__(self, *, at_once: bool) -> None:
        self.told: list[object] = []
        self.refused: list[object] = []
        self.blotter = Blotter()
        self.journal = OrderJournal(
            self.blotter,
            self.commit,
            folded=lambda event, order: self.told.append((event, order and order.state)),
            refused=lambda event, why: self.refused.append((event, why)),
            unbooked=lambda money, request, coming: "no" if money.ns == 13 else "",
            unbookable=self.told.append,
        )
        self.journal.at_once = at_once
        self.events: list[JournalEvent] = []

    def commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self.events += events
        done()

    def begin(self, identity: str) -> None:
        request = OrderRequest(
            *(identity, BTC, Side.BUY, OrderType.MARKET, D(2), Purpose.ENTRY, False, 1, 100.0)
        )
        events = [
            OrderEvent(identity, BTC, OrderState.INITIALIZED, "", 1, request),
            OrderEvent(identity, BTC, OrderState.SUBMITTED, "", 1),
        ]
        self.journal.begin(events, lambda: self.told.append("begun"))


def event(state: OrderState, identity: str = "a", reason: str = "") -> OrderEvent:
    return OrderEvent(identity, BTC, state, reason, 2)


def fill(number: int, quantity: int = 1, *, identity: str = "a", symbol: str = BTC, ns: int = 3) -> Fill:
    return Fill(
        f"t{number}",
        identity,
        symbol,
        Side.BUY,
        D(quantity),
        D(100),
        D(0),
        "taker",
        100.0,
        ns,
        currency="USD",
    )


ACCEPTED, ASKED = event(OrderState.ACCEPTED), OrderChange("a", BTC, ChangeKind.CANCEL_ASKED, "mine", 2)
STORIES: tuple[tuple[Sequence[Report], ...], ...] = (
    ((ACCEPTED,), (fill(1),), (fill(2),)),
    ((ACCEPTED, fill(1, 2)),),
    ((ACCEPTED, fill(1), fill(2)),),
    ((ACCEPTED,), (ASKED,), (event(OrderState.CANCELED),)),
    ((fill(1),), (fill(1),), (fill(1, symbol="v:ETH-USD"),), (fill(2, 5),), (fill(2),)),
    ((fill(1, ns=13),), (ACCEPTED, fill(1, ns=13)), (fill(2, 2),)),
    ((event(OrderState.ACCEPTED, "b"),), (fill(1, identity="b"),), ()),
    ((event(OrderState.TRIGGERED),), (event(OrderState.FILLED),), (event(OrderState.REJECTED, "a", "why"),)),
    ((fill(1, 2),), (OrderChange("a", BTC, ChangeKind.CANCEL_REFUSED, "", 4),), (ACCEPTED,)),
    ((Funding("f1", BTC, D(1), "USD", 0.1, 5),), (ACCEPTED, Funding("f2", BTC, D(1), "USD", 0.1, 13))),
)


def test_what_is_durable_at_once_is_written_and_told_as_ever() -> None:
    for story in STORIES:
        slow, fast = Written(at_once=False), Written(at_once=True)
        for one in (slow, fast):
            one.begin("a")
            for number, reports in enumerate(story):
                one.journal.write(reports, lambda one=one, number=number: one.told.append(number))  # type: ignore[misc]
        assert fast.events == slow.events, story
        assert list(fast.blotter) == list(slow.blotter), story
        assert fast.told == slow.told and fast.refused == slow.refused, story


def test_a_reports_order_is_told_with_it_alone_in() -> None:
    """Whether the disk takes time or not: what follows it is not in yet."""
    for at_once in (False, True):
        written = Written(at_once=at_once)
        written.begin("a")
        written.journal.write((ACCEPTED, fill(1, 2)))
        states = [told[1] for told in written.told if isinstance(told, tuple)]
        assert states == ["initialized", "submitted", "accepted", "filled"]


def test_a_cancels_reason_is_that_of_who_asked() -> None:
    written = Written(at_once=True)
    written.begin("a")
    for reports in ((ACCEPTED,), (ASKED,), (event(OrderState.CANCELED),)):
        written.journal.write(reports)
    ended = written.events[-1]
    assert isinstance(ended, OrderEvent) and (ended.state, ended.reason) == (OrderState.CANCELED, "mine")
