"""What the live engine keeps of commands: who asked for what, and the keys under which it was asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from engine.api.audit_protocol import CommandRow
from engine.api.command_port import CommandEntry, KeptReply
from engine.errors import StoreError
from engine.events import NS
from engine.store.commands import (
    Command,
    answer_key,
    claim_key,
    free_key,
    prune_commands,
    prune_keys,
)
from engine.store.read import Reader
from engine.store.store import Store
from engine.wiring.store_query import queried, queried_first

log = logging.getLogger("engine.commands")

KEPT_COMMANDS = 100_000
KEPT_KEYS = 100_000
KEY_S = 24 * 3600
"""How long a key is known."""
KEPT_REPLIES = 64 * 1024 * 1024
"""Bytes of all replies that are kept under keys."""
PRUNE_S = 600.0


class LiveCommands:
    """Implements ``engine.api.command_port.CommandPort``."""

    def __init__(self, store: Store, reader: Callable[[], Reader]) -> None:
        self._store = store
        self._reader = reader

    def record(self, entry: CommandEntry) -> None:
        if self._store.error is not None:
            return  # nothing is written any more: what would wait for it grows without end
        self._store.behind(Command(*(getattr(entry, name) for name in Command.__struct_fields__)))

    async def commands(self, *, before: int, limit: int, who: str, since_ns: int) -> tuple[CommandRow, ...]:
        found = await asyncio.to_thread(lambda: self._reader().commands(before, limit, who, since_ns))
        return tuple(CommandRow(*msgspec.structs.astuple(one)) for one in found)

    async def claim(self, owner: str, key: str, digest: str, *, lasting: bool) -> KeptReply | None:
        claim = claim_key(owner, key, digest, time.time_ns(), lasting=lasting)
        kept = await queried_first(self._store, claim)
        return None if kept is None else KeptReply(kept.digest, kept.status, kept.reply)

    async def answered(self, owner: str, key: str, status: int, reply: bytes) -> None:
        await queried_first(self._store, answer_key(owner, key, status, reply))

    async def free(self, owner: str, key: str) -> None:
        await queried_first(self._store, free_key(owner, key))


async def bound_commands(store: Store) -> None:
    """Keep the log of commands and their keys within bounds, until cancelled or the store fails."""
    while True:
        try:
            await queried(store, prune_commands(KEPT_COMMANDS))
            await queried(store, prune_keys(time.time_ns() - KEY_S * NS, KEPT_KEYS, KEPT_REPLIES))
        except StoreError as error:
            log.warning("the log of commands is not bounded any more: %s", error)
            return
        await asyncio.sleep(PRUNE_S)
