"""Models that the desk went back from by itself, until the registry knows of it."""

from __future__ import annotations

import asyncio

from engine.errors import NoEarlierError
from engine.models.registry import Registry
from engine.models.registry_history import DESK
from engine.wiring.scoring import Fall


class OwedFalls:
    def __init__(self, strategy: str, *, told: bool) -> None:
        """``told``: to the registry; on a tape it is not."""
        self._strategy = strategy
        self._told = told
        self._owed: list[Fall] = []
        """The first one fell from the model that the registry has as active."""
        self.activated_ns = 0
        """When the model at work, or that the desk went back from since, was made active."""

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, fall: Fall) -> None:
        self._owed.append(fall)

    def forget(self) -> None:
        """Somebody has decided since."""
        self._owed.clear()

    def since(self, count: int, version: str) -> bool:
        """Whether that model fell after so many others had."""
        return any(fall.version == version for fall in self._owed[count:])

    async def settle(self, registry: Registry) -> None:
        """Write into the registry what the desk did by itself, unless a person was faster. Raises
        ModelError."""
        while self._owed:
            fall, active = self._owed[0], (await asyncio.to_thread(registry.roles, self._strategy)).active
            if active is None or (active.version, active.activated_ns) != (fall.version, self.activated_ns):
                self.forget()
                return
            if not self._told:
                return
            self.activated_ns = await asyncio.to_thread(self._write_down, registry, fall)
            del self._owed[:1]

    def _write_down(self, registry: Registry, fall: Fall) -> int:
        """Also where the last good model was not loaded yet when it was wanted. When the model that is active
        now was made so; 0: none is."""
        try:
            back = registry.rollback(self._strategy, who=DESK, reason=fall.reason, bad=True)
        except NoEarlierError:
            registry.deactivate(self._strategy, who=DESK, reason=fall.reason, bad=True)
            return 0
        registry.ran(back.version)
        return back.activated_ns
