"""Trade ids: nothing twice, nothing out of order, nothing missing without a word."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS, Gap, MarketEvent, Quote, Trade
from engine.feeds.continuity import Continuity, Missing


def trade(trade_id: int, symbol: str = "v:A", *, event_ns: int | None = None, recv_ns: int = 0) -> Trade:
    return Trade(symbol, trade_id, 1.0, 1.0, 1, trade_id if event_ns is None else event_ns, recv_ns)


def at_once(**limits: int) -> Continuity:
    """No missing trade is waited for: it is asked for."""
    return Continuity(settle_ns=0, **limits)


def push(continuity: Continuity, *events: MarketEvent) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    continuity.push(events, out)
    return out


def fill(
    continuity: Continuity, missing: Missing, found: list[Trade], reason: str, out: list[MarketEvent]
) -> None:
    missing.found.extend(found)
    continuity.fill(missing, reason, out)


def ids(events: list[MarketEvent]) -> list[int]:
    return [event.trade_id for event in events if isinstance(event, Trade)]


def test_an_unbroken_row_passes_and_duplicates_do_not() -> None:
    continuity = at_once()
    assert ids(push(continuity, trade(5), trade(6), trade(6), trade(5), trade(7))) == [5, 6, 7]
    assert continuity.wanted == []


def test_a_hole_holds_its_symbol_back_and_nothing_else() -> None:
    continuity = at_once()
    quote = Quote("v:A", 1, 1, 2, 1, 0, 0)
    out = push(continuity, trade(1), trade(4), trade(5), quote, trade(9, "v:B"), trade(-1, "v:A"))
    assert ids(out) == [1, 9, -1] and quote in out
    (missing,) = continuity.wanted
    assert (missing.symbol, missing.first_id, missing.last_id, missing.since_ns) == ("v:A", 2, 3, 1)
    filled: list[MarketEvent] = []
    fill(continuity, missing, [trade(3), trade(2), trade(4)], "", filled)
    assert ids(filled) == [2, 3, 4, 5]
    assert [one.backfilled for one in filled if isinstance(one, Trade)] == [True, True, False, False]


def test_what_cannot_be_had_becomes_gaps_in_their_place() -> None:
    continuity = at_once()
    push(continuity, trade(1), trade(7))
    (missing,) = continuity.wanted
    out: list[MarketEvent] = []
    fill(continuity, missing, [trade(3), trade(4)], "lost", out)
    shape = [(one.first_id, one.last_id) if isinstance(one, Gap) else one.trade_id for one in out]  # type: ignore[union-attr]
    assert shape == [(2, 2), 3, 4, (5, 6), 7]
    assert all(one.reason == "lost" for one in out if isinstance(one, Gap))


def test_a_second_hole_among_the_held_is_fetched_next() -> None:
    continuity = at_once()
    push(continuity, trade(1), trade(3), trade(6))
    first = continuity.wanted.pop()
    out: list[MarketEvent] = []
    fill(continuity, first, [trade(2)], "", out)
    assert ids(out) == [2, 3]
    second = continuity.wanted.pop()
    fill(continuity, second, [trade(4), trade(5)], "", out)
    assert ids(out) == [2, 3, 4, 5, 6]


def test_holding_is_bounded_in_number_and_time() -> None:
    continuity = at_once(max_held=3, max_hold_ns=5 * NS)
    out = push(continuity, trade(1), *(trade(i) for i in range(3, 8)))
    assert ids(out) == [1, 3, 4, 5, 6, 7] and isinstance(out[1], Gap)
    late = continuity.wanted.pop()
    fill(continuity, late, [trade(2)], "", out)
    assert ids(out) == [1, 3, 4, 5, 6, 7]  # an answer after its hole was told is dropped

    push(continuity, trade(9, recv_ns=10 * NS))
    waited: list[MarketEvent] = []
    continuity.expire(15 * NS, waited)
    assert waited == []
    continuity.expire(15 * NS + 1, waited)
    assert isinstance(waited[0], Gap) and "5 s" in waited[0].reason and ids(waited) == [9]


def test_a_hole_given_up_keeps_what_was_fetched_and_its_fetch_is_to_stop() -> None:
    continuity = at_once(max_hold_ns=5 * NS)
    push(continuity, trade(1), trade(9))
    (missing,) = continuity.wanted
    missing.found.extend([trade(6), trade(3), trade(2)])
    out: list[MarketEvent] = []
    continuity.expire(5 * NS + 1, out)
    shape = [(one.first_id, one.last_id) if isinstance(one, Gap) else one.trade_id for one in out]  # type: ignore[union-attr]
    assert shape == [2, 3, (4, 5), 6, (7, 8), 9]
    assert continuity.given_up == [missing]
    assert [one.backfilled for one in out if isinstance(one, Trade)] == [True, True, True, False]


def test_a_hole_too_long_to_fetch_is_told_at_once() -> None:
    continuity = at_once(max_missing=10)
    out = push(continuity, trade(1), trade(13))
    assert isinstance(out[1], Gap) and (out[1].first_id, out[1].last_id) == (2, 12)
    assert ids(out) == [1, 13] and continuity.wanted == []


def test_a_trade_that_is_dated_wrong_does_not_end_all_that_come_after_it() -> None:
    continuity, now = at_once(), 10**6 * NS
    push(continuity, *(trade(one, event_ns=now + one, recv_ns=now + one) for one in (1, 2)))
    assert ids(push(continuity, trade(10**15, event_ns=10**9 * NS, recv_ns=now + 3))) == [10**15]
    out: list[MarketEvent] = []
    for second in range(1, 131):
        at = now + second * NS
        out += push(continuity, trade(5000 + second, event_ns=at, recv_ns=at))
    assert isinstance(out[0], Gap) and ids(out) == list(range(5121, 5131))


def test_a_trade_that_is_dated_wrong_comes_once_like_all_others() -> None:
    """It comes again with a snapshot, or in each page of REST: its date says of no new count then either."""
    continuity, now = at_once(), 10**6 * NS
    told = [trade(one, event_ns=now + one, recv_ns=now + one) for one in range(1, 6)]
    told[2] = trade(3, event_ns=10**9 * NS, recv_ns=now + 3)
    assert ids(push(continuity, *told)) == [1, 2, 3, 4, 5]
    again = [msgspec.structs.replace(one, recv_ns=now + 9 * NS) for one in told]
    assert push(continuity, *again) == []
    out: list[MarketEvent] = []
    continuity.page(again, out)
    assert out == []


def test_a_clock_of_ours_that_is_behind_makes_no_duplicate_a_trade() -> None:
    continuity, behind = at_once(), 600 * NS
    for number in range(1, 5):
        at = number * 70 * NS
        assert ids(push(continuity, trade(number, event_ns=at + behind, recv_ns=at))) == [number]
        assert push(continuity, trade(number, event_ns=at + behind, recv_ns=at)) == []


def test_ids_that_start_over_are_believed() -> None:
    continuity = at_once()
    told = [trade(one, event_ns=at * NS, recv_ns=at * NS) for one, at in ((1000, 0), (1, 100), (2, 101))]
    out = push(continuity, *told)
    assert ids(out) == [1000, 1, 2] and isinstance(out[1], Gap)


def test_an_id_far_too_high_does_not_end_all_that_come_after_it() -> None:
    """They went on from where it came between: it was wrong, and they are no duplicates."""
    continuity = at_once(max_missing=100)
    assert ids(push(continuity, trade(1), trade(900_000), trade(900_001))) == [1, 900_000, 900_001]
    late = [trade(1), trade(2), trade(2), trade(900_000)]
    assert push(continuity, *late) == [] and continuity.duplicates == 4
    out = push(continuity, trade(3), trade(5), trade(6))
    assert ids(out) == [5, 6] and [type(event) for event in out] == [Gap, Trade, Trade]
    assert ids(push(continuity, trade(7), trade(6))) == [7]


def test_a_long_outage_is_no_wrong_id() -> None:
    continuity = at_once(max_missing=100)
    push(continuity, trade(1), trade(900_000))
    before = [trade(one) for one in range(2, 9)]
    out: list[MarketEvent] = []
    continuity.push(before, out, repeats=True)
    assert out == [] and ids(push(continuity, trade(900_001))) == [900_001]


def expired(continuity: Continuity, now_ns: int) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    continuity.expire(now_ns, out)
    return out


def test_swapped_trades_come_in_order_without_being_asked_for() -> None:
    continuity = Continuity(settle_ns=NS)
    assert push(continuity, trade(5)) == []
    assert ids(expired(continuity, NS)) == [5]
    out = push(continuity, trade(7, recv_ns=NS), trade(8, recv_ns=NS), trade(10, recv_ns=NS))
    assert out == [] and expired(continuity, 2 * NS - 1) == []
    assert ids(push(continuity, trade(6, recv_ns=NS))) == [6, 7, 8]
    assert ids(push(continuity, trade(9, recv_ns=NS), trade(11, recv_ns=NS))) == [9, 10, 11]
    assert continuity.wanted == [] and continuity.reordered == 2 and continuity.duplicates == 0


def test_one_that_does_not_come_by_itself_is_asked_for() -> None:
    continuity = Continuity(settle_ns=NS)
    push(continuity, trade(5))
    expired(continuity, NS)
    push(continuity, trade(8, recv_ns=NS))
    assert expired(continuity, 2 * NS - 1) == [] and continuity.wanted == []
    expired(continuity, 2 * NS)
    assert [(one.first_id, one.last_id) for one in continuity.wanted] == [(6, 7)]


def test_one_that_comes_while_it_is_fetched_ends_the_fetch() -> None:
    continuity = at_once()
    push(continuity, trade(5), trade(8))
    (missing,) = continuity.wanted
    assert ids(push(continuity, trade(6))) == [6]
    assert ids(push(continuity, trade(7))) == [7, 8]
    assert continuity.given_up == [missing]
    out: list[MarketEvent] = []
    fill(continuity, missing, [trade(6), trade(7)], "late", out)
    assert out == []


def test_the_first_trades_are_put_in_order_too() -> None:
    continuity = Continuity(settle_ns=NS)
    assert push(continuity, trade(6), trade(5), trade(7)) == []
    assert ids(expired(continuity, NS)) == [5, 6, 7]
    assert ids(push(continuity, trade(4, recv_ns=NS), trade(8, recv_ns=NS))) == [8]
    assert continuity.duplicates == 1


def test_the_first_trade_after_a_cut_says_that_nothing_is_known_of_the_past() -> None:
    for connections, told in ((1, 0), (2, 1)):
        continuity = at_once()
        for _ in range(connections):
            continuity.connected(100)
        out = push(continuity, trade(5, event_ns=200))
        assert sum(isinstance(one, Gap) for one in out) == told and ids(out) == [5]
    continuity = at_once()
    continuity.connected(100)
    continuity.connected(150)
    assert ids(push(continuity, trade(5, event_ns=90))) == [5]  # history reaches back before the start


def test_repeats_that_are_expected_are_not_counted() -> None:
    continuity = at_once()
    push(continuity, trade(1), trade(2), trade(3))
    out: list[MarketEvent] = []
    continuity.push([trade(2), trade(3), trade(4)], out, repeats=True)
    continuity.page([trade(3), trade(4), trade(5)], out)
    assert ids(out) == [4, 5] and continuity.duplicates == 0
    push(continuity, trade(5))
    assert continuity.duplicates == 1


@given(order=st.permutations(range(12)), known=st.sets(st.integers(0, 11)), doubled=st.integers(0, 11))
def test_whatever_the_order_each_is_told_once_and_in_order(
    order: list[int], known: set[int], doubled: int
) -> None:
    continuity = Continuity(settle_ns=10)
    out: list[MarketEvent] = []
    for now, trade_id in enumerate([*order, doubled]):
        continuity.push([trade(trade_id, recv_ns=now)], out)
        continuity.expire(now, out)
        while continuity.wanted:
            missing = continuity.wanted.pop()
            fill(continuity, missing, [trade(one) for one in known], "not had", out)
    continuity.expire(1000, out)
    told = []
    for event in out:
        if isinstance(event, Gap):
            told += range(event.first_id, event.last_id + 1)
        elif isinstance(event, Trade):
            told.append(event.trade_id)
    assert told == list(range(told[0], 12))
    assert told[0] <= min(order[:10])


@given(
    seen=st.lists(st.integers(0, 60), max_size=60),
    had=st.sets(st.integers(0, 60)),
    duplicated=st.booleans(),
)
def test_every_id_is_told_once_in_order_as_trade_or_gap(
    seen: list[int], had: set[int], duplicated: bool
) -> None:
    seen = sorted(seen) if duplicated else sorted(set(seen))
    continuity = at_once()
    out: list[MarketEvent] = []
    for trade_id in seen:
        continuity.push([trade(trade_id)], out)
        while continuity.wanted:
            missing = continuity.wanted.pop()
            fill(continuity, missing, [trade(one) for one in sorted(had)], "not had", out)
    told: list[int] = []
    for event in out:
        if isinstance(event, Gap):
            told += range(event.first_id, event.last_id + 1)
        elif isinstance(event, Trade):
            told.append(event.trade_id)
            assert event.backfilled == (event.trade_id not in seen)
    assert told == (list(range(seen[0], seen[-1] + 1)) if seen else [])
