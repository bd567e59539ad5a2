"""Workers of an earlier version beside today's, as while one after the other is restarted: what they cannot
read would cost them the whole round, so it is told them as they know it."""

from __future__ import annotations

import logging

import msgspec

from engine.bus.messages import Listed, Round
from engine.bus.registry import Registry
from engine.bus.topology import GRIDS_IN_PLACE
from engine.events import GridChange
from engine.workers.rounds import Rounds

log = logging.getLogger("engine.market")


class Earlier:
    """Looked for by the market worker, which writes the rounds. Its methods raise what ``Registry`` does."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._there: set[str] = set()

    async def look(self) -> None:
        found = {row.id for row in await self._registry.rows() if row.protocol < GRIDS_IN_PLACE}
        if found - self._there:
            log.warning(
                "%s: of an earlier tickdesk; a grid that changes is told at the beginning of a round until"
                " all workers are started anew",
                ", ".join(sorted(found)),
            )
        self._there = found

    def legible(self, round_: Round, rounds: Rounds) -> Round:
        """``round_`` as all workers that are there can read it."""
        if not self._there or not any(isinstance(placed.event, GridChange) for placed in round_.news):
            return round_
        changed = {placed.event.symbol for placed in round_.news if isinstance(placed.event, GridChange)}
        again: list[Listed] = [one for one in rounds.listings() if one.symbol in changed]
        known = {one.index for one in again}
        return msgspec.structs.replace(
            round_,
            listed=(*(one for one in round_.listed if one.index not in known), *again),
            news=tuple(placed for placed in round_.news if not isinstance(placed.event, GridChange)),
        )
