"""Replay: a tape played on the same screen, in the place of the desk."""

from __future__ import annotations

from typing import Any

from console.commanding import CommandingApp
from console.tapes import Tapes


class ReplayApp(CommandingApp):
    def __init__(self, *, tapes: Tapes | None = None, **options: Any) -> None:
        """``tapes``: how one is opened; None: none can be."""
        super().__init__(**options)
        self._tapes = tapes
