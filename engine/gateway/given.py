"""What the engine gives its gateway to do."""

from __future__ import annotations

import msgspec

from engine.config.api import ApiConfig

LOG = "gateway.log"
"""Beside the engine's."""
MOST_GIVEN = 1024 * 1024


class Given(msgspec.Struct, frozen=True):
    api: ApiConfig
    level: str = "info"
    """Of the log."""
