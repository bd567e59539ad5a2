"""Any tape as blocks of packed ticks under one table of symbols, and what else was on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.feeds.news import Placed
from engine.feeds.packing import Packer, Ticks
from engine.feeds.registry import VENUES
from engine.feeds.tape import Tape
from engine.text import clean

_AT_ONCE = 8192


_LEVELS = {venue: int(entry.decoder().books.quotes) for venue, entry in VENUES.items()}
"""Passing books over is several times as fast, but some venues' quotes are the top of their books."""


class TapeTicks:
    """One pass over one file; raises TapeError for what is no tape.

    ``symbols`` grows while ``blocks`` is read.
    """

    def __init__(self, path: Path, venue: str | None = None) -> None:
        self.tape = Tape([path], venue=venue, book_levels=_LEVELS)
        self._packer = Packer()

    @property
    def symbols(self) -> list[str]:
        return self._packer.symbols

    def blocks(self) -> Iterator[tuple[Ticks, list[Placed]]]:
        """Arrays of their own, in the order of the tape, and what was told between their ticks; ``symbol``
        counts in ``symbols``."""
        packer, names = self._packer, self.tape.symbols
        for batch in self.tape.blocks():
            if isinstance(batch, list):
                packer.add(batch)
                if len(packer) >= _AT_ONCE:
                    yield packer.take()
                continue
            yield packer.take()
            table = np.array([packer.index(name) for name in names], np.int32)
            batch["symbol"] = table[batch["symbol"]]
            yield batch, []
        yield packer.take()

    @property
    def kind(self) -> str:
        """capture, ticks (columnar) or lines (normalised)."""
        if self.tape.columnar:
            return "ticks"
        return "lines" if self.tape.venue == "tape" else "capture"

    @property
    def venue(self) -> str:
        """Of a capture its venue, else those of its symbols so far."""
        if self.kind == "capture":
            return self.tape.venue
        return clean(", ".join(sorted({symbol.partition(":")[0] for symbol in self.symbols})), 100)
