"""What whoever asks is told of itself: GET /v1/access."""

from __future__ import annotations

from typing import Literal

import msgspec


class AccessReply(msgspec.Struct, frozen=True):
    name: str
    """As it stands in the log of commands."""
    role: Literal["read", "trade", "admin"]
    """What it may, and what the roles before it may; who asks on the Unix socket may all."""
