"""What a REST source of bars promises to the collection loop and to the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from engine.events import Candle
from engine.feeds.base import FeedStats, UnreachableError


class Split(msgspec.Struct, frozen=True):
    """From ``ns`` on, ``denominator`` old shares are ``numerator`` new ones: a 4:1 split is (4, 1)."""

    ns: int
    """00:00 UTC of the first day that trades in new shares."""
    numerator: float
    denominator: float


class Dividend(msgspec.Struct, frozen=True):
    """Who buys from ``ns`` on (the ex-date) does not get ``amount``: in the quote currency, per share of then
    or, where the source's bars are adjusted for splits, of today.
    """

    ns: int
    amount: float


Action = Split | Dividend


class ExhaustedError(UnreachableError):
    """No request may leave now: the budget is spent, or the service asked to be left alone. Nothing was
    asked; ``retry_after_s`` is when one may.
    """


class Source(Protocol):
    """One service. Every method may raise ExhaustedError, UnreachableError (it may pass: try another source,
    or later) and ``rest.RefusedError`` or another FeedError (asking the same again cannot help: an unknown
    symbol, a key that is not accepted, an interval that is not offered). None raises anything else.

    ``symbol`` is how the engine calls the instrument, and what the events carry; ``native`` is the service's
    spelling of it, as ``native_of`` gives it.
    """

    name: str
    """yahoo, alpha-vantage, twelve-data, polygon, or a venue."""
    split_adjusted: bool
    """Its bars are already in today's shares. False: as they traded, splits are still to be applied.
    No source's bars are adjusted for dividends."""
    dividends_adjusted: bool
    """Its dividends are per share of today. False: per share of the day on which they were paid."""
    tells_actions: bool
    """``actions`` knows splits and dividends: where it answers that there are none, there are none."""
    delay_s: int
    """So long after its end a bar may still come."""
    intervals_s: frozenset[int]
    """What ``bars`` can be asked for; empty: it is not known beforehand, ``bars`` refuses what it has not."""

    @property
    def venue(self) -> str:
        """The row in which feed health shows it."""

    @property
    def stats(self) -> FeedStats:
        """Its health now: what is left of its budget, what went wrong."""

    def native_of(self, canonical: str) -> str:
        """The service's spelling of a canonical name; "" for what it cannot know."""

    def earliest_ns(self, interval_s: int, now_ns: int) -> int:
        """How far back it has such bars; 0: as far as anybody asks."""

    def wait_ns(self, now_ns: int) -> int:
        """How long until ``latest`` may be asked, by budget, pace and circuit, about; 0: now."""

    async def latest(self, symbol: str, native: str) -> list[Candle]:
        """The newest bars in order of ``open_ns``, a few at most; the last one still forms, those before it
        are closed. Empty: the service knows the symbol and has no price of it.
        """

    def bars(
        self, symbol: str, native: str, interval_s: int, start_ns: int, end_ns: int
    ) -> AsyncIterator[list[Candle]]:
        """Bars that begin in ``start_ns <= open_ns < end_ns``, page by page in order of time; a page is one
        request, and may be empty. It begins at ``earliest_ns``, if that is later.

        Half of a day's budget is left for ``latest``.
        """

    async def actions(self, symbol: str, native: str, start_ns: int, end_ns: int) -> list[Action]:
        """Splits and dividends in ``start_ns <= ns < end_ns``, in order; empty where it tells none."""

    async def close(self) -> None: ...
