"""Reconciliation as the desk runs it: first contact, alerts, entries off, restarts, what cannot be asked."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.events import Funding, OrderEvent, OrderState, Side
from engine.execution.blotter import Blotter
from engine.execution.gateway import VenueAccount, VenueOrder
from engine.wiring.broker import BrokerError
from engine.wiring.reconciliation import Reconciliation
from tests.execution.alpaca_desk import BTC, ask
from tests.execution.test_reconcile import fill

D = Decimal
NS = 1_000_000_000


class Desk:
    def __init__(self, settings: dict[str, Any] | None = None, *, broker: bool = True) -> None:
        self.now = 100 * NS
        self.blotter = Blotter()
        self.alerts: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        self.kept: dict[str, Any] = dict(settings or {})
        self.account = VenueAccount(0, (), (), {}, {"USD": D(1000)})
        self.asked: list[int] = []
        self.error = ""
        self.unresolved: frozenset[str] = frozenset()
        self.broker = broker
        self.reconciliation = Reconciliation(
            self.blotter,
            every_s=60.0,
            clock=lambda: self.now,
            alert=lambda level, source, text: self.alerts.append((level, text)),
            restrict=self.reasons.append,
            keep=self.kept.__setitem__,
            settings=self.kept,
            grace_s=5.0,
        )

    def add(self) -> None:
        self.reconciliation.add(
            "alpaca",
            self.ask,
            currency=lambda symbol: "USD",
            unresolved=lambda: self.unresolved,
            paper=None if self.broker else self.account,
        )

    async def ask(self, first_ns: int) -> VenueAccount:
        self.asked.append(first_ns)
        if self.error:
            raise BrokerError(self.error)
        return msgspec.structs.replace(self.account, ns=self.now)

    async def look(self, after_s: float = 6.0) -> bool:
        self.now += int(after_s * NS)
        return await self.reconciliation.look("alpaca")

    def buy(self, n: int, quantity: str) -> None:
        self.submit(n, quantity)
        self.fill(n, quantity)

    def submit(self, n: int, quantity: str) -> None:
        request = ask(f"td-{n}", quantity=D(quantity))
        identity = request.client_order_id
        begin = OrderEvent(identity, BTC, OrderState.INITIALIZED, "", 1, request=request)
        self.blotter.apply(begin)
        self.blotter.apply(OrderEvent(identity, BTC, OrderState.SUBMITTED, "", 1))

    def fill(self, n: int, quantity: str) -> None:
        order = self.blotter.get(f"td-{n}")
        assert order is not None
        done = fill(order, n, quantity)
        self.reconciliation.booked(done, self.blotter.apply(done))

    def told(self, n: int, quantity: str) -> VenueOrder:
        return VenueOrder(f"td-{n}", f"v-{n}", BTC, Side.BUY, D(quantity), D(quantity), OrderState.FILLED)


async def test_the_first_contact_is_taken_where_two_looks_agree_and_kept() -> None:
    desk = Desk()
    desk.add()
    assert await desk.look()
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(950)})
    assert await desk.look()
    assert desk.kept == {}
    assert not await desk.look()
    assert desk.kept["reconciliation:alpaca"]["cash"] == {"USD": "950"}
    again = Desk(desk.kept)
    again.add()
    again.account = desk.account
    assert not await again.look()
    assert again.asked == [desk.kept["reconciliation:alpaca"]["ns"]]
    again.account = msgspec.structs.replace(desk.account, cash={"USD": D(700)})
    await again.look()
    await again.look()
    assert again.reasons == ["alpaca and the desk disagree: cash USD"]


async def test_no_baseline_is_taken_while_orders_are_unresolved() -> None:
    desk = Desk()
    desk.add()
    desk.unresolved = frozenset({"td-1"})
    assert await desk.look() and await desk.look()
    desk.unresolved = frozenset()
    assert await desk.look() and not await desk.look()


async def test_no_baseline_is_taken_from_two_looks_at_one_moment() -> None:
    desk = Desk()
    desk.add()
    assert await desk.look() and await desk.look(0.01) and await desk.look(4.0)
    assert desk.kept == {}
    assert not await desk.look(1.0)
    assert desk.kept["reconciliation:alpaca"]["cash"] == {"USD": "1000"}


async def test_a_fill_that_is_told_and_not_booked_is_in_no_baseline() -> None:
    """A kill before the first contact: the next start is told of fills, whose commit takes time."""
    desk = Desk()
    desk.add()
    desk.submit(1, "2")
    desk.account = VenueAccount(0, (desk.told(1, "2"),), (), {BTC: D(2)}, {"USD": D(800)})
    assert await desk.look(0.001) and await desk.look(0.001) and await desk.look()
    assert desk.kept == {}
    desk.fill(1, "2")
    assert await desk.look() and not await desk.look()
    assert desk.kept["reconciliation:alpaca"]["cash"] == {"USD": "1000"}
    assert desk.reconciliation.drifts == 0


async def test_fills_move_both_sides_alike() -> None:
    desk = Desk()
    desk.add()
    await desk.look()
    await desk.look()
    desk.buy(1, "2")
    desk.account = VenueAccount(0, (desk.told(1, "2"),), (), {BTC: D(2)}, {"USD": D(800)})
    assert not await desk.look()
    assert desk.alerts == [] and desk.reconciliation.drifts == 0
    assert desk.reconciliation.rows()[0].error == ""


async def test_what_is_on_its_way_is_no_drift_and_drift_is_told_once() -> None:
    desk = Desk()
    desk.add()
    await desk.look()
    await desk.look()
    desk.account = msgspec.structs.replace(desk.account, positions={BTC: D(1)})
    assert await desk.look(1.0) and desk.reconciliation.drifts == 0
    await desk.look(5.0)
    await desk.look(60.0)
    (row,) = desk.reconciliation.rows()
    (drift,) = row.drifts
    assert (drift.kind, drift.subject, drift.ours, drift.theirs) == ("position", BTC, "0", "1")
    assert desk.alerts == [("error", f"alpaca: position {BTC}: ours 0, theirs 1")]
    assert desk.reasons == [f"alpaca and the desk disagree: position {BTC}"]
    desk.account = msgspec.structs.replace(desk.account, positions={BTC: D(3)})
    await desk.look()
    await desk.look()
    assert desk.alerts[1:] == [("error", f"alpaca: position {BTC}: ours 0, theirs 3")]
    desk.account = msgspec.structs.replace(desk.account, positions={})
    await desk.look()
    assert desk.alerts[-1] == ("info", "alpaca and the desk agree again")
    assert desk.reconciliation.drifts == 0


async def test_a_venue_that_cannot_be_asked_says_so_and_keeps_what_was_seen() -> None:
    desk = Desk()
    desk.add()
    await desk.look()
    await desk.look()
    desk.error = "/v2/account: 500"
    assert not await desk.look()
    assert desk.reconciliation.rows()[0].error == "/v2/account: 500" and desk.alerts == []
    assert await asyncio.wait_for(desk.reconciliation.compare(), 5) == "alpaca: /v2/account: 500"


async def test_the_paper_venues_drift_is_shown_but_takes_no_entries_off() -> None:
    desk = Desk(broker=False)
    desk.add()
    assert not await desk.look()
    assert desk.kept == {}, "its cash is what the journal makes of it"
    funding = Funding("f-1", BTC, D(-2), "USD", 0.0001, 5)
    desk.reconciliation.booked(funding, None)
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(998)})
    assert not await desk.look()
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D("998.0001")})
    await desk.look()
    await desk.look()
    assert desk.reconciliation.drifts == 1 and desk.reasons == [] and len(desk.alerts) == 1


async def test_what_paper_told_before_the_first_look_and_is_not_booked_yet_counts_once() -> None:
    """After a restart a stop that rested fills, and a payment is due, while their commit takes time."""
    desk = Desk(broker=False)
    desk.submit(1, "2")
    desk.add()
    funding = Funding("f-1", BTC, D(-3), "USD", 0.0001, 5)
    filled = desk.told(1, "2")
    works = msgspec.structs.replace(filled, filled=D(0), state=OrderState.ACCEPTED)
    # The payment alone, which no order tells of; then the fill too.
    desk.account = VenueAccount(0, (works,), (), {}, {"USD": D(997)})
    assert await desk.look(0.001)
    desk.account = VenueAccount(0, (filled,), (), {BTC: D(2)}, {"USD": D(797)})
    assert await desk.look(0.001)
    desk.reconciliation.booked(funding, None)
    desk.fill(1, "2")
    for _ in range(3):
        assert not await desk.look()
    assert desk.reconciliation.drifts == 0 and desk.alerts == []


async def test_earlier_orders_are_taken_up() -> None:
    desk = Desk({"reconciliation:alpaca": {"ns": 7, "cash": {"USD": "1000"}}})
    desk.buy(1, "2")
    desk.add()
    desk.account = VenueAccount(0, (desk.told(1, "2"),), (), {BTC: D(2)}, {"USD": D(800)})
    assert not await desk.look()


async def test_a_kept_baseline_that_is_none_is_left(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk({"reconciliation:alpaca": {"ns": "x"}})
    desk.add()
    assert await desk.look()
    assert "not taken up" in caplog.text


async def test_it_looks_on_its_own_and_when_woken() -> None:
    desk = Desk()
    desk.add()
    task = asyncio.create_task(desk.reconciliation.run())
    async with asyncio.timeout(5):
        while len(desk.asked) < 1:
            await asyncio.sleep(0.001)
        desk.reconciliation.wake("alpaca")
        while len(desk.asked) < 2:
            await asyncio.sleep(0.001)
    desk.reconciliation.wake("unknown")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_bug_of_ours_is_told_once_and_the_next_look_comes(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.add()
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": "no number"})  # type: ignore[dict-item]
    task = asyncio.create_task(desk.reconciliation.run())
    async with asyncio.timeout(5):
        for looks in (1, 2):
            while len(desk.asked) < looks:
                await asyncio.sleep(0.001)
            desk.reconciliation.wake("alpaca")
        desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(1000)})
        while desk.reconciliation.rows()[0].ns == 0 or desk.reconciliation.rows()[0].error:
            desk.reconciliation.wake("alpaca")
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [level for level, _ in desk.alerts] == ["error"]
    assert "could not be compared" in desk.alerts[0][1]
    assert any(record.exc_info for record in caplog.records)


# --- a person accepts cash ---


async def drifted(cash: str = "1500") -> Desk:
    """A deposit that stands as drift."""
    desk = Desk()
    desk.add()
    await desk.look()
    await desk.look()
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(cash)})
    await desk.look()
    await desk.look()
    assert desk.reconciliation.drifts == 1
    return desk


async def test_a_person_accepts_a_deposit_and_it_is_told_and_kept() -> None:
    desk = await drifted()
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert reply.ok and reply.text == "alpaca: ann accepts a difference in cash of 500 USD"
    assert desk.alerts[-2:] == [("warning", reply.text), ("info", "alpaca and the desk agree again")]
    assert desk.reconciliation.drifts == 0
    again = Desk(desk.kept)
    again.add()
    again.account = desk.account
    assert not await again.look() and again.alerts == []
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(1400)})
    await desk.look()
    await desk.look()
    assert desk.reconciliation.rows()[0].drifts[0].ours == "1500", "only what was accepted"


async def test_what_the_person_has_not_seen_is_not_accepted() -> None:
    desk = await drifted()
    desk.account = msgspec.structs.replace(desk.account, cash={"USD": D(1600)})
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert not reply.ok and "compare again" in reply.text
    assert desk.kept["reconciliation:alpaca"]["cash"] == {"USD": "1000"}


async def test_cash_of_an_order_on_its_way_is_not_accepted() -> None:
    desk = await drifted()
    desk.unresolved = frozenset({"td-1"})
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert not reply.ok and "order td-1" in reply.text
    desk.unresolved = frozenset()
    desk.account = msgspec.structs.replace(desk.account, positions={BTC: D(1)})
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert not reply.ok and f"position {BTC}" in reply.text
    await desk.look()
    await desk.look()
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert reply.ok, "a position that came with it stands as drift of its own"
    assert [drift.kind for drift in desk.reconciliation.rows()[0].drifts] == ["position"]


async def test_nothing_to_accept() -> None:
    desk = Desk()
    desk.add()
    for gateway, says in (("alpaca", "no difference"), ("paper", "no broker of this desk; alpaca")):
        reply = await desk.reconciliation.accept_cash(gateway, "ann")
        assert not reply.ok and says in reply.text
    desk = await drifted()
    desk.error = "/v2/account: 500"
    reply = await desk.reconciliation.accept_cash("alpaca", "ann")
    assert not reply.ok and "500" in reply.text
    assert desk.kept["reconciliation:alpaca"]["cash"] == {"USD": "1000"}


async def test_an_account_that_takes_no_orders_is_told_once_and_entries_go_off() -> None:
    desk = Desk()
    desk.add()
    free, blocked = desk.account, msgspec.structs.replace(desk.account, blocked="trading_blocked")
    desk.account = blocked
    await desk.look()
    await desk.look()
    assert desk.alerts == [("error", "alpaca takes no orders: trading_blocked")]
    assert desk.reasons == ["alpaca takes no orders: trading_blocked"]
    assert desk.reconciliation.rows()[0].blocked == "trading_blocked"
    assert (await desk.reconciliation.compare()).endswith("takes no orders: trading_blocked")
    desk.error = "the broker does not answer"
    await desk.look()
    assert desk.reconciliation.rows()[0].blocked, "that it cannot be asked does not free it"
    desk.error, desk.account = "", free
    await desk.look()
    assert desk.alerts[-1] == ("info", "alpaca takes orders again")
    assert desk.reconciliation.rows()[0].blocked == ""
    assert len(desk.reasons) == 1
