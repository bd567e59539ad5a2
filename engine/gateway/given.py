"""What the engine gives its gateway to do."""

from __future__ import annotations

import msgspec

from engine.config.api import ApiConfig
from engine.config.operation import LoggingConfig

LOG = "gateway.log"
"""Beside the engine's."""
MOST_GIVEN = 1024 * 1024


class Given(msgspec.Struct, frozen=True):
    api: ApiConfig
    logging: LoggingConfig = LoggingConfig()
