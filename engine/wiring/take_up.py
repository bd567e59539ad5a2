"""What becomes of a model that the desk trained: what the order says, as far as ``promotion`` allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from engine.errors import ModelError
from engine.models import promotion
from engine.models.registry import Entry, Registry
from engine.wiring.learnt_from import incomparable

SCHEDULE = "schedule"
"""Who orders runs by the clock. It takes nothing from a person."""


class Models(Protocol):
    """What the desk's models are exchanged by. Raises ModelError."""

    @property
    def registry(self) -> Registry: ...

    async def activate(self, version: str, who: str, reason: str = "") -> str: ...

    async def set_shadow(self, version: str, who: str, reason: str = "") -> str: ...


class _Seen(msgspec.Struct, frozen=True):
    entry: Entry
    active: Entry | None
    shadow: Entry | None
    shadow_by: str
    fell: bool
    incomparable: str


def known(models: Models) -> frozenset[str]:
    """The versions that are registered; none while the registry cannot be read."""
    try:
        return frozenset(entry.version for entry in models.registry.list())
    except ModelError:
        return frozenset()


async def take_up(
    models: Models, version: str, then: str, who: str, *, known: bool = False, desk: Sequence[str] = ()
) -> str:
    """Make of a registered model what ``then`` says (register, shadow, activate); one line. ``known``: it was
    registered before it was trained; ``desk``: the symbols that are traded.

    What may not become active runs as the shadow, so that it can be seen beside it. Raises ModelError.
    """
    seen = await asyncio.to_thread(_look, models.registry, version, desk)
    entry, active = seen.entry, seen.active
    told = f"model {entry.version} is trained ({entry.metric})"
    if active is not None and active.version == entry.version:
        return f"{told}: the same bars and seed gave the model that is active already"
    if known and who == SCHEDULE:
        return f"{told}: the same bars and seed gave it before, so nothing changes"
    if then == "register":
        return f"{told} and registered"
    against = ""
    if then == "activate":
        against = promotion.objection(entry, active, fell=seen.fell, incomparable=seen.incomparable)
    if then == "activate" and not against:
        await models.activate(entry.version, who, "trained")
        return f"{told} and active: {promotion.grounds(entry, active)}"
    not_active = f", not active: {against}" if against else ""
    refused = _no_shadow(seen) if who == SCHEDULE else ""
    if refused:
        return f"{told} and registered, not the shadow: {refused}{not_active}"
    await models.set_shadow(entry.version, who, against or "trained")
    return f"{told} and runs as shadow{not_active}"


def _look(registry: Registry, version: str, desk: Sequence[str]) -> _Seen:
    entry = registry.get(version)
    roles = registry.roles(entry.strategy)
    by = registry.shadow_by(entry.strategy)
    against = incomparable(entry, roles.active, desk)
    return _Seen(entry, roles.active, roles.shadow, by, registry.fell(entry.version), against)


def _no_shadow(seen: _Seen) -> str:
    """Why the schedule leaves the shadow as it is, half a sentence; "" when it need not."""
    if seen.fell:
        return "the desk went back from it by itself"
    shadow = seen.shadow
    if shadow is not None and shadow.version != seen.entry.version and seen.shadow_by != SCHEDULE:
        return f"{shadow.version} is, chosen by {seen.shadow_by or 'a person'}"
    return ""
