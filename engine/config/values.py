"""Kinds of values in the configuration, with their ranges."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LEAST = 0.001
"""The smallest percentage, and time in seconds, that is told from none."""
Percent = Annotated[float, Meta(ge=LEAST, le=100)]
Leverage = Annotated[float, Meta(ge=LEAST, le=1000)]
"""Percent of equity, where more than all of it makes sense."""
Weight = Annotated[float, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(ge=0.001, le=86_400)]
LongSeconds = Annotated[float, Meta(ge=0.001, le=315_360_000)]
"""Of what is counted in bars, which may be weeks."""
Milliseconds = Annotated[float, Meta(ge=0, le=60_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass
