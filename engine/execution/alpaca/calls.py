"""Requests to the venue, as the gateway wants them sent, and what came back."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    ASK = "ask"
    """How an order stands."""
    HELD = "held"
    """How much there is to sell."""
    EXECUTIONS = "executions"
    READ = "read"
    """The account, for a comparison; its answer is not the gateway's."""


class Call(msgspec.Struct, frozen=True):
    kind: Kind
    method: str
    path: str
    query: dict[str, str] = {}
    form: dict[str, Any] | None = None
    """The body, to be sent as JSON."""
    client_order_id: str = ""
    """Whose; "" for what concerns no single order."""


class Answer(msgspec.Struct, frozen=True):
    """``status`` 0: no answer came, and whether the request arrived is unknown; ``body`` says why."""

    status: int
    body: bytes = b""
    retry_after_s: float = 0.0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """The venue answered, and certainly did not do it."""
        return 400 <= self.status < 500 and self.status not in (408, 409, 425, 429)
