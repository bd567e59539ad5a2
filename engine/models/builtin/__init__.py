"""The small model shipped with the desk, for a first start without training."""

from __future__ import annotations

from pathlib import Path

from engine.models import artefact
from engine.models.registry import Entry, Registry

PATH = Path(__file__).resolve().parent


def ensure_builtin(registry: Registry) -> bool:
    """Register and activate the shipped model if the registry has none at all; True when it did."""
    if registry.list():
        return False
    registry.activate(registry.register(PATH).version)
    return True


def dated_ns(entry: Entry) -> int:
    """From when a registered model's age counts: since it was made, or the shipped one was taken in.

    What that learned, the simulated venue, does not change; a first start long after the release is none on
    an old model. Raises ModelError when the shipped files cannot be read.
    """
    if entry.version != artefact.read(PATH).manifest.version:
        return entry.created_ns
    return max(entry.created_ns, entry.registered_ns)
