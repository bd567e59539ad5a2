"""Trained models for tests, and a slot that keeps what was asked of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import ModelError
from engine.models import artefact
from engine.models.artefact import Artefact, Estimate, Metrics
from engine.models.registry import Registry
from tests.models.conftest import reseal


class Slot:
    """The registry, and what was asked of the desk's slot."""

    def __init__(self, state_dir: Path) -> None:
        self.registry = Registry(state_dir)
        self.asked: list[tuple[str, ...]] = []
        self.refusal = ""

    async def activate(self, version: str, who: str, reason: str = "") -> str:
        return self._ask("activate", version, who, reason)

    async def set_shadow(self, version: str, who: str, reason: str = "") -> str:
        return self._ask("shadow", version, who, reason)

    def _ask(self, *what: str) -> str:
        if self.refusal:
            raise ModelError(self.refusal)
        self.asked.append(what)
        return "done"


def ranked(found: Artefact, rank_ic: float | None, **changes: object) -> Artefact:
    """Another model, with another validated rank IC and an interval of 0.01 on both sides."""
    metrics = found.manifest.metrics
    if rank_ic is None:
        return reseal(found, metrics=None, validation="none", folds=(), **changes)
    assert isinstance(metrics, Metrics)
    other = msgspec.structs.replace(metrics, rank_ic=Estimate(rank_ic, rank_ic - 0.01, rank_ic + 0.01))
    return reseal(found, metrics=other, **changes)


def registered(slot: Slot, found: Artefact, folder: Path) -> str:
    artefact.write(found, folder / found.manifest.version)
    return slot.registry.register(folder / found.manifest.version).version
