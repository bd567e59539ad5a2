"""What a desk begins with: the registry's active one, or the last good one if that fails to load."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import msgspec

from engine.errors import ModelError
from engine.models.predictor import Predictor
from engine.models.registry import Entry, Registry
from engine.models.registry_history import DESK
from engine.wiring.loaded_models import LoadedModels

log = logging.getLogger("engine.models")


class First(msgspec.Struct, frozen=True):
    entry: Entry
    predictor: Predictor
    dated_ns: int
    """From when its age counts."""
    note: str
    """What was rolled back to it, and why, one line; "": it is the active one."""


async def first_model(registry: Registry, models: LoadedModels, active: Entry, *, write: bool) -> First:
    """Load ``active``, or else the last good one that loads; ``write``: the registry then goes back to it.

    Raises ModelError with why ``active`` does not load when nothing does; the registry is then as it was, so
    that files which are made good again are taken up.
    """
    try:
        predictor, dated_ns = await models.get(active)
        return First(active, predictor, dated_ns, "")
    except ModelError as error:
        why = str(error)
    for entry in await asyncio.to_thread(registry.earlier, active.strategy):
        try:
            predictor, dated_ns = await models.get(entry)
        except ModelError as error:
            log.error("model %s is passed over: %s", entry.version, error)
            continue
        reason = f"it could not be loaded: {why}"
        if write:
            go_back = partial(registry.rollback, active.strategy, who=DESK, reason=reason, bad=True)
            try:
                entry = await asyncio.to_thread(partial(go_back, to=entry.version))
            except ModelError as error:  # the desk has a model all the same
                log.error("the registry does not know of the rollback: %s", error)
        note = f"model {active.version} was rolled back, back to {entry.version}: {reason}"
        return First(entry, predictor, dated_ns, note)
    raise ModelError(why)
