"""Polling in the socket's place: one symbol's refusal is its own, an unreachable venue is everyone's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import msgspec

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import MarketEvent, Quote, Trade
from engine.feeds.backoff import Backoff
from engine.feeds.base import Request, UnreachableError
from engine.feeds.binance import Binance
from engine.feeds.polling import Poller
from engine.feeds.rest import RefusedError

TRADES = b'[{"id":7,"price":"1.5","qty":"2","time":3,"isBuyerMaker":false}]'
BOOK = b'{"bidPrice":"1","bidQty":"2","askPrice":"3","askQty":"4"}'


class Answers:
    """Stands for Rest. ``wrong`` maps a native symbol to what its requests raise, or to their body."""

    def __init__(self) -> None:
        self.wrong: dict[str, FeedError | bytes] = {}
        self.asked: list[str] = []

    async def get(self, request: Request) -> bytes:
        native = dict(request.params)["symbol"]
        self.asked.append(native)
        wrong = self.wrong.get(native)
        if isinstance(wrong, FeedError):
            raise wrong
        if wrong is not None:
            return wrong
        return TRADES if request.path.endswith("trades") else BOOK


class Polled:
    """A running poller of A, B and C, and what it told."""

    def __init__(self) -> None:
        self.rest = Answers()
        self.events: list[MarketEvent] = []
        self.failures: list[str] = []
        self.poller = Poller(
            Binance(FeedConfig(symbols=("A", "B", "C"))),
            self.rest,  # type: ignore[arg-type]
            0.001,
            Backoff(0.001, 0.004, random.Random(1)),
            clock=lambda: 9,
            deliver=self.events.extend,
            failed=self.failures.append,
        )

    def told(self, native: str) -> list[Trade]:
        return [one for one in self.events if isinstance(one, Trade) and one.symbol == f"binance:{native}"]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            self.poller.start(tasks)
            try:
                while not condition():
                    await asyncio.sleep(0.001)
            finally:
                self.poller.stop()


async def test_a_refused_symbol_does_not_starve_the_others() -> None:
    for wrong in (RefusedError("HTTP 400"), b"no JSON", b'[{"id":"x"}]'):
        polled = Polled()
        polled.rest.wrong["A"] = wrong
        await polled.until(lambda p=polled: len(p.told("B")) >= 2 and len(p.told("C")) >= 2)  # type: ignore[misc]
        assert polled.told("A") == [] and polled.failures == []
        assert list(polled.poller.refused) == ["A"] and polled.poller.refused["A"].startswith("A: ")
        assert any(isinstance(one, Quote) and one.symbol == "binance:C" for one in polled.events)


async def test_a_symbol_that_is_answered_again_is_refused_no_more_and_begins_with_history() -> None:
    polled = Polled()
    polled.rest.wrong["A"] = RefusedError("HTTP 400")
    rest = polled.rest

    def answered() -> bool:
        if len(polled.told("B")) >= 2:
            rest.wrong.clear()
        return len(polled.told("A")) >= 2

    await polled.until(answered)
    assert polled.poller.refused == {}
    assert [one.backfilled for one in polled.told("A")[:2]] == [True, False]
    assert [one.backfilled for one in polled.told("B")[:2]] == [True, False]


async def test_an_unreachable_venue_ends_the_round_and_what_comes_after_it_is_history() -> None:
    polled = Polled()
    rest = polled.rest

    def back() -> bool:
        if len(polled.told("C")) == 2 and not polled.failures:
            rest.wrong["B"] = UnreachableError("binance does not answer")
        elif polled.failures:
            rest.wrong.clear()
        return len(polled.told("C")) >= 3

    await polled.until(back)
    assert set(polled.failures) == {"binance does not answer"}
    assert [one.backfilled for one in polled.told("C")[:3]] == [True, False, True]


async def test_a_round_in_which_all_are_refused_has_failed() -> None:
    polled = Polled()
    polled.rest.wrong = dict.fromkeys("ABC", RefusedError("HTTP 403"))
    await polled.until(lambda: len(polled.failures) >= 2)
    assert polled.failures[0] == "A: HTTP 403" and polled.events == []
    assert polled.rest.asked[:3] == ["A", "B", "C"]


async def test_a_quote_that_its_venue_dates_is_told_once_however_often_it_is_asked_for() -> None:
    """As the latest quote of a share while its exchange is closed."""
    polled, times = Polled(), [5, 5, 4, 6]

    class Dated(Binance):
        def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote:
            quote = super().parse_quote(native, body, recv_ns)
            return msgspec.structs.replace(quote, event_ns=times.pop(0) if len(times) > 1 else times[0])

    polled.poller._venue = Dated(FeedConfig(symbols=("A",)))
    await polled.until(lambda: polled.rest.asked.count("A") >= 16)
    assert [one.event_ns for one in polled.events if isinstance(one, Quote)] == [5, 6]
    assert len(polled.told("A")) >= 7, "its trades are told as ever"
