"""Bars as ticks given to a desk: past closes that need nobody, and by way of exit levels inside bars.

Takes the place of ``FeatureEngine.feed`` and answers alike, but skips the closes of bars at which the desk
would only have counted: see ``play_kernel``, which decides that. What these closes were to the account is
told to it before anything else happens, so the result is the same to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.events import JournalEvent
from engine.feature_table import FLOAT_FIELDS
from engine.features.consume import GROW, NONE
from engine.instruments import Instrument, Instruments
from engine.opportunities.blend_kernel import BLENDED
from engine.opportunities.rules import CODES
from engine.portfolio.position import Position
from engine.strategies.entry import Entry
from engine.strategies.scan import ChannelScan, Scan
from engine.strategies.scanned import scan_of
from engine.ticks import TICK
from engine.wiring.desk import Desk
from engine.wiring.play_kernel import PLACES, play
from engine.wiring.quiet_kernel import FIRST, KEYS, LAST, PERMIT, SCANS

_NEVER = (1 << 63) - 1
_QUANT = 3
"""Modules that rest on bars."""
_PARAMETERS = 2
_AT = {name: at for at, name in enumerate(PERMIT.fields or ())}
_QUIET, _DUE, _ENABLED = _AT["quiet"], _AT["due_ns"], _AT["enabled"]
_SWEEP, _NEXT_SWEEP, _TTL, _BAR = _AT["sweep_ns"], _AT["next_sweep_ns"], _AT["ttl_ns"], _AT["bar_ns"]
_DAY, _HELD, _DAY_START, _DAY_HIGH = _AT["day"], _AT["held"], _AT["day_start"], _AT["day_high"]
_TOP, _EQUITY, _CASH, _REDUCE = _AT["peak"], _AT["equity"], _AT["cash"], _AT["reduce_pct"]
_SKIPPED, _BARS, _BLENDS = _AT["skipped"], _AT["bars"], _AT["blends"]
_LAST_NS, _PASSED = _AT["last_ns"], _AT["passed"]

Array = npt.NDArray[Any]
Marks = list[tuple[str, Decimal]]


class Play:
    """Feeds one desk."""

    def __init__(self, desk: Desk, *, quiet: bool = True) -> None:
        """``quiet`` False: the desk looks at every boundary."""
        self._desk = desk
        self._quiet = quiet and desk.targets is None
        self._permits = np.zeros(1, PERMIT)
        permits: Any = self._permits
        self._counts: Any = memoryview(permits.view(np.int64))
        self._amounts: Any = memoryview(permits.view(np.float64))
        """The permit by field, whole numbers and others: a tenth of what a record's own fields cost."""
        counts = self._counts
        counts[_PASSED] = -1
        counts[_BAR] = desk.signals.quant.bar_ns
        counts[_SWEEP] = desk.trading.sweep_ns
        self._amounts[_REDUCE] = desk.config.risk.daily_loss_reduce_pct
        exits = desk.config.exits
        self._leaves = exits.max_holding_s > 0 or any(own.max_holding_s for own in exits.symbols.values())
        """Whether time alone may end a position."""
        self._told = np.zeros(2, TICK)
        self._refusals = np.zeros(len(CODES), np.int64)
        self._key_ns = np.zeros(KEYS, np.int64)
        self._ticks: Array | None = None
        self._address = 0
        self._arrays: tuple[Array, ...] = ()
        self._places = np.zeros((PLACES, 4), np.int64)
        """Where these are, and how large."""
        self._blended: Array | None = None
        self._held_at = np.zeros(1, np.int64)
        self._quantities = self._grid = self._marks = np.zeros(1)
        self._standing: tuple[Any, ...] = ()
        """The same with ``_held_at``, as Python writes to them."""
        self._held: list[Position] = []
        """Of which they are, and ``_grids`` too: symbols and ticks."""
        self._rows: dict[str, tuple[Position, Instrument, float, float, tuple[str, Decimal]]] = {}
        """By symbol: the position as it was last, and what ``_quantities`` and the others have of it."""
        self._grids: list[tuple[str, Decimal]] = []
        self._key_marks: Any = np.zeros(KEYS).data
        """One row after the other."""
        self._entries: Sequence[Entry] | None = None
        self._scans: list[tuple[int, Scan]] | None = None
        self._symbols = -1
        _, _, minutes, ttl_ns = desk.signals.aggregator.arrays()
        self._minutes = np.frombuffer(minutes, np.uint8)
        counts[_TTL] = ttl_ns

    @classmethod
    def of_nothing(cls, config: Config) -> None:
        """Run the kernel over no ticks at all, so that it is compiled."""

        def commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
            done()

        def record(record: object) -> None:
            """Nobody keeps it."""

        desk = Desk(config, Instruments(), commit=commit, record=record)
        cls(desk).feed(np.zeros(0, TICK), 0, 0)

    def feed(self, ticks: Array, start: int, stop: int) -> tuple[int, int, int]:
        """As ``FeatureEngine.feed``; a BARS that it returns wants to be looked at."""
        features = self._desk.features
        if ticks is not self._ticks:
            features.go_on(NONE, ticks, stop)  # which refuses what are none
            self._ticks, self._address = ticks, int(ticks.ctypes.data)
        if not 0 <= start <= stop <= len(ticks):
            raise IndexError(f"ticks {start}:{stop} of {len(ticks)}")
        self._look()
        while True:
            code = play(self._address, start, stop, features.address, self._places)
            if self._counts[_SKIPPED]:
                self._catch_up()
            if code == NONE:
                self._tell_counts()
                return NONE, stop, -1
            start, index = features.stopped_at
            if code != GROW:
                return code, start, index
            features.grow(index)

    # --- before ---

    def _look(self) -> None:
        """Tell the kernel how things stand."""
        desk, counts = self._desk, self._counts
        idle = self._quiet and desk.trading.idle
        if self._symbols >= 0 and not idle:
            counts[_QUIET] = 0
            return
        symbols = len(desk.features)
        strategies = desk.signals.strategies
        if self._entries is not strategies.heard_at_bars or self._scans is None:
            self._entries = strategies.heard_at_bars
            self._scans = _scans(self._entries)
            self._symbols = -1
        for _, scan in self._scans or ():
            scan.settle()
        if symbols != self._symbols or desk.signals.blender.arrays()[0] is not self._blended:
            self._gather(symbols)
        counts[_QUIET] = (
            idle
            and self._scans is not None
            and desk.trading_enabled
            and desk.on_table is None
            and desk.signals.scoring.lead is None
            and desk.trading.ledger.day_number >= 0
        )
        if counts[_QUIET]:
            counts[_NEXT_SWEEP] = desk.trading.next_sweep_ns
            self._stand(desk.trading.ledger.positions())

    def _stand(self, positions: list[Position]) -> None:
        """How the account stands."""
        desk, counts, amounts = self._desk, self._counts, self._amounts
        ledger = desk.trading.ledger
        equity = ledger.equity()
        start, high = ledger.day_start_equity, ledger.day_high_equity
        if equity is None or start is None or high is None:
            counts[_QUIET] = 0
            return
        counts[_HELD] = len(positions)
        counts[_DAY] = ledger.day_number
        amounts[_DAY_START], amounts[_DAY_HIGH] = float(start), float(high)
        amounts[_TOP] = float(ledger.peak_equity)
        cash = amounts[_EQUITY] = float(equity)
        leave_ns = desk.trading.watch.leave_ns(positions) if positions and self._leaves else None
        counts[_DUE] = _NEVER if leave_ns is None else leave_ns
        if positions != self._held and not self._hold(positions):
            counts[_QUIET] = 0
            return
        _, quantities, ticks, marks = self._standing
        mark_price = ledger.mark_price
        for at, position in enumerate(positions):
            mark = mark_price(position.symbol)
            if mark is None:
                counts[_QUIET] = 0
                return
            price = float(mark)
            count = price / ticks[at]
            whole = float(int(count + 0.5))
            # Rounded to 6 places: a fill's price may lie between two ticks.
            marks[at] = whole if -1e-7 < count - whole < 1e-7 else round(count, 6)
            cash -= quantities[at] * price
        amounts[_CASH] = cash

    def _hold(self, positions: list[Position]) -> bool:
        """Other positions than before are open; False where one has no instrument."""
        self._held, self._grids = [], []
        held_at, quantities, ticks, _ = self._standing
        rows, grids, instrument_of = self._rows, [], self._desk.instruments.get
        for at, position in enumerate(positions):
            symbol = position.symbol
            instrument, row = instrument_of(symbol), rows.get(symbol)
            if instrument is None:
                return False
            if row is None or row[0] is not position or row[1] is not instrument:
                tick = instrument.tick_size
                row = position, instrument, float(position.quantity), float(tick), (symbol, tick)
                rows[symbol] = row
            held_at[at] = instrument.index
            _, _, quantities[at], ticks[at], grid = row
            grids.append(grid)
        self._held, self._grids = positions, grids
        return True

    def _gather(self, symbols: int) -> None:
        """The arrays of this moment; others are taken once there are more symbols or sources."""
        signals, self._symbols = self._desk.signals, symbols
        self._blended = signals.blender.arrays()[0]
        room = max(1, symbols)
        asked = np.zeros((len(SCANS), _PARAMETERS))
        owned = np.ones((len(SCANS), room), np.uint8)
        memories = [np.zeros((1, 2), np.int64)] * len(SCANS)
        ranges = np.zeros((1, 1, 2))
        enabled = 0
        for at, scan in self._scans or ():
            _, parameters, memory = scan.seen_from_outside(room)
            enabled |= 1 << at
            asked[at, : len(parameters)], memories[at] = parameters, memory
            if isinstance(scan, ChannelScan):
                ranges = scan.ranges
        for entry in self._entries or ():
            if entry.symbols and entry.kind.name in SCANS:
                names = self._desk.intake.symbols
                owned[SCANS.index(entry.kind.name), :symbols] = [name in entry.symbols for name in names]
        self._counts[_ENABLED] = enabled
        held, sources, weights, parts = signals.blender.arrays()
        standing, limits, _, _ = signals.aggregator.arrays()
        closes = signals.quant.closes
        words = tuple(one[:room].reshape(-1).view(np.int64) for one in (ranges, closes, held, standing))
        columns, ttl_ns = signals.quant_columns
        self._held_at, self._quantities = np.zeros(room, np.int64), np.zeros(room)
        self._grid, self._marks = np.zeros(room), np.zeros(room)
        stand: tuple[Any, ...] = (self._held_at, self._quantities, self._grid, self._marks)
        self._standing = tuple(memoryview(one) for one in stand)
        self._held, self._grids = [], []
        key_marks = np.zeros((KEYS, room))
        self._key_marks = key_marks.reshape(-1).data
        self._arrays = (
            *(self._permits, self._told, asked, owned, *memories, ranges),
            *(closes, held, sources, weights, parts),
            *(standing, limits, self._minutes, columns, ttl_ns),
            *(np.zeros((3, room), np.int64), np.zeros((room, len(FLOAT_FIELDS))), np.zeros(room, np.bool_)),
            *(np.zeros((_QUANT, room)), np.zeros((_QUANT, room)), np.zeros(room, BLENDED)),
            *(np.zeros((room, 3), np.int64), np.zeros(len(CODES), np.int64), self._refusals),
            *(*words, *(np.zeros_like(one) for one in words)),
            *(self._held_at, self._quantities, self._grid, self._marks, np.zeros(room)),
            *(self._key_ns, key_marks),
        )
        for at, one in enumerate(self._arrays):
            if not one.flags.c_contiguous:
                raise ValueError(f"array {at} of the kernel is not in one piece")
            address, _ = one.__array_interface__["data"]
            self._places[at] = address, *one.shape, *(0,) * (3 - one.ndim)

    # --- after ---

    def _catch_up(self) -> None:
        """Tell the desk what the boundaries that were passed came to."""
        desk, counts = self._desk, self._counts
        desk.note_quiet(counts[_BARS], counts[_LAST_NS])
        if self._held:
            moments = self._moments(first=desk.trading.ledger.awaits_marks)
        else:
            moments = [(int(self._key_ns[LAST]), [])]
        desk.trading.settle(moments, counts[_NEXT_SWEEP])
        self._key_ns.fill(0)
        counts[_SKIPPED] = counts[_BARS] = 0

    def _tell_counts(self) -> None:
        """Tell of the blends that were refused on the way. No decision rests on how many they are."""
        refused = [(code, count) for code, count in zip(CODES, self._refusals.tolist(), strict=True) if count]
        self._desk.signals.note_quiet(self._counts[_BLENDS], refused)
        self._refusals.fill(0)
        self._counts[_BLENDS] = 0

    def _moments(self, *, first: bool) -> list[tuple[int, Marks]]:
        """What the account was worth when that mattered; ``first``: also at the first boundary."""
        times = self._key_ns.tolist()
        if not first:
            times[FIRST] = 0
        keys = {ns: key for key, ns in enumerate(times) if ns}
        return [(ns, self._marks_of(key)) for ns, key in sorted(keys.items())]

    def _marks_of(self, key: int) -> Marks:
        first = key * len(self._held_at)
        marks = self._key_marks[first : first + len(self._grids)].tolist()
        return [(symbol, int(mark) * tick) for (symbol, tick), mark in zip(self._grids, marks, strict=True)]


def _scans(entries: Sequence[Entry]) -> list[tuple[int, Scan]] | None:
    """The scans of the strategies with their numbers; None where one has none, and so wants every bar."""
    found = []
    for entry in entries:
        scan = None if entry.origin else scan_of(entry.strategy)
        if scan is None or entry.kind.name not in SCANS:
            return None
        found.append((SCANS.index(entry.kind.name), scan))
    return found
