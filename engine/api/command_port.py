"""What the API needs to keep of commands: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from engine.api.audit_protocol import CommandRow


class CommandEntry(msgspec.Struct):
    """A command as it comes in; ``status`` and what follows it are set when it is answered."""

    number: str
    """Its own, unlike any other's."""
    ns: int
    who: str
    role: str
    peer: str
    method: str
    path: str
    body: str = ""
    key: str = ""
    status: int = 0
    outcome: str = ""
    took_us: int = 0


class KeptReply(msgspec.Struct, frozen=True):
    """What is kept under an idempotency key."""

    digest: str
    """Of the command it was used for."""
    status: int
    """0: the command was not answered before the engine ended."""
    reply: bytes


class CommandPort(Protocol):
    def record(self, entry: CommandEntry) -> None:
        """Keep it, in place of what was kept under its number. On disk at the latest with what is journaled
        next."""
        ...

    async def commands(self, *, before: int, limit: int, who: str, since_ns: int) -> tuple[CommandRow, ...]:
        """With an id below ``before``, newest first; "" is anybody."""
        ...

    async def claim(self, owner: str, key: str, digest: str, *, lasting: bool) -> KeptReply | None:
        """None: the key is the owner's for this command from now on, also after the engine's end;
        ``lasting``: after the machine's, too. Else what it was used for. Raises StoreError."""
        ...

    async def answered(self, owner: str, key: str, status: int, reply: bytes) -> None:
        """Raises StoreError."""
        ...

    async def free(self, owner: str, key: str) -> None:
        """Nothing was done under it. Raises StoreError."""
        ...
