"""The small model shipped with the desk, for a first start without training."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ModelError
from engine.models import artefact
from engine.models.registry import Entry, Registry

PATH = Path(__file__).resolve().parent
WHO = "tickdesk"
"""In the history of a shipped model that was taken in."""
_REASON = "shipped with the desk"
_UNTOLD = frozenset(("d1c4a87249f2", "cc62124d8fee"))
"""Shipped before registries had a history."""


def ensure_builtin(registry: Registry) -> bool:
    """Put the shipped model into an empty registry, or in the place of an earlier one; True when it did.

    It becomes active where there was none at all, or the active one was shipped earlier or is of a format
    that this desk no longer reads; never against a model of the user's.
    """
    entries = registry.list()
    manifest = artefact.read_manifest(PATH)
    told = registry.history(limit=100_000)
    earlier = _UNTOLD | {
        event.version
        for event in told
        if event.what == "registered" and (event.who, event.reason) == (WHO, _REASON)
    }
    active = registry.active(manifest.strategy)
    outdated = active is not None and (active.version in earlier or _of_an_old_format(active))
    if entries:
        pruned = any(event.version == manifest.version and event.what == "pruned" for event in told)
        listed = {entry.version for entry in entries}
        if manifest.version in listed or pruned or not (listed & earlier or outdated):
            return False
    registry.register(PATH, who=WHO, reason=_REASON)
    if outdated or not entries:
        registry.activate(manifest.version, who=WHO, reason=_REASON)
    return True


def _of_an_old_format(entry: Entry) -> bool:
    """No desk of now can load it; a damaged file of today's format is not meant."""
    if entry.bar_interval_s > 0.0:  # its manifest was read when it was registered, or taken over
        return False
    try:
        artefact.read_manifest(Path(entry.path))
    except ModelError:
        return True
    return False


def dated_ns(entry: Entry) -> int:
    """From when a registered model's age counts: since it was made, or the shipped one was taken in.

    What that learned, the simulated venue, does not change; a first start long after the release is none on
    an old model. Raises ModelError when the shipped files cannot be read.
    """
    if entry.version != artefact.read_manifest(PATH).version:
        return entry.created_ns
    return max(entry.created_ns, entry.registered_ns)
