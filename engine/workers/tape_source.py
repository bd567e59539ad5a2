"""A tape for rounds: played in pieces, from its start or from where another owner of the stage was."""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha256
from typing import Any

from engine.bus.messages import Round
from engine.errors import BusError
from engine.events import MarketEvent
from engine.feeds.tape import Tape
from engine.wiring.intake import Ticks
from engine.workers.rounds import Rounds

PIECE = 4096
"""Ticks, or events, of one round."""


class TapeSource:
    """``last``: the last round on the bus; of this very tape, it is where this source goes on."""

    def __init__(self, tape: Tape, rounds: Rounds, last: Round | None) -> None:
        """Raises BusError when the bus holds something else."""
        self.digest = digest(tape)
        self.ended = False
        if last is not None and last.source != self.digest:
            raise BusError("the bus holds the rounds of another source: choose another bus.prefix")
        self._tape = tape
        self._rounds = rounds
        self._skip = 0 if last is None else last.position
        self.ended = last is not None and last.end
        self._pieces = self._cut()
        if not self.ended:
            rounds.adopt(tape.specs)

    @property
    def feeds(self) -> tuple[dict[str, Any], ...]:
        """A tape is none."""
        return ()

    @property
    def recording(self) -> str:
        """It is a tape already."""
        return ""

    @property
    def taped(self) -> None:
        return None

    def take(self) -> bool:
        """Give the rounds their next piece; False: that was the last one."""
        piece = next(self._pieces, None)
        if piece is None:
            self.ended = True
            return False
        self._give(piece)
        return True

    @property
    def trouble(self) -> str:
        return ""

    async def close(self) -> None:
        """Who reads the tape ahead stops."""
        self._pieces.close()

    def _give(self, piece: list[MarketEvent] | Ticks) -> None:
        if isinstance(piece, list):
            self._rounds.events(piece)
        else:
            self._rounds.block(piece, self._tape.symbols)

    def _cut(self) -> Generator[list[MarketEvent] | Ticks, None, None]:
        done, skip = 0, self._skip
        for batch in self._tape.blocks():
            at, size = 0, len(batch)
            while at < size:
                end = min(at + PIECE, size)
                if done < skip:
                    # As it was dealt before: what is known of ticks depends on those before them.
                    end = min(end, at + skip - done)
                    self._give(batch[at:end])
                    self._rounds.forget()
                    if done + end - at == skip:
                        self._rounds.list_all()
                else:
                    yield batch[at:end]
                done += end - at
                at = end


def digest(tape: Tape) -> str:
    """Of its files' names and sizes."""
    told = "\n".join(f"{path.name} {path.stat().st_size}" for path in tape.paths)
    return sha256(f"{tape.venue}\n{told}".encode()).hexdigest()[:16]
