"""What is loaded beside the active model: its shadow, and the last good one, to go back to at any moment."""

from __future__ import annotations

import logging

from engine.errors import ModelError
from engine.models.predictor import Predictor
from engine.models.registry import Roles
from engine.wiring.loaded_models import LoadedModels
from engine.wiring.scoring import Scoring

log = logging.getLogger("engine.models")


class Reserve:
    def __init__(self, scoring: Scoring, models: LoadedModels) -> None:
        self._scoring = scoring
        self._models = models
        self.ready: Predictor | None = None
        """The last good model, loaded."""

    @property
    def version(self) -> str:
        """Of the last good model that is loaded; "": none is."""
        return "" if self.ready is None else self.ready.version

    def take(self) -> Predictor | None:
        """The last good model goes to work."""
        ready, self.ready = self.ready, None
        return ready

    def shadow(self, found: tuple[Predictor, int] | None) -> None:
        """What was loaded, and is dated so, runs beside the active model from now on; None: nothing does."""
        if found is not None:
            self._models.take(*found)
        self._scoring.set_shadow(None if found is None else found[0])
        self._let_go()

    async def follow(self, roles: Roles) -> None:
        """Both, as the registry has them."""
        await self.follow_shadow(roles)
        await self.follow_last_good(roles)

    async def follow_shadow(self, roles: Roles) -> None:
        shadow = self._scoring.shadow
        if roles.shadow is None:
            self._scoring.set_shadow(None)
        elif shadow is None or shadow.version != roles.shadow.version:
            try:
                found = await self._models.get(roles.shadow)
                self._models.take(*found)
                self._scoring.set_shadow(found[0])
            except ModelError as error:
                self._scoring.no_shadow(f"shadow {roles.shadow.version} not loaded: {error}")
                log.error("%s", self._scoring.shadow_error)

    async def follow_last_good(self, roles: Roles) -> None:
        """Have the model loaded that the desk goes back to, so that it can at any moment."""
        ready = None
        if roles.last_good is not None:
            try:
                found = await self._models.get(roles.last_good)
                self._models.take(*found)
                ready = found[0]
            except ModelError as error:
                log.warning("the last good model %s cannot be loaded: %s", roles.last_good.version, error)
        active = self._scoring.active
        self.ready = ready if active is None or ready is None or ready.version != active.version else None
        self.hold(self.ready)
        self._let_go()

    def hold(self, *models: Predictor | None) -> None:
        """Keep the bars that they need, for one of them may be put to work at any moment."""
        self._scoring.hold(*(one.manifest.bar_interval_s for one in models if one is not None))

    def _let_go(self) -> None:
        """End what has no part any more."""
        used = (self._scoring.active, self._scoring.shadow, self.ready)
        self._models.keep([one.version for one in used if one is not None])
