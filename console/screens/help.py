"""Help: the keys that work where you are."""

from __future__ import annotations

from console.keymap import DESK, ORDERS_PANE, PANES, STRATEGIES_PANE, keys_for
from console.screens.reader import Reader
from widgets.cells import fit
from widgets.lines import Line
from widgets.orders import TRIGGER


class HelpScreen(Reader):
    """``pane``: where the cursor was, 1 to 6."""

    def __init__(self, pane: int) -> None:
        super().__init__("Keys", help_lines(pane))


def help_lines(pane: int) -> list[Line]:
    lines: list[Line] = []
    here = [key for key in keys_for(pane) if key.where != DESK]
    everywhere = [key for key in keys_for(pane) if key.where == DESK and not key.id.startswith("pane")]
    panes = [key for key in keys_for(pane) if key.id.startswith("pane") and key.id != "panes"]
    for title, keys in ((f"In {PANES[pane - 1]}", here), ("Everywhere", everywhere), ("Panes", panes)):
        if lines:
            lines.append(())
        lines.append(((title, "heading"),))
        lines.extend(((fit(key.shown, 11, right=True), "key"), (f"  {key.help}", "text")) for key in keys)
    lines.append(())
    if pane == STRATEGIES_PANE:
        lines.append(
            (("* behind a name: a user's own strategy.  · beside a value: not the default.", "muted"),)
        )
    if pane == ORDERS_PANE:
        lines.append(((f"{TRIGGER} before a price: it waits until the market gets there.", "muted"),))
    lines += [
        (
            (
                "What makes the desk safer is instant; what adds risk asks first, with Cancel selected.",
                "muted",
            ),
        ),
        (("~ and dim: stale.  ▲▼ and the sign say the direction, colour only repeats it.", "muted"),),
    ]
    return lines
