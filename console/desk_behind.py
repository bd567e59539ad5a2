"""The desk behind a replay: what it does meanwhile."""

from __future__ import annotations

from typing import NamedTuple

from console.link_protocol import Link, LinkState
from console.view import DeskView


class DeskBehind(NamedTuple):
    """The desk that a replay took the place of."""

    link: Link
    view: DeskView

    @property
    def name(self) -> str:
        status = self.view.status
        return "first replay" if status is not None and status.playback is not None else "live desk"

    @property
    def is_away(self) -> bool:
        return self.view.link in (LinkState.LOST, LinkState.ENGINE_GONE)

    @property
    def state(self) -> tuple[str, str]:
        """What it does, and a style."""
        view = self.view
        if view.link is LinkState.ENGINE_GONE:
            return "ENGINE GONE", "badge-bad"
        if view.link is LinkState.LOST:
            return "LINK LOST", "badge-bad"
        if view.silent_s:
            return "SILENT", "badge-bad"
        return view.risk_state.upper(), "good" if view.risk_state == "active" else "badge-warn"
