"""Who is asked for what lies before the reach of a source, for what may come late, and what is made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.events import NS
from engine.feeds.base import UnreachableError
from engine.feeds.rest import RefusedError
from engine.store.bar import Provenance
from engine.wiring.history_load import Target
from tests.store.bar_samples import MINUTE, START, candles
from tests.wiring.test_history_load import BARS, DAY, Fake, Loading, load

KRAKEN = "kraken:BTC/USD"


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    one = Loading(tmp_path, START + BARS * MINUTE + 11 * NS)
    yield one
    one.close()


async def test_the_next_is_asked_for_what_the_first_does_not_reach(loading: Loading) -> None:
    told = candles(BARS)
    near, far = Fake("yahoo", told[DAY:]), Fake("polygon", told[:DAY])
    near.back_ns = DAY * MINUTE + 11 * NS
    status = await load(loading, near, far, symbol="poll:X")
    assert not status.faults and not status.reach_ns
    assert near.asked == [(START + DAY * MINUTE, START + (BARS + 1) * MINUTE)]
    assert far.asked == [(START, START + (DAY + 1) * MINUTE)]
    found = loading.reader.bars("poll:X", 60)
    assert len(found) == BARS
    assert {found.bar(at).source for at in range(DAY)} == {"polygon"}
    assert {found.bar(at).source for at in range(DAY, BARS)} == {"yahoo"}
    assert (await load(loading, near, far, symbol="poll:X")).wanted == 0


async def test_what_nobody_reaches_is_told_and_not_wanted(loading: Loading) -> None:
    near = Fake("yahoo", candles(BARS)[DAY:])
    near.back_ns = DAY * MINUTE + 11 * NS
    status = await load(loading, near, symbol="poll:X")
    assert (status.wanted, status.stored, status.faults) == (DAY, DAY, {})
    assert status.reach_ns == {"poll:X": START + DAY * MINUTE}
    # One that has more is asked, once there is one: nothing says that it had been.
    loading.load._checked.clear()
    loading.load._quiet.clear()
    far = Fake("polygon", candles(BARS)[:DAY])
    again = await load(loading, near, far, symbol="poll:X")
    assert (again.wanted, again.stored) == (DAY, DAY) and loading.opens("poll:X") == list(range(BARS))


async def test_a_reach_that_moves_on_while_bars_are_loaded_is_no_fault(loading: Loading) -> None:
    near = Fake("yahoo", candles(BARS)[DAY + 10 :])
    near.back_ns = DAY * MINUTE + 11 * NS
    before = loading.load._changed

    def later() -> None:
        before()
        loading.now_ns = START + (BARS + 10) * MINUTE

    loading.load._changed = later
    assert not (await load(loading, near, symbol="poll:X")).faults


async def test_others_are_asked_for_no_more_than_the_rest_of_a_venues_bars(loading: Loading) -> None:
    told = candles(BARS)
    venue, service = Fake("kraken", told[DAY:]), Fake("polygon", told[:DAY])
    venue.back_ns = DAY * MINUTE + 11 * NS
    target = Target(KRAKEN, ((venue, "BTC/USD"),), (), ((service, "X:BTCUSD"),))
    assert not (await loading.load.run([target])).faults
    found = loading.reader.bars(KRAKEN, 60)
    assert len(found) == BARS
    assert found.bar(0).provenance is Provenance.SERVICE and found.bar(0).source == "polygon"
    assert found.bar(DAY).provenance is Provenance.VENUE


async def test_nobody_stands_in_for_a_venue_that_fails(loading: Loading) -> None:
    venue, service = Fake("kraken", RefusedError("kraken: no")), Fake("polygon", candles(BARS)[:DAY])
    venue.back_ns = DAY * MINUTE + 11 * NS
    target = Target(KRAKEN, ((venue, "BTC/USD"),), (), ((service, "X:BTCUSD"),))
    assert (await loading.load.run([target])).faults == {KRAKEN: "kraken: no"}
    assert service.asked == [(START, START + (DAY + 1) * MINUTE)]
    assert loading.opens(KRAKEN) == list(range(DAY))


async def test_what_a_service_tells_late_is_asked_for_again(loading: Loading) -> None:
    told = candles(BARS)
    service = Fake("polygon", told[: BARS - 300])
    service.delay_s = 86_400
    await load(loading, service, symbol="poll:X")
    assert loading.opens("poll:X") == list(range(BARS - 300))
    loading.now_ns = (loading.now_ns // (86_400 * NS) + 1) * 86_400 * NS + 11 * NS
    service.pages = [told[BARS - 300 :]]
    before = len(service.asked)
    await load(loading, service, symbol="poll:X")
    assert loading.opens("poll:X")[-1] == BARS - 1
    assert len(service.asked) == before + 1


async def test_nothing_is_made_up_while_a_market_may_be_closed(loading: Loading) -> None:
    told = candles(BARS)
    lunch = [*told[:600], *told[660:]]
    share, coin = Fake("yahoo", lunch), Fake("yahoo", lunch)
    await loading.load.run(
        [Target("poll:0700.HK", ((share, "0700.HK"),), fills=False), Target("poll:BTC/USD", ((coin, "B"),))]
    )
    assert len(loading.opens("poll:0700.HK")) == BARS - 60
    found = loading.reader.bars("poll:BTC/USD", 60)
    assert len(found) == BARS and found.bar(630).provenance is Provenance.FILLED


async def test_who_knows_of_no_dividend_is_believed(loading: Loading) -> None:
    first, second = Fake("yahoo", candles(BARS)), Fake("polygon")
    asked: list[str] = []

    async def actions(symbol: str, native: str, start_ns: int, end_ns: int) -> list[object]:
        asked.append(symbol)
        return []

    second.actions = actions  # type: ignore[method-assign, assignment]
    await load(loading, first, second, symbol="poll:X")
    assert asked == []
    unable = Fake("twelve-data", candles(BARS))
    unable.tells_actions = False
    await load(loading, unable, second, symbol="poll:Y")
    assert asked == ["poll:Y"]


async def test_a_bar_that_is_told_again_as_it_was_is_no_news(loading: Loading) -> None:
    told = candles(5)
    store = loading.store
    first = Fake("yahoo", told, UnreachableError("away"))
    await load(loading, first, symbol="poll:X")
    held = [loading.reader.bars("poll:X", 60).bar(at) for at in range(5)]
    later = [replace(one, told_ns=one.told_ns + 60 * NS) for one in held]
    assert store.call(store.page(later)) == 0
    assert store.call(store.page([replace(later[2], close=later[2].close + 1.0)])) == 1
