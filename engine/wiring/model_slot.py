"""The active model of the desk: loaded in a child, swapped as one reference between two batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from engine.api.protocol import ModelRow
from engine.errors import ModelError
from engine.events import NS
from engine.models.builtin import dated_ns, ensure_builtin
from engine.models.load import load
from engine.models.registry import Registry
from engine.wiring.desk import Desk

log = logging.getLogger("engine.models")

STRATEGY = "model"
_DAY_NS = 86_400 * NS


class ModelSlot:
    """Loads and reloads the registry's active model. A failed reload keeps the old one and says why."""

    def __init__(self, state_dir: Path, desk: Desk) -> None:
        self._state_dir = state_dir
        self._desk = desk
        self._registry: Registry | None = None
        self._busy = asyncio.Lock()
        self._error = ""

    @property
    def row(self) -> ModelRow:
        predictor = self._desk.signals.scoring.active
        error = self._error or self._desk.signals.scoring.error
        if predictor is None:
            loading = self._busy.locked() or (self._registry is None and not error)
            return ModelRow(STRATEGY, "", "loading" if loading else "none", 0, "", error)
        return ModelRow(STRATEGY, predictor.version, "active", predictor.created_ns, predictor.metric, error)

    async def start(self) -> None:
        """Open the registry, put the shipped model in when it is empty, and load the active one."""
        try:
            self._registry = await asyncio.to_thread(self._open)
        except ModelError as error:
            self._fail(error)
            return
        with contextlib.suppress(ModelError):  # reload has logged and kept it
            await self.reload()

    def _open(self) -> Registry:
        registry = Registry(self._state_dir)
        ensure_builtin(registry)
        return registry

    async def reload(self) -> str:
        """Load the registry's active model; returns what happened, one line. Raises ModelError."""
        async with self._busy:
            if self._registry is None:
                raise ModelError("the model registry is not open: see the log")
            entry = await asyncio.to_thread(self._registry.active, STRATEGY)
            if entry is None:
                raise ModelError("no model is active: `tickdesk train` makes one")
            try:
                dated = await asyncio.to_thread(dated_ns, entry)
                predictor = await load(entry.path, bar_interval_s=self._desk.config.features.bar_s)
            except ModelError as error:
                self._fail(error)
                raise
            before = self._desk.signals.scoring.active
            self._desk.signals.scoring.set_active(predictor, dated)
            self._error = ""
            log.info("model loaded", extra={"fields": {"version": predictor.version}})
            if predictor.note:
                log.warning("model %s: %s", predictor.version, predictor.note)
            self._tell_old(predictor.version, dated)
            same = before is not None and before.version == predictor.version
            return f"model {predictor.version} {'loaded again' if same else 'loaded'} ({predictor.metric})"

    def _tell_old(self, version: str, dated: int) -> None:
        limit_ns = self._desk.trading.gate.book.limits.model_age_ns
        age_ns = self._desk.now_ns - dated
        if limit_ns and age_ns > limit_ns:
            days = age_ns / _DAY_NS
            text = f"{version} is {days:.0f} days old, beyond max_model_age_s: its entries are denied"
            self._desk.alert("warning", "model", f"{text}; `tickdesk train` makes a new one")

    async def poll(self, every_s: float) -> None:
        """Take up what another process activated."""
        while True:
            await asyncio.sleep(every_s)
            if self._registry is None:
                continue
            try:
                entry = await asyncio.to_thread(self._registry.active, STRATEGY)
                loaded = self._desk.signals.scoring.active
                if entry is not None and (loaded is None or loaded.version != entry.version):
                    await self.reload()
            except (ModelError, OSError) as error:  # tried again: the registry may be busy, a fork refused
                log.error("model poll: %s", error)

    def _fail(self, error: ModelError) -> None:
        self._error = str(error)
        log.error("model not loaded, the old one stays: %s", error)
