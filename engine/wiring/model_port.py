"""The desk's models as the API sees them: rows and commands."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import Reply
from engine.errors import ModelError, OrderError, UnknownModelError
from engine.models.registry import Entry, Registry, Roles
from engine.wiring.contributions import Contributing
from engine.wiring.model_rows import detail, entry_row
from engine.wiring.model_slot import STRATEGY
from engine.wiring.model_view import comparison, drift_missing, drift_rows, model_entry, trouble
from engine.wiring.registry_looks import RegistryLooks
from engine.wiring.tickets import find

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

MOST_WAITING = 8
"""Exchanges at once; they are done one after another, and who waits too long has gone when it comes."""


class LiveModels:
    """Implements ``engine.api.model_port.ModelPort``. The registry is read beside the loop."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._slot = engine.model
        self._scoring = engine.desk.signals.scoring
        self._contributing = Contributing(self._scoring.batch, self._folder)
        self._looks = RegistryLooks()
        self._exchanging = 0

    # --- looking ---

    async def models(self) -> ModelsDetail:
        entries, roles = await self._looks.ask("all", partial(_all, self._slot.registry))
        scoring = self._scoring
        drift, rows = drift_rows(scoring)
        return ModelsDetail(
            models=tuple(model_entry(entry_row(entry, roles), self._slot) for entry in entries),
            error=self._slot.error,
            rollback=self._slot.rollback_note,
            comparison=comparison(scoring),
            drift=drift,
            drift_rows=rows,
            training=self.training(),
            drift_psi=self._engine.config.models.drift_psi,
            trouble=trouble(self._slot),
            drift_missing=drift_missing(scoring),
        )

    async def model(self, version: str) -> ModelDetail:
        active = self._scoring.active
        if not version and active is not None:
            version = active.version
        found = await self._looks.ask(f"one {version}", partial(_one, self._slot.registry, version))
        return msgspec.structs.replace(found, entry=model_entry(found.entry, self._slot))

    async def contributions(self, symbol: str, ns: int) -> Contributions:
        try:
            known = find(self._engine.desk, symbol).symbol
        except OrderError as error:
            raise UnknownModelError(str(error)) from None
        return await self._contributing.of(known, ns)

    def _folder(self, version: str) -> Path:
        return self._slot.registry.directory / version

    # --- exchanging ---

    async def reload(self, who: str) -> Reply:
        return await self._told(self._slot.reload(), who)

    async def activate(self, version: str, who: str) -> Reply:
        return await self._told(self._slot.activate(version, who), who)

    async def deactivate(self, who: str) -> Reply:
        return await self._told(self._slot.deactivate(who), who)

    async def rollback(self, who: str) -> Reply:
        return await self._told(self._slot.rollback(who), who)

    async def shadow(self, version: str, who: str) -> Reply:
        return await self._told(self._slot.set_shadow(version, who), who)

    async def _told(self, change: Coroutine[Any, Any, str], who: str) -> Reply:
        """All who watch the desk learn what trades from now on."""
        if self._exchanging >= MOST_WAITING:
            change.close()
            raise ModelError("too many exchange models at once: try again in a moment")
        self._exchanging += 1
        try:
            text = await change
        finally:
            self._exchanging -= 1
        self._engine.desk.alert("info", who, text)
        return Reply(True, text)

    # --- training ---

    def training(self) -> TrainingRow:
        return self._engine.beside.training.row

    async def train(self, order: TrainingOrder, who: str) -> Reply:
        return Reply(True, self._engine.beside.training.start(order, who))

    async def cancel_training(self, who: str) -> Reply:
        return Reply(True, await self._engine.beside.training.cancel(who))


def _all(registry: Registry) -> tuple[list[Entry], Roles]:
    return registry.list(), registry.roles(STRATEGY)


def _one(registry: Registry, version: str) -> ModelDetail:
    """By version; without one the active one."""
    if not version:
        active = registry.active(STRATEGY)
        if active is None:
            raise UnknownModelError("no model is active: `tickdesk models list` shows what there is")
        version = active.version
    return detail(registry, version)
