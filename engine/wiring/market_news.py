"""What the market tells beside ticks: books wrong or right, depth, bars, gaps, changed grids, frames that
cannot be read.

Gaps: the symbol's windows and bars say from then on that trades are missing in them, until they have rolled
past it; nothing can repair them, since trades that a backfill brings are counted and never fed to a window,
and mark it just as well. Books: a wrong one takes its depth, and the quotes that are its top, with it within
the very message. Bars of a symbol that no socket brings are its price: see ``candle_prints``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.config import Config
from engine.events import (
    NS,
    BookStatus,
    Candle,
    Depth,
    Gap,
    GridChange,
    Malformed,
    OtherEvent,
    Trade,
)
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.market.quarantine import Quarantine
from engine.wiring.candle_prints import POLLED as POLLED
from engine.wiring.candle_prints import CandleBelief, polled, print_of

log = logging.getLogger("engine.market")

TOLD_BEFORE = ("DUPLICATE", "OUT_OF_ORDER")
"""A source that is polled tells its newest bars again and again: that is no fault of theirs."""
_MOST_TOLD = 10_000
TOLD_AGAIN_NS = 60 * NS
"""Alerts are journaled one by one: of a symbol's gaps one is told in so long, and how many came beside it."""


def _nobody(candle: Candle) -> None:
    """Nobody keeps bars."""


class MarketNews:
    """Takes each of them in at its place in the stream of events.

    ``on_trade`` puts a print into the stream; ``add_symbol`` gives a symbol its rows at a price.
    """

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        quarantine: Quarantine,
        paper: PaperVenue,
        *,
        on_trade: Callable[[Trade], None],
        add_symbol: Callable[[str, float], int],
        count: Callable[[str], None],
        alert: Callable[[str, str, str], None],
    ) -> None:
        self._belief = CandleBelief(config.quality.daily_return_pct)
        self._instruments = instruments
        self._features = features
        self._freshness = freshness
        self._quarantine = quarantine
        self._paper = paper
        self._on_trade = on_trade
        self._add_symbol = add_symbol
        self._count = count
        self._alert = alert
        self.depths: dict[str, Depth] = {}
        """The newest of each symbol whose book is right."""
        self.candles: dict[str, Candle] = {}
        """The newest bar of each symbol, open or closed."""
        self.gaps: dict[str, int] = {}
        """Gap events by symbol."""
        self._gaps_told: dict[str, tuple[int, int]] = {}
        """When one was told last, and how many were not since then."""
        self.on_candle: Callable[[Candle], None] = _nobody
        """Called with each bar that is believed, open or closed; it must neither raise nor wait."""

    def on_event(self, event: OtherEvent) -> None:
        if isinstance(event, Depth):
            self._on_depth(event)
        elif isinstance(event, Candle):
            self._on_candle(event)
        elif isinstance(event, BookStatus):
            self._on_book(event)
        elif isinstance(event, Gap):
            self._on_gap(event)
        elif isinstance(event, GridChange):
            self._on_grid(event)
        elif isinstance(event, Malformed):
            self._count("feeds:MALFORMED")
            self._quarantine.frame(event)

    def _on_depth(self, depth: Depth) -> None:
        instrument = self._instruments.get(depth.symbol)
        if instrument is not None:
            self.depths[depth.symbol] = depth
            self._freshness.note_depth(instrument.index, depth)
            self._paper.on_depth(depth)

    def _on_book(self, status: BookStatus) -> None:
        symbol = status.symbol
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        self._freshness.note_book(instrument.index, status)
        if status.live:
            log.info("%s: the book is right", symbol)
            return
        log.warning("%s: the book is wrong: %s", symbol, status.reason)
        self.depths.pop(symbol, None)
        self._paper.forget_depth(symbol)
        if status.quotes:
            self._features.doubt_quote(instrument.index)

    def _on_grid(self, change: GridChange) -> None:
        """What is decided from now on is on the new grid; orders at work stay as they were accepted."""
        symbol = change.symbol
        before = self._instruments.get(symbol)
        if before is None:
            self._add_symbol(symbol, 1.0)
        self._instruments.learn(change)
        now = self._instruments.get(symbol)
        if before is None or now is None or before.assumed or not (told := _changes(before, now)):
            return
        self._alert("warning", symbol, f"the venue changed {told}; orders at work stay as they are")

    def _on_gap(self, gap: Gap) -> None:
        instrument = self._instruments.get(gap.symbol)
        if instrument is not None:
            self._features.miss_trades(instrument.index, gap.recv_ns)
            self.gaps[gap.symbol] = self.gaps.get(gap.symbol, 0) + 1
        told_ns, untold = self._gaps_told.pop(gap.symbol, (0, 0))
        if 0 <= gap.recv_ns - told_ns < TOLD_AGAIN_NS:
            self._gaps_told[gap.symbol] = told_ns, untold + 1
            return
        if len(self._gaps_told) >= _MOST_TOLD:
            self._gaps_told.pop(next(iter(self._gaps_told)))
        self._gaps_told[gap.symbol] = gap.recv_ns, 0
        missing = f"{gap.first_id}–{gap.last_id}" if gap.last_id >= 0 else "an unknown number"
        more = f"; {untold} more gaps since the last one that was told" if untold else ""
        self._alert("warning", gap.symbol, f"trades {missing} missed: {gap.reason}{more}")

    # --- bars ------------------------------------------------------------------------------------

    def _on_candle(self, candle: Candle) -> None:
        reason = self._belief.check(candle)
        if reason:
            if reason not in TOLD_BEFORE:
                self._count(f"market:{reason}")
                self._quarantine.candle(candle, reason)
            return
        price = polled(candle)
        if price or self._instruments.get(candle.symbol) is not None:
            self.candles[candle.symbol] = candle
        if price:
            self._price(candle)
        self.on_candle(candle)

    def _price(self, candle: Candle) -> None:
        """A bar is all that is known of its symbol's price."""
        index = self._add_symbol(candle.symbol, candle.close)
        self._freshness.note_candle(index, candle.recv_ns)
        trade = print_of(candle)
        if trade is not None:
            self._on_trade(trade)


def _changes(before: Instrument, now: Instrument) -> str:
    steps = {
        "tick": (before.tick_size, now.tick_size),
        "lot": (before.lot_size, now.lot_size),
        "least notional": (before.min_notional, now.min_notional),
        "largest order": (before.max_quantity, now.max_quantity),
    }
    return ", ".join(f"{name} {old:f} to {new:f}" for name, (old, new) in steps.items() if old != new)
