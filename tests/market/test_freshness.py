"""Freshness: ages by kind of what was consumed, and every reason for which a symbol is stale."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config import FeaturesConfig
from engine.events import NS, BookStatus, Depth
from engine.features.engine import FeatureEngine
from engine.market.freshness import NO_QUOTE, AgeLimits, Freshness
from tests.features.ticks import T0, block, quote, trade

SILENCE = 3 * NS
LIMITS = AgeLimits(trade_s=60, quote_s=10, book_s=10, candle_s=180)


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def feed(engine: FeatureEngine, *ticks: tuple[Any, ...]) -> None:
    packed, position = block(*ticks), 0
    while (outcome := engine.feed(packed, position, len(packed)))[0]:
        position = outcome[1]


def fresh_of(symbols: int = 1) -> tuple[FeatureEngine, Freshness]:
    engine = FeatureEngine(FeaturesConfig())
    for number in range(symbols):
        engine.add_symbol(f"test:{number}")
    return engine, Freshness(engine, LIMITS)


def wrong(*, quotes: bool) -> BookStatus:
    return BookStatus("test:0", False, "checksum differs", quotes, at(0))


RIGHT = BookStatus("test:0", True, "", True, at(0))


def test_ages_come_from_accepted_live_ticks() -> None:
    engine, fresh = fresh_of(3)
    feed(engine, trade(0, 10), quote(2, 10, 11), trade(3, 10, reject=1), trade(4, 10, backfilled=True))
    feed(engine, trade(5, 10, symbol=1))
    assert [fresh.age_ns(i, at(6)) for i in range(3)] == [4 * NS, NS, None]
    assert (fresh.trade_age_ns(0, at(6)), fresh.quote_age_ns(0, at(6))) == (6 * NS, 4 * NS)
    assert (fresh.trade_age_ns(1, at(6)), fresh.quote_age_ns(1, at(6))) == (NS, None)
    assert fresh.stale_count(at(6), 2 * NS) == 2


def test_exactly_the_limit_is_fresh_and_ages_are_never_negative() -> None:
    engine, fresh = fresh_of()
    feed(engine, trade(1, 10))
    assert (fresh.stale_count(at(3), 2 * NS), fresh.stale_count(at(3) + 1, 2 * NS)) == (0, 1)
    assert fresh.age_ns(0, T0) == 0


def test_in_a_batch_it_knows_what_was_consumed_so_far() -> None:
    engine, fresh = fresh_of(2)
    ticks = block(trade(0.1, 10), trade(0.2, 10, symbol=1), trade(9.5, 10))
    engine.feed(ticks, 0, 3)
    assert fresh.age_ns(0, engine.now_ns) == 9 * NS // 10
    engine.feed(ticks, 2, 2)
    assert fresh.stale_count(at(5), 2 * NS) == 2


def test_a_symbol_that_never_ticked_is_stale() -> None:
    _, fresh = fresh_of()
    assert fresh.reason(0, at(1), SILENCE) == "no data yet" and fresh.fault(0, at(1)) == ""


@pytest.mark.parametrize(
    ("seconds", "reason"), [(10.0, ""), (10.1, "quote 10 s old"), (62.0, "quote 62 s old")]
)
def test_quotes_that_stopped_are_stale_though_trades_flow(seconds: float, reason: str) -> None:
    engine, fresh = fresh_of()
    feed(engine, quote(0, 10, 11), trade(seconds, 10))
    assert fresh.fault(0, at(seconds)) == fresh.reason(0, at(seconds), SILENCE) == reason
    assert fresh.stale_count(at(seconds), SILENCE) == bool(reason)


def test_an_old_trade_beside_fresh_quotes_is_marked_and_denies_nothing() -> None:
    engine, fresh = fresh_of()
    feed(engine, trade(0, 10), quote(60, 10, 11))
    assert not fresh.trade_is_old(0, at(60))
    feed(engine, quote(61, 10, 11))
    assert fresh.trade_is_old(0, at(61)) and fresh.fault(0, at(61)) == ""
    assert fresh.reason(0, at(61), SILENCE) == "" and fresh.stale_count(at(61), SILENCE) == 0


def test_where_trades_are_the_only_price_they_must_be_fresh() -> None:
    engine, fresh = fresh_of()
    feed(engine, trade(0, 10))
    silence = 100 * NS
    assert fresh.fault(0, at(60)) == "" and fresh.stale_count(at(60), silence) == 0
    assert fresh.fault(0, at(61)) == fresh.reason(0, at(61), silence) == "trade 61 s old"
    assert fresh.stale_count(at(61), silence) == 1
    feed(engine, quote(61, 10, 11))
    assert fresh.fault(0, at(61)) == ""
    engine.doubt_quote(0)
    assert fresh.fault(0, at(61)) == "trade 61 s old"


def test_a_kind_that_never_came_is_not_missed() -> None:
    engine, fresh = fresh_of(2)
    feed(engine, quote(0, 10, 11), trade(0, 10, symbol=1))
    feed(engine, quote(100, 10, 11), trade(100, 10, symbol=1))
    assert [fresh.fault(i, at(100)) for i in range(2)] == ["", ""]
    assert fresh.stale_count(at(100), SILENCE) == 0


def test_silence_is_judged_by_the_limit_that_is_given() -> None:
    engine, fresh = fresh_of()
    feed(engine, quote(0, 10, 11))
    assert fresh.reason(0, at(4), SILENCE) == "data 4 s old" and fresh.fault(0, at(4)) == ""


def test_a_wrong_book_makes_the_quotes_of_it_stale_at_once_until_it_is_right() -> None:
    engine, fresh = fresh_of()
    feed(engine, quote(0, 10, 11))
    fresh.note_book(0, wrong(quotes=True))
    assert fresh.fault(0, at(0)) == fresh.reason(0, at(0), SILENCE) == "book checksum differs"
    assert fresh.stale_count(at(0), SILENCE) == 1 and fresh.book_fault(0) == "book checksum differs"
    fresh.note_book(0, RIGHT)
    assert fresh.fault(0, at(0)) == fresh.book_fault(0) == "" and fresh.stale_count(at(0), SILENCE) == 0


def test_a_wrong_book_beside_quotes_of_their_own_is_told_and_denies_nothing() -> None:
    engine, fresh = fresh_of()
    feed(engine, quote(0, 10, 11))
    fresh.note_book(0, wrong(quotes=False))
    assert fresh.fault(0, at(0)) == "" and fresh.book_fault(0) == "book checksum differs"


def test_the_age_of_a_book_is_forgotten_while_it_is_wrong() -> None:
    _, fresh = fresh_of()
    fresh.note_depth(0, Depth("test:0", (), (), at(1), at(1)))
    assert fresh.book_age_ns(0, at(4)) == 3 * NS
    assert not fresh.book_is_old(0, at(11)) and fresh.book_is_old(0, at(11.1))
    fresh.note_book(0, wrong(quotes=False))
    assert fresh.book_age_ns(0, at(4)) is None and not fresh.book_is_old(0, at(100))


def test_bars_alone_are_shown_as_long_as_they_are_fresh_and_never_traded_at() -> None:
    engine, fresh = fresh_of()
    feed(engine, trade(0, 10))
    fresh.note_candle(0, at(0))
    assert fresh.fault(0, at(1)) == NO_QUOTE
    assert fresh.reason(0, at(180), SILENCE) == "" and fresh.stale_count(at(180), SILENCE) == 0
    assert fresh.reason(0, at(181), SILENCE) == "bar 181 s old" and fresh.stale_count(at(181), SILENCE) == 1


class Behind:
    """The data of the second symbol comes late."""

    def late_ns(self, index: int) -> int:
        return 2 * NS if index == 1 else 0

    def late(self) -> list[int]:
        return [1]


def test_what_comes_late_is_stale_to_who_looks_however_lately_it_was_heard() -> None:
    engine, _ = fresh_of(3)
    fresh = Freshness(engine, LIMITS, lateness=Behind())
    feed(engine, *(quote(0, 10, 11, symbol=index) for index in range(3)))
    told = [fresh.reason(index, at(1), SILENCE) for index in range(3)]
    assert told == ["", "2.0 s late, or clocks differ", ""]
    assert fresh.stale_count(at(1), SILENCE) == 1
    assert fresh.look(1, at(1))[1] == "", "its entries are denied by the clocks"
    assert fresh.silence(1, at(1), SILENCE) == "", "what makes a position smaller may leave"
    assert fresh.silence(1, at(60), SILENCE) == fresh.reason(1, at(60), SILENCE) != ""
