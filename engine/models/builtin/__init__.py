"""The small model shipped with the desk, for a first start without training."""

from __future__ import annotations

from pathlib import Path

from engine.models.registry import Registry

PATH = Path(__file__).resolve().parent


def ensure_builtin(registry: Registry) -> bool:
    """Register and activate the shipped model if the registry has none at all; True when it did."""
    if registry.list():
        return False
    registry.activate(registry.register(PATH).version)
    return True
