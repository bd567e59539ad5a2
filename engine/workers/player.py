"""A desk that is played rounds: what one process would have seen, at the same places."""

from __future__ import annotations

import contextlib

import numpy as np

from engine.bus.messages import Listed, Round
from engine.ticks import BACKFILLED, TRADE
from engine.wiring.desk import Desk
from engine.wiring.intake import Ticks
from engine.workers.heard import HeardSignals
from engine.workers.join import Ready
from engine.workers.listings import grid_of


class Player:
    """``desk``: made with ``said`` that gives ``heard``."""

    def __init__(self, desk: Desk, heard: HeardSignals) -> None:
        self._desk = desk
        self._heard = heard
        self._warming: contextlib.ExitStack | None = None
        self._local = np.zeros(0, np.int32)
        """The desk's index by that on the bus: where it took up positions first, they differ."""
        self._same = True
        self.round = 0
        """The last one that was played."""
        self.decided = 0
        """Up to this round an earlier run decided: only what they tell of the market counts."""
        self.ended = False
        """The market worker said that nothing follows."""

    def play(self, ready: Ready) -> None:
        """Everything of one round."""
        round_, ticks = ready.round, ready.ticks
        self._warm(round_.warming or ready.number <= self.decided)
        for listed in round_.listed:
            self.list(listed)
        self._heard.take(ready.said, ready.failed)
        for name, trace in self._heard.take_failed():
            self._desk.on_strategy_failed(name, trace)
        late = self._heard.take_late()
        if late:
            self._desk.on_context(late)
        self._play(round_, ticks)
        if round_.advance_ns:
            self._desk.advance(round_.advance_ns)
        for reason, count in round_.rejected:
            self._desk.on_rejected(reason, count)
        if self._warming is None:  # else they were kept when they came
            for one in round_.quarantined:
                self._desk.record(one)
        self._heard.passed(self._desk.now_ns)
        self.round = ready.number
        self.ended = round_.end
        if ready.number >= self.decided and not round_.warming:
            self._warm(False)

    def cool(self) -> None:
        """The past is over, whatever of it did not come."""
        self._warm(False)

    def _play(self, round_: Round, ticks: Ticks) -> None:
        desk, start = self._desk, 0
        if not self._same:
            ticks["symbol"] = self._local[ticks["symbol"]]
        for place, event in ((placed.place, placed.event) for placed in round_.news):
            if place > start:
                desk.on_screened(ticks[start:place])
                start = place
            desk.news.on_event(event)
        if start < len(ticks):
            desk.on_screened(ticks[start:])
        if len(ticks) and not round_.warming:
            _note_clock(desk, ticks)

    def _warm(self, warming: bool) -> None:
        if warming and self._warming is None:
            self._warming = contextlib.ExitStack()
            self._warming.enter_context(self._desk.warming_up())
        elif not warming and self._warming is not None:
            self._warming.close()
            self._warming = None

    def list(self, listed: Listed) -> None:
        """An instrument of the bus, or the grid of one that is known."""
        desk = self._desk
        index = desk.intake.add_symbol(listed.symbol, listed.price)
        if listed.index >= len(self._local):
            grown = np.full(2 * listed.index + 2, -1, np.int32)
            grown[: len(self._local)] = self._local
            self._local = grown
        self._local[listed.index] = index
        self._same = self._same and index == listed.index
        self._heard.add_symbol(listed.symbol, listed.index)
        if listed.tick_size:
            desk.instruments.set_grid(listed.symbol, *grid_of(listed))


def _note_clock(desk: Desk, ticks: Ticks) -> None:
    """By the newest trade of each venue: as ``Desk.on_events`` does, where each read is one venue's."""
    trades = ticks[ticks["kind"] == TRADE]
    if not len(trades):
        newest = ticks[-1]
        desk.clock_offset.note_quote(desk.instruments[int(newest["symbol"])].venue, int(newest["recv_ns"]))
        return
    trades = trades[(trades["flags"] & BACKFILLED) == 0]
    if not len(trades):
        return
    last: list[np.void] = [trades[-1]]
    if (trades["symbol"] != last[0]["symbol"]).any():
        _, first = np.unique(trades["symbol"][::-1], return_index=True)
        last = [trades[at] for at in np.sort(len(trades) - 1 - first)]
    newest_of = {desk.instruments[int(one["symbol"])].venue: one for one in last}
    for venue, one in newest_of.items():
        desk.clock_offset.note(venue, int(one["event_ns"]), int(one["recv_ns"]))
