"""What the screen needs, asked before anything is started."""

from __future__ import annotations

import sys

from engine.config import ConsoleConfig
from engine.errors import ConfigError
from engine.text import clean


def require_terminal() -> None:
    """Raises ConfigError where the screen could not be shown."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("the screen needs a terminal: use `tickdesk --no-ui`, or `tickdesk status`")


def require_theme(name: str) -> None:
    """Raises ConfigError for a theme that there is not."""
    if name == ConsoleConfig().theme:
        return  # spares the start the import
    from themes import THEMES

    if name not in THEMES:
        raise ConfigError(f"console.theme: no theme {clean(name, 40)}; there are {', '.join(THEMES)}")
