"""The desk's model follows the registry: what another process changed there is taken up after a while."""

from __future__ import annotations

import asyncio
import logging
import time

from engine.errors import ModelError
from engine.wiring.model_slot import ModelSlot

log = logging.getLogger("engine.models")

KEEP_S = 60.0
"""Between two times that the models' tracks are kept."""


async def poll(slot: ModelSlot, every_s: float) -> None:
    """Look into the registry ``every_s`` seconds, and keep the models' tracks."""
    looked = time.monotonic()
    while True:
        await asyncio.sleep(min(every_s, KEEP_S))
        slot.keep_tracks()
        if time.monotonic() - looked < every_s:
            continue
        looked = time.monotonic()
        try:
            await slot.follow()
        except (ModelError, OSError) as error:  # tried again: the registry may be busy, a fork refused
            log.error("model poll: %s", error)
