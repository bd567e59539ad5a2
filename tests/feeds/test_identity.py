"""Ids that are no row: nothing twice, and after each cut the past meets the present, or a Gap says not."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Gap, MarketEvent, Quote, Trade
from engine.feeds.continuity import Missing
from engine.feeds.identity import MAX_TOLD, Identity


def trade(trade_id: int, event_ns: int, price: float = 1.0) -> Trade:
    return Trade("v:A", trade_id, price, 1.0, 1, event_ns, event_ns)


def push(order: Identity, *events: MarketEvent) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    order.push(events, out)
    return out


def fill(order: Identity, missing: Missing, reason: str, *found: Trade) -> list[MarketEvent]:
    missing.found[:] = found
    out: list[MarketEvent] = []
    order.fill(missing, reason, out)
    return out


def shape(events: list[MarketEvent]) -> list[int | str]:
    return ["gap" if isinstance(one, Gap) else one.trade_id for one in events if isinstance(one, Gap | Trade)]


def started(*told: Trade) -> Identity:
    order = Identity(["v:A"])
    order.connected(0)
    push(order, *told)
    return order


def cut(order: Identity, now_ns: int) -> Missing:
    order.cut()
    order.connected(now_ns)
    (missing,) = order.wanted
    order.wanted.clear()
    return missing


def test_duplicates_go_whatever_the_order_of_ids() -> None:
    order = started()
    quote = Quote("v:A", 1, 1, 2, 1, 0, 0)
    assert shape(push(order, trade(9, 1), trade(3, 2), quote, trade(9, 1), trade(7, 3))) == [9, 3, 7]
    assert order.duplicates == 1
    out: list[MarketEvent] = []
    order.push([trade(3, 2), trade(8, 4)], out, repeats=True)
    assert shape(out) == [8] and order.duplicates == 1


def test_what_is_remembered_is_bounded() -> None:
    order = started(*(trade(n, n) for n in range(3 * MAX_TOLD)))
    assert len(order._tracks["v:A"].told) == MAX_TOLD
    assert push(order, trade(3 * MAX_TOLD - 1, 1)) == []


def test_a_page_that_meets_both_ends_leaves_no_hole() -> None:
    order = started(trade(9, 1), trade(3, 2))
    missing = cut(order, 10)
    assert push(order, trade(5, 12), trade(6, 13)) == []
    missing.found[:] = [trade(3, 2), trade(7, 5)]
    assert not order.joined(missing)
    out = fill(order, missing, "", trade(9, 1), trade(3, 2), trade(7, 5), trade(5, 12))
    assert shape(out) == [7, 5, 6]
    assert [one.backfilled for one in out if isinstance(one, Trade)] == [True, False, False]
    assert shape(push(order, trade(6, 13), trade(1, 14))) == [1]


def test_a_second_cut_while_the_first_is_joined_is_joined_with_it() -> None:
    order = started(trade(9, 1), trade(3, 2))
    first = cut(order, 10)
    push(order, trade(5, 12))
    second = cut(order, 20)
    assert order.given_up == [first] and fill(order, first, "", trade(3, 2), trade(5, 12)) == []
    push(order, trade(6, 25))
    second.found[:] = [trade(3, 2), trade(5, 12)]
    assert not order.joined(second)
    out = fill(order, second, "", trade(3, 2), trade(4, 6), trade(5, 12), trade(8, 15), trade(6, 25))
    assert shape(out) == [4, 5, 8, 6]
    for found, told in (([], ["gap", 5, "gap", 6]), ([trade(3, 2), trade(4, 6)], [4, 5, "gap", 6])):
        order = started(trade(9, 1), trade(3, 2))
        cut(order, 10)
        push(order, trade(5, 12))
        second = cut(order, 20)
        push(order, trade(6, 25))
        assert shape(fill(order, second, "refused", *found)) == told


def test_a_page_that_does_not_is_a_gap_in_its_place() -> None:
    for reason, found, told in (
        ("", [trade(7, 5), trade(5, 12)], ["gap", 7, 5]),
        ("too slow", [trade(3, 2), trade(7, 5)], [7, "gap", 5]),
        ("too slow", [trade(7, 5)], ["gap", 7, "gap", 5]),
        ("refused", [], ["gap", 5]),
    ):
        order = started(trade(9, 1), trade(3, 2))
        missing = cut(order, 10)
        push(order, trade(5, 12))
        out = fill(order, missing, reason, *found)
        assert shape(out) == told
        assert all(one.reason for one in out if isinstance(one, Gap))


def test_a_symbol_that_never_traded_has_lost_nothing_unless_nobody_knows() -> None:
    for reason, told in (("", []), ("refused", ["gap"])):
        order = started()
        missing = cut(order, 10)
        assert order.joined(missing)
        assert shape(fill(order, missing, reason)) == told
    order = started()
    missing = cut(order, 10)
    assert shape(fill(order, missing, "", trade(1, -5), trade(2, 5))) == [2]  # before the start: history


def test_waiting_is_bounded_in_number_and_time() -> None:
    order = Identity(["v:A"], max_held=3, max_hold_ns=5 * NS)
    order.connected(0)
    push(order, trade(1, 1))
    missing = cut(order, 10)
    out = push(order, *(trade(n, n) for n in range(20, 24)))
    assert shape(out) == ["gap", 20, 21, 22, 23] and order.given_up == [missing]
    assert fill(order, missing, "late", trade(5, 5)) == []
    cut(order, NS)
    push(order, trade(30, NS))
    waited: list[MarketEvent] = []
    order.expire(6 * NS, waited)
    assert waited == []
    order.expire(6 * NS + 1, waited)
    assert shape(waited) == ["gap", 30]
    order.cut()  # and trades come before the subscription was acknowledged
    assert shape(push(order, *(trade(n, n) for n in range(40, 44)))) == ["gap", 40, 41, 42, 43]


def test_what_short_connections_brought_does_not_wait_for_the_next_one() -> None:
    order = Identity(["v:A"], max_hold_ns=5 * NS)
    order.connected(0)
    push(order, trade(1, 1))
    for at in (1, 2):  # both are cut before REST has answered
        cut(order, at * NS)
        push(order, trade(10 + at, at * NS), trade(20 + at, at * NS))
    order.cut()
    out: list[MarketEvent] = []
    order.expire(6 * NS, out)
    assert out == []
    order.expire(7 * NS, out)
    assert shape(out) == ["gap", 11, 21, "gap", 12, 22]
    missing = cut(order, 60 * NS)  # has its whole time, and is joined to these
    push(order, trade(30, 60 * NS))
    order.expire(61 * NS, out)
    assert shape(fill(order, missing, "", trade(22, 2 * NS), trade(25, 50 * NS), trade(30, 60 * NS))) == [
        25,
        30,
    ]


def test_what_polling_told_before_the_first_connection_is_joined_to_it() -> None:
    order = Identity(["v:A"])
    out: list[MarketEvent] = []
    order.page([trade(9, 1), trade(4, 5)], out)
    order.connected(20)
    assert shape(push(order, trade(2, 22))) == []
    (missing,) = order.wanted
    assert shape(fill(order, missing, "", trade(4, 5), trade(7, 15), trade(2, 22))) == [7, 2]


def test_a_quiet_symbol_is_joined_when_rest_would_know_of_its_last_trade() -> None:
    order = started(trade(9, 1))
    missing = cut(order, 10)
    missing.found[:] = [msgspec.structs.replace(trade(9, 1), recv_ns=10 + NS // 2)]
    assert not order.joined(missing)
    missing.found[:] = [msgspec.structs.replace(trade(9, 1), recv_ns=10 + NS)]
    assert order.joined(missing)


def test_pages_of_polling_are_joined_to_each_other() -> None:
    order = started(trade(9, 1))
    order.cut()
    out: list[MarketEvent] = []
    order.page([trade(9, 1), trade(4, 5)], out)
    order.page([trade(4, 5), trade(2, 6), Quote("v:A", 1, 1, 2, 1, 0, 0)], out)
    order.page([trade(7, 9), trade(8, 10)], out)
    assert shape(out) == [4, 2, "gap", 7, 8] and isinstance(out[2], Quote)
    fresh = Identity(["v:A"])
    out = []
    fresh.page([trade(7, 9), trade(8, 10)], out)
    assert shape(out) == [7, 8]


def test_what_waits_of_a_symbol_that_is_left_out_is_told_and_nothing_asked_for_again() -> None:
    order = started(trade(9, 1))
    cut(order, 10)
    push(order, trade(5, 12))
    order.cut()
    out: list[MarketEvent] = []
    order.leave_out(["v:A"], "gone", 30, out)
    assert shape(out) == ["gap", 5]
    order.connected(40)
    assert order.wanted == []
    later: list[MarketEvent] = []
    order.expire(10_000 * NS, later)
    assert later == []


def test_without_ids_two_that_say_the_same_are_two_unless_they_come_again() -> None:
    order = started()
    assert shape(push(order, trade(-1, 1), trade(-1, 1), trade(-1, 2, 5.0))) == [-1, -1, -1]
    missing = cut(order, 10)
    push(order, trade(-1, 12))
    out = fill(order, missing, "", trade(-1, 2, 5.0), trade(-1, 3), trade(-1, 12))
    assert [one.event_ns for one in out if isinstance(one, Trade)] == [3, 12]
    assert not any(isinstance(one, Gap) for one in out)


@settings(max_examples=500)
@given(st.integers(0, 1 << 32))
def test_each_trade_is_told_once_or_a_gap_is(seed: int) -> None:
    """Random ids, cuts anywhere, pages that may be too short, too late, or none."""
    rng, count = random.Random(seed), 40
    truth = [trade(trade_id, 10 * (n + 1)) for n, trade_id in enumerate(rng.sample(range(count), count))]
    order = Identity(["v:A"])
    order.connected(0)
    out: list[MarketEvent] = []
    at = 0
    while at < count:
        live = rng.randint(0, 10)
        order.push(truth[at : at + live], out)
        at = min(at + live, count)
        if at == count:
            break
        order.cut()
        at = min(at + rng.randint(0, 8), count)
        order.connected(10 * at + 5)
        came = truth[at : at + rng.randint(0, 4)]
        order.push(came, out)
        at += len(came)
        for missing in order.wanted:
            # REST may be behind, but not for long: when nothing has come since, it is not.
            upto = rng.choice([at, at, at - 1, at - 6]) if came else at
            page = truth[max(0, upto - rng.randint(0, 15)) : max(0, upto)]
            missing.found[:] = page
            reason = "" if page and order.joined(missing) else "not joined"
            order.fill(missing, reason, out)
        order.wanted.clear()
    told = [one for one in out if isinstance(one, Trade)]
    assert len({one.trade_id for one in told}) == len(told)
    lost = {one.trade_id for one in truth} - {one.trade_id for one in told}
    gaps = [n for n, one in enumerate(out) if isinstance(one, Gap)]
    for one in truth:
        if one.trade_id in lost:
            # A Gap stands where it is missing: before all that is younger, behind all that was told by then.
            at = [(n, event.event_ns) for n, event in enumerate(out) if isinstance(event, Trade)]
            after = min((n for n, ns in at if ns > one.event_ns), default=len(out))
            before = max((n for n, ns in at if ns < one.event_ns and n < after), default=-1)
            assert any(before < n < after for n in gaps), (one, out)


def test_a_trade_that_is_dated_wrong_hides_no_hole_after_the_next_cut() -> None:
    order = started(trade(1, 100 * NS), Trade("v:A", 2, 1.0, 1.0, 1, 10**9 * NS, 101 * NS))
    for second in range(102, 400):
        push(order, trade(second, second * NS))
    missing = cut(order, 500 * NS)
    push(order, trade(600, 600 * NS))
    told = fill(order, missing, "", trade(590, 590 * NS), trade(600, 600 * NS))
    assert shape(told) == ["gap", 590, 600]
