"""One shard of the features stage: its ticks in, what its strategies say out.

Rows and signals are to the bit those that one process makes for the shard's symbols, whatever the rounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.bus.messages import AtBar, AtRise, Listed, Placed, Settings, ShardTicks
from engine.config import Config
from engine.errors import BusError, ConfigError
from engine.events import BookStatus, Gap
from engine.feature_table import FeatureTable
from engine.features.engine import BARS, NONE, RISE, FeatureEngine
from engine.strategies.registry import StrategySet
from engine.text import clean
from engine.ticks import TICK

log = logging.getLogger("engine.shard")

Said = AtBar | AtRise
_SWITCHES = ("enabled", "weight", "symbols", "budget_pct")
_ROW = TICK.itemsize
FEW = 32
"""Ticks of which a list is looked through sooner than an array."""
_UNKNOWN = np.full(1, -1, np.int32)
_NEWS, _MARK = 0, 1
"""At one place, what was told comes first: it is the tick there that moves the clock."""


class Shard:
    """Owns the windows, bars and strategies of its symbols.

    ``timer`` (ns): with it, users' strategies that are too slow are switched off. ``on_table`` is called with
    the bars of each boundary, except while the past is fed.
    """

    def __init__(
        self,
        number: int,
        config: Config,
        *,
        timer: Callable[[], int] | None = None,
        on_table: Callable[[FeatureTable], None] | None = None,
    ) -> None:
        self.number = number
        self.config = config
        self.features = FeatureEngine(config.features, quote_max_age_s=config.risk.stale_data_s)
        self.strategies = StrategySet(
            config.strategies,
            Path(config.strategies_dir) if config.strategies_dir else None,
            bars=self._bars,
            timer=timer,
            limit_s=config.strategy_limit_ms / 1e3,
            stuck_s=config.strategy_stuck_s,
        )
        self.symbols: list[str] = []
        """By the index that they have here; it rises with ``indices``."""
        self.indices: list[int] = []
        """The same in all of the topology."""
        self._own: dict[str, int] = {}
        self._table = np.full(64, -1, np.int32)
        """From an index of the topology to ours."""
        self._places: dict[str, int] = {}
        self._make_room(1024 * _ROW)
        self._on_table = on_table
        self._said: list[Said] = []
        self._warming = False
        self.round = 0
        """The last one that was taken; 0: none."""
        self.entry = 0
        """The last one with an entry for this shard."""
        self.settings = Settings(0, {})
        """The last that were taken."""
        self.faults: list[tuple[str, str]] = []
        """(strategy, traceback) of those that failed; whoever tells of them empties it."""
        self.failed_at: list[tuple[int, int]] = []
        """The same of (ns, index) of the trigger at which each of them did; -1: a bar boundary."""
        self.ended = False
        """Nothing follows in this epoch of the market worker."""
        self.ticks = self.bars = self.losses = 0
        self._note_places()

    # --- in ---

    def take(self, number: int, entry: ShardTicks) -> list[Said]:
        """Everything of one round; what the strategies said to it, in their order.

        Raises BusError for what is no entry of this topology.
        """
        if self.entry and entry.previous != self.entry:
            self.miss()
        for one in entry.listed:
            self.add_symbol(one)
        self._warming = entry.warming
        count = self._put(entry)
        start = 0
        for at, kind, what in self._between(entry):
            self._feed(start, at)
            start = at
            if kind == _MARK:
                while self.features.advance(what) != NONE:
                    self._on_bars()
            else:
                self._on_news(what)
        self._feed(start, count)
        self.ticks += count
        self.round = self.entry = number
        self.ended = entry.end
        said, self._said = self._said, []
        return said

    def add_symbol(self, listed: Listed) -> None:
        """An instrument of this shard; one that is known already changes nothing."""
        if listed.symbol in self._own:
            if self.indices[self._own[listed.symbol]] != listed.index:
                raise BusError(f"{clean(listed.symbol, 60)} changed its number: start all workers anew")
            return
        if self.indices and listed.index <= self.indices[-1]:
            raise BusError(f"{clean(listed.symbol, 60)} came out of order: start all workers anew")
        own = self._own[listed.symbol] = self.features.add_symbol(listed.symbol)
        self.symbols.append(listed.symbol)
        self.indices.append(listed.index)
        if listed.index >= len(self._table):
            grown = np.full(2 * listed.index, -1, np.int32)
            grown[: len(self._table)] = self._table
            self._table = grown
        self._table[listed.index] = own
        watch = self.strategies.rise_watch
        if watch is not None:
            self.features.watch_rise(own, *watch)

    def miss(self) -> None:
        """Entries were lost: windows and bars say so until they are past it."""
        self.losses += 1
        now_ns = self.features.now_ns
        for own in range(len(self.symbols)):
            self.features.miss_trades(own, now_ns)

    def set(self, settings: Settings) -> None:
        """Strategies as they are switched and set now; what cannot be is logged, and the rest is done."""
        if settings.version <= self.settings.version:
            return
        if settings.reload:
            told = self.strategies.reload()
            log.log(logging.INFO if told.whole else logging.WARNING, "strategies: %s", told.text)
        known = self.strategies.settings()
        for name, section in settings.strategies.items():
            if name not in known:
                log.warning(
                    "there is no strategy %s here: its file is missing on this machine", clean(name, 60)
                )
                continue
            try:
                self._set(name, section)
            except ConfigError as error:
                log.warning("strategies.%s: %s", clean(name, 60), error)
        self.settings = settings
        self._note_places()
        self._note_faults()
        self.watch_rises()

    def watch_rises(self) -> None:
        """By the strategies as they are set now."""
        watch = self.strategies.rise_watch or (0.0, 0.0, 0.0, 0)
        for own in range(len(self.symbols)):
            self.features.watch_rise(own, *watch)

    # --- ticks ---

    def _put(self, entry: ShardTicks) -> int:
        """Its ticks into the buffer, numbered as ours."""
        size = len(entry.ticks)
        count = size // _ROW
        if size % _ROW or len(entry.places) != 4 * count:
            raise BusError(f"shard {self.number}: an entry's ticks are cut off")
        if size > len(self._buffer):
            self._make_room(2 * size)
        if count:
            self._buffer[:size] = entry.ticks
            try:
                own = self._table[self._foreign[:count]]
            except IndexError:
                own = _UNKNOWN
            if (min(own.tolist()) if count < FEW else int(own.min())) < 0:
                raise BusError(f"shard {self.number}: a tick of an instrument that was not listed")
            self._numbers[:count] = own
        return count

    def _make_room(self, size: int) -> None:
        self._buffer = bytearray(size)
        self._rows: Any = np.frombuffer(self._buffer, TICK)
        self._numbers = self._rows["symbol"]
        self._foreign = self._numbers.view(np.uint32)  # what is below 0 is out of bounds then

    def _between(self, entry: ShardTicks) -> Iterator[tuple[int, int, Any]]:
        """(our tick that it comes before, kind, what) of news and marks, in order."""
        if not (entry.marks or entry.news):
            return
        found: list[tuple[int, int, int, Placed | int]] = []
        found += [(one.place, _NEWS, at, one) for at, one in enumerate(entry.news)]
        found += [(place, _MARK, at, ns) for at, (place, ns) in enumerate(entry.marks)]
        found.sort(key=lambda one: one[:3])
        places = np.frombuffer(entry.places, "<u4")
        cuts = np.searchsorted(places, [one[0] for one in found]).tolist()
        for cut, (_, kind, _, what) in zip(cuts, found, strict=True):
            yield cut, kind, what

    def _feed(self, start: int, stop: int) -> None:
        if start == stop:
            return
        feed, rows = self.features.feed, self._rows
        code, position, own = feed(rows, start, stop)
        while code != NONE:
            if code == BARS:
                self._on_bars()
            elif code == RISE and not self._warming:
                self._on_rise(own)
            code, position, own = feed(rows, position, stop)

    def _on_news(self, placed: Placed) -> None:
        event = placed.event
        if isinstance(event, Gap):
            own = self._own.get(event.symbol)
            if own is not None:
                self.features.miss_trades(own, event.recv_ns)
        elif isinstance(event, BookStatus) and event.quotes and not event.live:
            own = self._own.get(event.symbol)
            if own is not None:
                self.features.doubt_quote(own)

    # --- triggers ---

    def _on_bars(self) -> None:
        table = self.features.closed_table()
        self.bars += len(table)
        for signal in self.strategies.on_bars(table):
            index = self.indices[self._own[signal.symbol]]
            self._said.append(AtBar(table.ns, self._places[signal.source], index, signal))
        self._note_faults(table.ns)
        if self._on_table is not None and not self._warming:
            self._on_table(table)

    def _on_rise(self, own: int) -> None:
        row = self.features.row(own)
        signals = self.strategies.on_rise(row)
        if signals:
            self._said.append(AtRise(row.ns, self.indices[own], tuple(signals)))
        self._note_faults(row.ns, self.indices[own])

    def _note_faults(self, ns: int = 0, index: int = -1) -> None:
        faults = self.strategies.take_errors()
        if faults:
            for name, trace in faults:
                for line in trace.splitlines():
                    log.error("%s: %s", name, line)
            self.faults += faults
            self.failed_at += [(ns, index)] * len(faults)
            self.watch_rises()

    def _note_places(self) -> None:
        self._places = {state.name: place for place, state in enumerate(self.strategies.states())}

    def _bars(self, symbol: str, count: int) -> Any:
        own = self._own.get(symbol)
        if own is None:
            raise LookupError(f"no bars of {clean(symbol, 60)}: it belongs to another shard")
        return self.features.bars(own, count)

    # --- settings ---

    def _set(self, name: str, section: dict[str, object]) -> None:
        """Only what is different, since a strategy that is changed begins anew."""
        strategies = self.strategies
        now = strategies.settings()[name]
        changed = {key: value for key, value in section.items() if now.get(key) != value}
        parameters = {key: value for key, value in changed.items() if key not in _SWITCHES}
        strategies.check(name, {key: changed[key] for key in _SWITCHES if key in changed}, parameters)
        if parameters:
            strategies.set_params(name, parameters)
        symbols, budget, weight = (changed.get(key) for key in ("symbols", "budget_pct", "weight"))
        if isinstance(symbols, Sequence):
            strategies.set_symbols(name, tuple(str(one) for one in symbols))
        if isinstance(budget, int | float):
            strategies.set_budget(name, float(budget))
        if isinstance(weight, int | float):
            strategies.set_weight(name, float(weight))
        if isinstance(changed.get("enabled"), bool):
            strategies.set_enabled(name, bool(changed["enabled"]))
