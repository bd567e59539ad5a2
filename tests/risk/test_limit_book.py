"""Limits changed live: within hard ranges, by scope, folded again from the journal."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import OWN_LIMITS, AccountConfig, RiskConfig
from engine.errors import ConfigError
from engine.events import NS, LimitChange
from engine.risk.gate import RiskGate
from engine.risk.limit_book import LimitBook
from engine.risk.limit_kinds import BOUNDS, KINDS, hard_range, loosens, shown
from tests.risk.conftest import SYMBOL, T0, entry, gate, view

D = Decimal
DESK, TREND, OURS = "desk", "strategy:trend", f"symbol:{SYMBOL}"

APART: dict[str, Any] = {"daily_loss_reduce_pct": 2.0, "daily_loss_halt_pct": 10.0}
"""So far that each can move alone."""


def book(**limits: Any) -> LimitBook:
    return LimitBook(RiskConfig(**limits), AccountConfig())


def put(found: LimitBook, name: str, value: float | None, scope: str = DESK) -> LimitChange | None:
    return found.set(scope, name, value, "me", T0)


def codes(desk: RiskGate, **changes: Any) -> list[str]:
    return [c.code for c in desk.check(entry(**changes), view()).checks if not c.passed]


def test_a_change_works_at_once_and_says_what_it_was() -> None:
    desk = gate()
    change = desk.book.set(DESK, "max_order_notional_pct", 1.0, "me", T0)
    assert change == LimitChange(DESK, "max_order_notional_pct", "5", "1", "me", T0)
    assert codes(desk) == ["ORDER_NOTIONAL"], "the order is worth 1.0001 % of equity"
    back = desk.book.set(DESK, "max_order_notional_pct", None, "me", T0 + 1)
    assert back == LimitChange(DESK, "max_order_notional_pct", "1", "", "me", T0 + 1)
    assert codes(desk) == []


def test_every_limit_of_the_desk_reaches_the_checks() -> None:
    config = RiskConfig(**APART)
    skipped = {"allow_short", "on_console_lost", "console_lost_s", "strategies", "symbols"}
    assert set(KINDS) == set(RiskConfig.__struct_fields__) - skipped
    for name, kind in KINDS.items():
        found = book(**APART)
        before = vars(found.limits).copy()
        value = getattr(config, name)
        tighter = (value / 2 if kind.looser_up else value * 2) or 5
        put(found, name, int(tighter) if BOUNDS[name].whole else tighter)
        after = vars(found.limits)
        same = {"_resolved", "own", "scopes", "currencies"}
        assert any(after[one] != before[one] for one in before if one not in same), name


@pytest.mark.parametrize("name", sorted(KINDS))
def test_hard_ranges_are_exact(name: str) -> None:
    kind, configured = KINDS[name], float(getattr(RiskConfig(**APART), name))
    hard = hard_range(kind, configured)
    edge = hard.high if kind.looser_up else hard.low
    step = 1.0 if hard.whole else edge * 1e-9
    found = book(**APART)
    assert put(found, name, edge) is not None or edge == configured
    assert found.value(DESK, name) == edge
    with pytest.raises(ConfigError, match=name):
        put(found, name, edge + step if kind.looser_up else edge - step)
    assert found.value(DESK, name) == edge, "nothing changed"
    for wrong in (math.nan, math.inf, -math.inf, -1.0):
        with pytest.raises(ConfigError, match=name):
            put(found, name, wrong)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_position_pct", 40.000001, ">= 0.001, <= 40"),
        ("max_position_pct", 0.0, ">= 0.001, <= 40"),
        ("stale_data_s", 3.001, ">= 0.001, <= 3"),
        ("duplicate_window_s", 0.499, ">= 0.5, <= 315360000"),
        ("order_burst", 10.5, ">= 1, <= 40, whole"),
        ("max_gross_pct", 201.0, ">= 0.001, <= 200"),
        ("max_order_quantity", -0.1, ">= 0.000000000001, <= 1000000000000000, or 0"),
        ("daily_loss_halt_pct", 10.1, ">= 0.001, <= 10"),
    ],
)
def test_a_refusal_says_what_is_allowed(name: str, value: float, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        put(book(), name, value)
    assert str(caught.value) == f"{name} of desk must be {text}, not {value:g}"


@pytest.mark.parametrize("name", list(KINDS))
def test_what_is_next_to_nothing_is_refused(name: str) -> None:
    """It would deny all the same, and be told with 330 digits."""
    with pytest.raises(ConfigError):
        put(book(), name, 5e-324)
    assert all(len(row.hard) < 60 for row in book().rows())


def test_none_can_be_given_a_limit_and_a_limit_not_be_taken_away() -> None:
    free, bound = book(), book(max_order_quantity=10.0, max_model_age_s=60.0)
    assert (
        put(free, "max_order_quantity", 3.0) is not None and put(free, "max_order_quantity", 0.0) is not None
    )
    for name in ("max_order_quantity", "max_model_age_s"):
        with pytest.raises(ConfigError, match=name):
            put(bound, name, 0.0)
    assert put(bound, "max_order_quantity", 20.0) is not None


def test_the_losses_keep_their_order() -> None:
    found = book()
    with pytest.raises(ConfigError, match="must not be above"):
        put(found, "daily_loss_reduce_pct", 5.1)
    with pytest.raises(ConfigError, match="must not be above"):
        put(found, "daily_loss_halt_pct", 2.9)
    assert put(found, "daily_loss_halt_pct", 8.0) is not None
    assert put(found, "daily_loss_reduce_pct", 6.0) is not None
    with pytest.raises(ConfigError, match="must not be above"):
        put(found, "daily_loss_halt_pct", None)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (DESK, "max_pos"), (DESK, "allow_short"), (DESK, "strategies"), (TREND, "stale_data_s"),
        (OURS, "max_drawdown_pct"), ("strategy:", "max_position_pct"), ("symbol:", "max_position_pct"),
        ("exits", "stop_loss_pct"), ("", "max_position_pct"), ("\x1b[31m", "max_position_pct"),
    ],
)  # fmt: skip
def test_unknown_scopes_and_names_are_refused(scope: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        put(book(), name, 1.0, scope)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_so_already_is_no_change() -> None:
    found = book(strategies={"trend": {"max_position_pct": 5.0}})
    assert put(found, "max_position_pct", None) is None
    assert put(found, "max_position_pct", None, "strategy:other") is None
    put(found, "max_position_pct", 10.0)
    assert put(found, "max_position_pct", 10.0) is None


def test_what_a_person_fixes_stays_when_the_file_changes() -> None:
    """Setting what is configured is a change: the next configuration may say otherwise."""
    change = put(book(), "max_position_pct", 20.0)
    assert change is not None
    later = book(max_position_pct=30.0)
    assert later.restore(change) == "" and later.value(DESK, "max_position_pct") == 20


def test_the_journal_is_folded_to_the_same_limits() -> None:
    before, changes = book(symbols={SYMBOL: {"max_position_pct": 5.0}}), []
    for scope, name, value in (
        (DESK, "max_position_pct", 10.0), (DESK, "max_position_pct", 12.5), (DESK, "max_gross_pct", 50.0),
        (DESK, "max_gross_pct", None), (TREND, "max_open_orders", 3.0), (OURS, "max_position_pct", 10.0),
        ("strategy:model", "max_net_pct", 7.0), ("strategy:model", "max_net_pct", None),
    ):  # fmt: skip
        change = put(before, name, value, scope)
        assert change is not None
        changes.append(change)
    after = book(symbols={SYMBOL: {"max_position_pct": 5.0}})
    assert [after.restore(change) for change in changes] == [""] * len(changes)
    assert after.rows() == before.rows()
    assert (
        after.value(OURS, "max_position_pct") == 10 and after.value("strategy:model", "max_net_pct") is None
    )


@pytest.mark.parametrize(
    "change",
    [
        LimitChange(DESK, "max_position_pct", "20", "40", "me", T0),  # the configuration says 10 by now
        LimitChange(DESK, "max_pos", "1", "2", "me", T0),
        LimitChange(TREND, "stale_data_s", "1", "2", "me", T0),
        LimitChange(DESK, "max_position_pct", "20", "much", "me", T0),
        LimitChange(DESK, "max_position_pct", "20", "nan", "me", T0),
    ],
)
def test_what_is_not_allowed_any_more_leaves_the_configuration(change: LimitChange) -> None:
    found = book(max_position_pct=10.0)
    assert found.restore(LimitChange(DESK, "max_position_pct", "10", "8", "me", T0)) == ""
    told = found.restore(change)
    assert "as configured" in told and change.name in told
    expected = 10 if change.name == "max_position_pct" else 8
    assert found.value(DESK, "max_position_pct") == expected


def test_changes_of_other_scopes_are_not_this_books() -> None:
    found = book()
    assert found.restore(LimitChange("exits", "stop_loss_pct", "0.5", "1", "me", T0)) == ""
    assert found.rows() == book().rows()


def test_rows_tell_the_desk_then_who_has_limits_of_their_own() -> None:
    found = book(strategies={"trend": {"max_position_pct": 5.0}})
    put(found, "max_open_orders", 2.0, OURS)
    put(found, "max_position_pct", 10.0)
    rows = {(row.scope, row.name): row for row in found.rows()}
    assert [row.name for row in found.rows()[: len(KINDS)]] == list(KINDS)
    assert [key for key in rows if key[0] != DESK] == [
        (TREND, "max_position_pct"), (OURS, "max_open_orders"),
    ]  # fmt: skip
    desk, trend, ours = (
        rows[DESK, "max_position_pct"], rows[TREND, "max_position_pct"], rows[OURS, "max_open_orders"]
    )  # fmt: skip
    assert (desk.value, desk.default, desk.hard, desk.unit) == (10, 20, ">= 0.001, <= 40", "% of equity")
    assert (trend.value, trend.default, trend.hard) == (5, 5, ">= 0.001, <= 10")
    assert (ours.value, ours.default, ours.hard) == (2, None, ">= 1, <= 1000000, whole")
    assert all(row.about and row.unit and row.hard for row in found.rows())


@pytest.mark.parametrize(
    ("name", "before", "after", "looser"),
    [
        ("max_position_pct", 5.0, 6.0, True),
        ("max_position_pct", 5.0, 4.0, False),
        ("duplicate_window_s", 2.0, 1.0, True),
        ("duplicate_window_s", 1.0, 2.0, False),
        ("max_order_quantity", 5.0, 0.0, True),
        ("max_order_quantity", 0.0, 5.0, False),
        ("max_position_pct", None, 5.0, False),
        ("max_position_pct", 5.0, None, True),
    ],
)
def test_what_loosens(name: str, before: float | None, after: float | None, looser: bool) -> None:
    assert loosens(KINDS[name], before, after) is looser


def test_the_book_knows_what_loosens_before_it_is_applied() -> None:
    found = book(strategies={"trend": {"max_position_pct": 5.0}})
    for scope, value, looser in (
        (DESK, 30.0, True),
        (DESK, 10.0, False),
        (TREND, 8.0, True),
        (OURS, 1.0, False),
    ):
        change = found.propose(scope, "max_position_pct", value, "me", T0)
        assert change is not None and found.loosens(change) is looser
    assert found.rows() == book(strategies={"trend": {"max_position_pct": 5.0}}).rows(), "nothing is applied"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([DESK, TREND, OURS]),
            st.sampled_from(sorted(KINDS)),
            st.none() | st.floats(allow_nan=True) | st.integers(0, 200).map(float),
        ),
        max_size=12,
    )
)
def test_no_live_change_leaves_the_hard_ranges(wanted: list[tuple[str, str, float | None]]) -> None:
    config = RiskConfig(strategies={"trend": {"max_position_pct": 5.0}})
    found, journal = LimitBook(config, AccountConfig()), []
    for scope, name, value in wanted:
        try:
            change = found.set(scope, name, value, "me", T0)
        except ConfigError:
            continue
        if change is not None:
            journal.append(change)
    for row in found.rows():
        kind = KINDS[row.name]
        assert hard_range(kind, row.default).holds(row.value)
        if row.scope == DESK and row.default:
            bound = row.default * 2 if kind.looser_up else row.default / 2
            assert row.value <= bound if kind.looser_up else row.value >= bound
    again = LimitBook(config, AccountConfig())
    for change in journal:
        assert again.restore(msgspec.json.decode(msgspec.json.encode(change), type=LimitChange)) == ""
    assert again.rows() == found.rows()


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_a_value_survives_its_text(value: float) -> None:
    assert float(shown(value)) == value and "e" not in shown(value).lower()


def test_the_pace_follows_what_is_changed_live() -> None:
    desk = gate(max_orders_per_s=1.0, order_burst=3)
    desk.sent(entry(client_order_id="td-0", quantity=D(1)), T0)
    assert codes(desk) == []
    desk.book.set(DESK, "order_burst", 1, "me", T0)
    desk.sent(entry(client_order_id="td-2", quantity=D(2)), T0)
    assert codes(desk) == ["THROTTLE"]
    desk.book.set(DESK, "max_orders_per_s", 2.0, "me", T0)
    later = desk.check(entry(), view(now_ns=T0 + NS // 2))
    assert later.approved, later.detail


def test_own_limits_are_those_of_the_configuration() -> None:
    assert set(OWN_LIMITS) <= set(KINDS)
