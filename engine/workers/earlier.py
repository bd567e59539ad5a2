"""Workers of an earlier version beside today's, as while one after the other is restarted: what they cannot
read would cost them the whole round, so it is told them as they know it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from engine.bus.messages import Listed, Round
from engine.bus.registry import Registry
from engine.bus.topology import GRIDS_IN_PLACE
from engine.events import GridChange
from engine.workers.rounds import Rounds

log = logging.getLogger("engine.market")


class Earlier:
    """Looked for by the market worker, which writes the rounds. Its methods raise what ``Registry`` does."""

    def __init__(self, registry: Registry, agreed: Callable[[], Awaitable[int]]) -> None:
        """``agreed()``: the protocol of the topology."""
        self._registry = registry
        self._agreed = agreed
        self._there: set[str] = set()
        self._may_come = False
        """One that is away, as while it is started again, will read what is written now."""

    async def look(self) -> None:
        found = {row.id for row in await self._registry.rows() if row.protocol < GRIDS_IN_PLACE}
        if found - self._there:
            log.warning(
                "%s: of an earlier tickdesk; a grid that changes is told at the beginning of a round until"
                " all workers are started anew",
                ", ".join(sorted(found)),
            )
        self._there = found
        self._may_come = await self._agreed() < GRIDS_IN_PLACE

    def legible(self, round_: Round, rounds: Rounds) -> Round:
        """``round_`` as all workers that are there, or may come, can read it."""
        if not (self._there or self._may_come) or not any(
            isinstance(placed.event, GridChange) for placed in round_.news
        ):
            return round_
        changed = {placed.event.symbol for placed in round_.news if isinstance(placed.event, GridChange)}
        again: list[Listed] = [one for one in rounds.listings() if one.symbol in changed]
        known = {one.index for one in again}
        return msgspec.structs.replace(
            round_,
            listed=(*(one for one in round_.listed if one.index not in known), *again),
            news=tuple(placed for placed in round_.news if not isinstance(placed.event, GridChange)),
        )
