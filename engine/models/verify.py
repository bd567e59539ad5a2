"""Whether registered models are still what they were: every checksum, and the whole check in a child."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import ModelError
from engine.models import model_folders
from engine.models.load import load
from engine.models.registry import Entry


class Verified(msgspec.Struct, frozen=True):
    version: str
    strategy: str
    status: str
    error: str
    """What is wrong and what to do, one line; "" when nothing is."""
    note: str = ""
    """What could not be checked; "" when all was."""

    @property
    def ok(self) -> bool:
        return not self.error


async def verify(entry: Entry) -> Verified:
    """Read, check and load a registered model, without changing anything."""
    told = (entry.version, entry.strategy, entry.status)
    try:
        manifest = model_folders.check(Path(entry.path))
        predictor = await load(entry.path, bar_interval_s=manifest.bar_interval_s)
        predictor.close()
    except ModelError as error:
        return Verified(*told, error=f"{error}{_cure(entry)}")
    return Verified(*told, error="", note=predictor.note)


def _cure(entry: Entry) -> str:
    if not entry.bar_interval_s:  # of an older format: no copy of it is better
        return ""
    if entry.status == "active":
        return "; `tickdesk models rollback` goes back to the model before it"
    return f"; `tickdesk models register PATH` of a good copy of {entry.version} makes it whole"
