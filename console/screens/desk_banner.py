"""The most urgent thing to say across the screen, or nothing."""

from __future__ import annotations

from typing import NamedTuple

from console.link_protocol import LinkState
from console.screens.desk_layout import COMPACT
from console.view import DeskView


class Said(NamedTuple):
    """What the screen itself has to say."""

    waiting: str = ""
    """The command that the engine has not answered yet."""
    notice: str = ""
    """What became, or may become, of a command; above all else but a wait."""
    receipt: str = ""
    """Of what was stopped; until Esc."""
    frozen: bool = False
    too_small: bool = False
    reason_is_whole: bool = True
    """Whether the reason of the risk state can be read in the status bar."""
    thaws: str = "f"
    """The key that lets the display go on."""


def past_words(view: DeskView) -> str:
    """Why what is shown is of the past; "" while it is not."""
    detail = f": {view.link_detail}" if view.link_detail else ""
    if view.link is LinkState.ENGINE_GONE:
        return f"ENGINE GONE{detail}{_unwatched(view)} · what you see is the past"
    if view.link is LinkState.LOST:
        return f"LINK LOST{detail} · what you see is the past · reconnecting"
    if view.silent_s:
        return f"nothing from the engine for {view.silent_s:.0f} s · what you see is the past"
    return ""


def _unwatched(view: DeskView) -> str:
    """What goes on without an engine, or with one that acts on nothing."""
    held = len(view.positions)
    if not held:
        return ""
    stay = "1 position stays" if held == 1 else f"{held} positions stay"
    return f" · {stay} open and nothing watches {'its' if held == 1 else 'their'} stops"


def banner(view: DeskView, said: Said) -> tuple[str, str]:
    """(text, style); the text is "" where there is nothing to say."""
    # Whatever else is said, a display that stands still is not to be taken for the desk.
    still = "DISPLAY FROZEN · " if said.frozen else ""
    if said.waiting:
        return f"{still}{said.waiting} sent, waiting for the engine…", "badge-warn"
    if said.notice:
        return f"{still}{said.notice}", "badge-bad"
    if view.link in (LinkState.ENGINE_GONE, LinkState.LOST):
        return f"{still}{past_words(view)}", "badge-bad"
    if said.receipt:
        return f"{still}{said.receipt} · Esc closes", "badge-good"
    if said.frozen:
        return f"DISPLAY FROZEN · the desk goes on behind it · {said.thaws} thaws", "badge-warn"
    if said.too_small:
        columns, rows = COMPACT
        return f"terminal too small: {columns}×{rows} shows the desk", "badge-warn"
    if view.status is not None and not said.reason_is_whole:
        return f"{view.risk_state.upper()}: {view.status.risk_reason}", "badge-warn"
    if view.status is not None and view.status.hands_off:
        return f"HANDS OFF · this engine begins nothing by itself{_unwatched(view)}", "badge-warn"
    return "", "badge-bad"
