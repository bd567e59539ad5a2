"""The pace of orders: the throttle, ids and orders sent before, strategies that repeat themselves."""

from __future__ import annotations

from decimal import Decimal

from engine.events import NS, Side
from tests.risk.conftest import T0, codes, entry, exit_, gate, view

D = Decimal
MS = 1_000_000


def test_throttle_counts_at_once_and_refills() -> None:
    desk = gate(max_orders_per_s=10.0, order_burst=3)
    for n in range(3):
        assert "THROTTLE" not in codes(desk, entry(client_order_id=f"td-{n}"), view())
        desk.sent(entry(client_order_id=f"td-{n}", quantity=D(n + 1)), T0)
    assert "THROTTLE" in codes(desk, entry(), view())
    assert "THROTTLE" in codes(desk, entry(), view(now_ns=T0 + 99 * MS))
    assert "THROTTLE" not in codes(desk, entry(), view(now_ns=T0 + 100 * MS))
    assert "THROTTLE" in codes(desk, entry(), view(now_ns=T0 - 3600 * NS)), "a clock that steps back"


def test_ids_are_used_once_for_ever() -> None:
    desk = gate()
    desk.sent(entry(), T0)
    desk.remember(["td-old"])
    much_later = view(now_ns=T0 + 10**6 * NS)
    assert codes(desk, entry(), much_later) == ["DUPLICATE_ID"]
    assert codes(desk, entry(client_order_id="td-old"), much_later) == ["DUPLICATE_ID"]
    assert desk.check(entry(client_order_id="td-2"), much_later).approved


def test_identical_orders_are_denied_for_a_second() -> None:
    desk = gate()
    desk.sent(entry(), T0)
    again = entry(client_order_id="td-2")
    assert codes(desk, again, view(now_ns=T0 + NS)) == ["DUPLICATE_ORDER"]
    assert desk.check(again, view(now_ns=T0 + NS + 1)).approved
    assert desk.check(entry(client_order_id="td-3", quantity=D(11)), view()).approved
    assert desk.check(entry(client_order_id="td-4", side=Side.SELL), view()).approved


def test_a_strategy_that_repeats_itself_is_disabled_until_a_person_enables_it() -> None:
    desk = gate(repeat_limit=3, repeat_window_s=60.0)
    later = view(now_ns=T0 + 500 * NS)
    for n, at in enumerate((0, 61, 100)):  # the first has left the window by the third
        desk.sent(entry(client_order_id=f"td-{n}", sources=("trend",)), T0 + at * NS)
    assert desk.disabled == {}
    desk.sent(entry(client_order_id="td-3", sources=("trend", "model")), T0 + 110 * NS)
    assert desk.disabled == {"trend": "3 buy orders of sim:BTC-USD in 60 s"}
    fresh = entry(client_order_id="td-9", sources=("trend",))
    assert codes(desk, fresh, later) == ["STRATEGY_DISABLED"], "time alone does not enable it"
    assert "trend" in desk.check(fresh, later).detail
    assert desk.check(entry(client_order_id="td-9", sources=("model",)), later).approved
    assert desk.enable("trend") and not desk.enable("trend")
    assert desk.check(fresh, later).approved


def test_repeats_are_counted_by_symbol_and_side_and_not_for_exits() -> None:
    desk = gate(repeat_limit=2)
    trend = ("trend",)
    desk.sent(entry(client_order_id="td-1", sources=trend), T0)
    desk.sent(entry(client_order_id="td-2", sources=trend, side=Side.SELL), T0)
    desk.sent(entry(client_order_id="td-3", sources=trend, symbol="sim:ETH-USD"), T0)
    desk.sent(exit_(client_order_id="td-4", sources=trend), T0)
    assert desk.disabled == {}
