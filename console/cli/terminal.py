"""What the screen needs, asked before anything is started."""

from __future__ import annotations

import os
import sys

from engine.errors import ConfigError


def require_terminal() -> None:
    """Raises ConfigError where the screen could not be shown."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("the screen needs a terminal: use `tickdesk --no-ui`, or `tickdesk status`")
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        raise ConfigError(
            "TERM names a terminal without a screen: export TERM=xterm-256color, or its own name"
        )
