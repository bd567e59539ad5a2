"""Each invariant holds of a lawful journal, and is told where a journal breaks it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreError
from engine.events import (
    Amendment,
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
    Verdict,
)
from engine.store import chain_audit, checkpoints, order_audit, verify
from engine.store.findings import Invariant
from engine.store.store import Store

SYMBOL = "sim:BTC-USD"


def request(identity: str, quantity: str = "2", side: Side = Side.BUY, **more: object) -> OrderRequest:
    return OrderRequest(
        identity, SYMBOL, side, OrderType.LIMIT, Decimal(quantity), Purpose.ENTRY,
        bool(more.pop("reduce_only", False)), 1, 100.0, price=Decimal(100), **more,
    )  # fmt: skip


def judged(identity: str, *, approved: bool = True) -> Verdict:
    return Verdict(identity, SYMBOL, approved, "" if approved else "BALANCE", "", (), 1)


def sent(order: OrderRequest, state: OrderState = OrderState.SUBMITTED) -> list[JournalEvent]:
    identity = order.client_order_id
    return [
        OrderEvent(identity, SYMBOL, OrderState.INITIALIZED, "", 1, order),
        OrderEvent(identity, SYMBOL, state, "", 2, verdict=judged(identity)),
    ]


def now(identity: str, state: OrderState) -> OrderEvent:
    return OrderEvent(identity, SYMBOL, state, "", 3)


def fill(identity: str, part: int = 1, quantity: str = "1", side: Side = Side.BUY) -> Fill:
    return Fill(
        *(f"{identity}.{part}", identity, SYMBOL, side, Decimal(quantity), Decimal("100.5")),
        *(Decimal("0.1"), "taker", 100.0, 4),
    )


def lawful() -> list[JournalEvent]:
    """An entry with two children, one of which fills as the other is canceled; a denied one; funding."""
    stop = request("s", side=Side.SELL, reduce_only=True, parent_id="e", siblings=("t",), list_id="l")
    target = request("t", side=Side.SELL, reduce_only=True, parent_id="e", siblings=("s",), list_id="l")
    return [
        *sent(request("e", list_id="l")),
        *sent(stop, OrderState.HELD),
        *sent(target, OrderState.HELD),
        now("e", OrderState.ACCEPTED),
        fill("e", 1),
        fill("e", 2),
        now("s", OrderState.SUBMITTED),
        now("t", OrderState.SUBMITTED),
        OrderChange("t", SYMBOL, ChangeKind.UPDATE_ASKED, "", 5, Amendment(price=Decimal(101)), judged("t")),
        OrderChange("t", SYMBOL, ChangeKind.UPDATED, "", 5, Amendment(price=Decimal(101))),
        fill("t", 1, "2", Side.SELL),
        now("s", OrderState.CANCELED),
        OrderEvent("d", SYMBOL, OrderState.INITIALIZED, "", 6, request("d")),
        OrderEvent("d", SYMBOL, OrderState.DENIED, "", 6, verdict=judged("d", approved=False)),
        Funding("f", SYMBOL, Decimal("-0.5"), "USD", 0.0001, 7),
        *sent(request("o")),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite"


def written(path: Path, events: Sequence[JournalEvent]) -> None:
    store = Store(path)
    store.start()
    store.commit_now(events)
    store.put_setting("kept", [1])
    assert store.close()


def checked(path: Path) -> dict[str, Invariant]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        return {one.name: one for one in verify.verify(connection)}
    finally:
        connection.close()


def broken(path: Path) -> dict[str, tuple[str, ...]]:
    return {name: one.problems for name, one in checked(path).items() if not one.ok}


def test_a_lawful_journal_holds(path: Path) -> None:
    written(path, lawful())
    found = checked(path)
    assert {name: one.problems for name, one in found.items() if not one.ok} == {}
    assert all(one.checked for one in found.values()), found
    assert found[order_audit.LISTED].checked == 5


def test_nothing_is_changed(path: Path) -> None:
    written(path, lawful())
    before = path.read_bytes()
    checked(path)
    assert path.read_bytes() == before


S = OrderState
e2, e4 = sent(request("e")), sent(request("e", "4"))
long = [*sent(request("b", "3")), fill("b", 1, "3")]


@pytest.mark.parametrize(
    ("events", "name", "told"),
    [
        ([*e2, fill("e"), fill("e")], order_audit.UNIQUE, "books e.1 again"),
        ([e2[0], fill("e")], order_audit.SUBMITTED, "before its submit"),
        ([fill("x")], order_audit.SUBMITTED, "fill x.1 of order x"),
        ([*e2, now("e", S.CANCELED), fill("e")], order_audit.ENDED, "after canceled"),
        ([e2[0], now("e", S.SUBMITTED)], order_audit.JUDGED, "no verdict"),
        (
            [e2[0], msgspec.structs.replace(e2[1], verdict=judged("e", approved=False))],
            order_audit.JUDGED,
            "denies it",
        ),
        ([e2[0], msgspec.structs.replace(e2[1], verdict=judged("z"))], order_audit.JUDGED, "order e"),
        (
            [*e2, OrderChange("e", SYMBOL, ChangeKind.UPDATE_ASKED, "", 5, Amendment(price=Decimal(9)))],
            order_audit.JUDGED,
            "no verdict",
        ),
        ([e2[0]], order_audit.LISTED, "neither denied nor sent"),
        ([*e2, fill("e", 1, "3")], order_audit.FILLED, "makes 3 of 2"),
        (
            [*e4, fill("e", 1, "2"),
             OrderChange("e", SYMBOL, ChangeKind.UPDATED, "", 5, Amendment(Decimal(3))), fill("e", 2, "2")],
            order_audit.FILLED,
            "makes 4 of 3",
        ),
        (
            [*sent(request("e", siblings=("g",))), *sent(request("g", siblings=("e",))),
             fill("e", 1, "2"), fill("g", 1, "1")],
            order_audit.SIBLINGS,
            "filled 3 of 2",
        ),
        (
            [*e2, *sent(request("s", side=Side.SELL, parent_id="e", siblings=("t",))), fill("e"),
             fill("s", 1, "2", Side.SELL)],
            order_audit.SIBLINGS,
            "filled 2 of 1",
        ),
        ([*sent(request("r", reduce_only=True)), fill("r")], order_audit.REDUCING, "from 0 to 1"),
        (
            [*long, *sent(request("r", "4", Side.SELL, reduce_only=True)), fill("r", 1, "4", Side.SELL)],
            order_audit.REDUCING,
            "from 3 to -1",
        ),
        ([*e2, e2[0]], order_audit.BEGUN, "begins order e again"),
        ([now("x", S.ACCEPTED)], order_audit.BEGUN, "nothing began order x"),
    ],
)  # fmt: skip
def test_what_a_journal_breaks_is_told(path: Path, events: list[JournalEvent], name: str, told: str) -> None:
    written(path, [*lawful(), *events] if events[0] is not e2[0] and events[0] is not e4[0] else events)
    assert any(told in text for text in broken(path).get(name, ())), broken(path)


def test_a_live_venue_may_fill_what_it_canceled(path: Path) -> None:
    written(path, [*sent(request("e", gateway="alpaca")), now("e", S.CANCELED), fill("e")])
    assert broken(path) == {}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("DELETE FROM journal WHERE seq = 12", verify.JOURNAL),
        ("UPDATE journal SET body = '{}' WHERE seq = 3", verify.EVENTS),
        ("UPDATE journal SET kind = 'Alert' WHERE seq = 3", verify.EVENTS),
        ("UPDATE journal SET body = replace(body, '100.5', '100.6') WHERE seq = 8", chain_audit.CHAIN),
        ("UPDATE checkpoints SET body = body || ' '", chain_audit.CHAIN),
        ("INSERT INTO checkpoints VALUES (999, 'x', 'x', '')", chain_audit.CHAIN),
        ("UPDATE positions SET realized = '7'", verify.TABLES),
        ("UPDATE orders SET pending = 'cancel' WHERE client_order_id = 'o'", verify.TABLES),
        ("UPDATE balances SET cash = '7' WHERE currency = ''", verify.CASH),
        ("UPDATE funding SET amount = '7'", verify.CASH),
        ("UPDATE positions SET quantity = '7'", verify.POSITIONS),
        ("UPDATE fills SET quantity = '7' WHERE trade_id = 'e.1'", verify.POSITIONS),
        ("UPDATE balances SET cash = 'x'", verify.CASH),
        ("UPDATE balances SET cash = x'ff'", verify.CASH),
        ("UPDATE fills SET price = 'NaN' WHERE trade_id = 'e.1'", verify.CASH),
        ("UPDATE fills SET price = '1E+999999999' WHERE trade_id = 'e.1'", verify.CASH),
        ("UPDATE funding SET amount = x'00'", verify.CASH),
        ("UPDATE positions SET quantity = 'sNaN'", verify.POSITIONS),
        ("UPDATE journal SET body = CAST(body AS BLOB) WHERE seq = 3", verify.EVENTS),
        ("UPDATE journal SET body = json_set(body, '$.quantity', 'NaN') WHERE kind = 'Fill'", verify.EVENTS),
        (
            "UPDATE journal SET body = json_set(body, '$.price', '1E-999999999') WHERE kind = 'Fill'",
            verify.EVENTS,
        ),
        (
            "UPDATE journal SET body = json_set(body, '$.request.quantity', '1E+999999999') WHERE seq = 1",
            verify.EVENTS,
        ),
        ("UPDATE journal SET body = '[' || hex(zeroblob(40000)) WHERE seq = 3", verify.EVENTS),
        ("UPDATE checkpoints SET body = x'ff', digest = x'ff'", chain_audit.CHAIN),
        ("INSERT INTO settings VALUES ('orders', '{')", verify.SETTINGS),
    ],
)
def test_what_was_changed_behind_the_journal_is_told(path: Path, change: str, name: str) -> None:
    written(path, lawful())
    with sqlite3.connect(path) as connection:
        for trigger in ("journal_keeps_rows", "journal_keeps_values"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(change)
    assert name in broken(path)


def test_a_checkpoint_that_was_wrong_when_it_was_made_is_told(path: Path) -> None:
    written(path, lawful())
    with sqlite3.connect(path) as connection:
        last = checkpoints.newest(connection, 1)[0]
        body = last.body.replace('"quantity":"0', '"quantity":"1')
        assert body != last.body
        held = msgspec.structs.replace(last.held(), open_orders=())
        chain = checkpoints.chain_from(connection, checkpoints.BEGINNING, last.seq)
        connection.execute("DELETE FROM checkpoints")
        checkpoints.write(connection, chain.close(last.seq, held))
    assert "not the journal's fold" in broken(path)[chain_audit.CHAIN][0]


def test_a_damaged_page_is_told(path: Path) -> None:
    written(path, lawful())
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'fills_by_order'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 + 200 : page * 4096] = b"\x01" * (4096 - 200)
    path.write_bytes(content)
    assert verify.PAGES in broken(path)


def test_it_sees_one_moment_while_the_engine_writes(path: Path) -> None:
    store = Store(path)
    store.start()
    store.commit_now(lawful())

    class Writing:
        """Writes as soon as it is shown something."""

        def see(self, seq: int, _event: JournalEvent) -> None:
            if seq == 1:
                store.commit_now([*sent(request("w")), fill("w")])

        def end(self) -> None:
            """Nothing is left to do."""

    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    found = {one.name: one for one in verify.verify(connection, lambda findings: [Writing()])}
    assert all(one.ok for one in found.values())
    assert found[verify.JOURNAL].checked == len(lawful())
    connection.close()
    assert store.close()
    assert checked(path)[verify.JOURNAL].checked == len(lawful()) + 3


def test_another_version_is_refused(path: Path) -> None:
    written(path, lawful())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="upgrade tickdesk"):
        checked(path)


def test_the_first_problems_are_told_and_all_are_counted(path: Path) -> None:
    written(path, [event for n in range(30) for event in sent(request(f"e{n}"))[:1]])
    found = checked(path)[order_audit.LISTED]
    assert (found.failed, len(found.problems), found.ok) == (30, 20, False)
