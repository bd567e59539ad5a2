"""Tapes that a backtest runs over: read once, counted, and held in memory where they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.errors import ConfigError
from engine.events import GridChange, MarketEvent
from engine.feeds.tape import Tape
from engine.research.plan import Plan
from engine.research.result import Source
from engine.text import clean
from engine.ticks import TICK

Ticks = npt.NDArray[np.void]
Block = list[MarketEvent] | Ticks
HELD_BYTES = 1 << 30
"""Of tapes' ticks in memory; longer tapes are read anew at each run."""
FOREVER_NS = 1 << 62
_EVENT_BYTES = 200


class TapeData(msgspec.Struct, frozen=True):
    """Tapes, with what is on them where that fits into memory."""

    tape: Tape
    blocks: tuple[tuple[Block, tuple[str, ...]], ...] | None
    """With the table of symbols as far as it was known then; None: to be read from the files."""
    since_ns: int
    until_ns: int
    sources: tuple[Source, ...]

    @property
    def ends_ns(self) -> int:
        """Until when time goes on after the last tick; 0: it ends with that."""
        return 0

    def stream(self) -> Iterator[tuple[Block, Sequence[str]]]:
        """The blocks, which the taker may write to until the next, each with its table of symbols."""
        if self.blocks is not None:
            room = np.empty(max((len(one) for one, _ in self.blocks), default=0), TICK)
            for block, symbols in self.blocks:
                if isinstance(block, list):
                    yield block, symbols
                else:
                    own = room[: len(block)]
                    # As bytes: field by field takes six times as long.
                    own.view(np.uint8)[:] = np.ascontiguousarray(block).view(np.uint8)
                    yield own, symbols
            return
        for read in self.tape.blocks():
            kept = _within(read, self.since_ns, self.until_ns)
            if len(kept):
                yield kept, self.tape.symbols


def read_tapes(config: Config, plan: Plan, note: Callable[[str], None]) -> TapeData:
    """What the tapes of ``plan`` hold of its time. Raises ConfigError, TapeError."""
    # As live: the paper venue fills against the depth that is told.
    levels = {name: one.book_levels for name, one in config.feeds.items()}
    paths = [Path(text) for text in plan.tapes]
    whole = [path.resolve() for path in paths]
    twice = next((path for path, one in zip(paths, whole, strict=True) if whole.count(one) > 1), None)
    if twice is not None:
        raise ConfigError(f"the tape {clean(twice, 100)} is named twice: every tick of it would count twice")
    tape = Tape(paths, venue=plan.venue or None, book_levels=levels)
    note(f"reading {len(plan.tapes)} tape{'s' * (len(plan.tapes) > 1)}")
    until_ns = plan.until_ns or FOREVER_NS
    blocks: list[tuple[Block, tuple[str, ...]]] | None = []
    size, seen = 0, _Seen()
    for read in tape.blocks():
        block = _within(read, plan.since_ns, until_ns)
        if not len(block):
            continue
        seen.take(block, tape.symbols)
        size += block.nbytes if isinstance(block, np.ndarray) else _EVENT_BYTES * len(block)
        if blocks is not None and size <= HELD_BYTES:
            blocks.append((block, tuple(tape.symbols)))
        else:
            blocks = None
    sources = seen.sources(", ".join(path.name for path in tape.paths))
    if not sources:
        raise ConfigError("the tapes hold no tick of that time: check --since and --until")
    return TapeData(tape, None if blocks is None else tuple(blocks), plan.since_ns, until_ns, tuple(sources))


class _Seen:
    """Counts and times of ticks by symbol."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def take(self, block: Block, symbols: Sequence[str]) -> None:
        if isinstance(block, list):
            for event in block:
                symbol = getattr(event, "symbol", "")
                if symbol and hasattr(event, "recv_ns") and type(event).__name__ in ("Trade", "Quote"):
                    self._note(symbol, 1, event.recv_ns, event.recv_ns)
            return
        for index in np.unique(block["symbol"]).tolist():
            times = block["recv_ns"][block["symbol"] == index]
            self._note(symbols[index], len(times), int(times.min()), int(times.max()))

    def _note(self, symbol: str, count: int, first_ns: int, last_ns: int) -> None:
        row = self._rows.setdefault(symbol, [0, first_ns, last_ns])
        row[0] += count
        row[1], row[2] = min(row[1], first_ns), max(row[2], last_ns)

    def sources(self, told: str) -> list[Source]:
        return [
            Source(symbol, clean(told, 200), count, first_ns, last_ns, 0, "")
            for symbol, (count, first_ns, last_ns) in self._rows.items()
        ]


def _from(event: MarketEvent, since_ns: int) -> MarketEvent:
    """A grid that was changed before is still in force then."""
    if isinstance(event, GridChange) and event.recv_ns < since_ns:
        return msgspec.structs.replace(event, recv_ns=since_ns)
    return event


def _within(block: Block, since_ns: int, until_ns: int) -> Block:
    if isinstance(block, list):
        if not since_ns and until_ns == FOREVER_NS:
            return block
        return [one for event in block if since_ns <= (one := _from(event, since_ns)).recv_ns < until_ns]
    times = block["recv_ns"]
    if not len(times) or (times[0] >= since_ns and times.min() >= since_ns and times.max() < until_ns):
        return block
    kept: Ticks = block[(times >= since_ns) & (times < until_ns)]
    return kept
