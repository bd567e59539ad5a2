"""The keys by which every dialog with rows or lines is moved in, searched, copied and exported."""

from __future__ import annotations

from textual.binding import Binding

STEPS = (
    Binding("down", "move(1)", show=False),
    Binding("up", "move(-1)", show=False),
    Binding("j", "move(1)", show=False, id="down"),
    Binding("k", "move(-1)", show=False, id="up"),
)
PAGES = (
    Binding("pagedown", "page(1)", show=False, id="pagedown"),
    Binding("pageup", "page(-1)", show=False, id="pageup"),
    Binding("g,home", "home", show=False, id="home"),
    Binding("G,end", "end", show=False, id="end"),
)
TAKEN = (
    Binding("slash", "search", show=False, id="search"),
    Binding("n", "match(1)", show=False, id="match"),
    Binding("N", "match(-1)", show=False, id="match_before"),
    Binding("y", "app.copy_row", show=False, id="copy"),
    Binding("e", "app.export", show=False, id="export"),
    Binding("ctrl+e", "app.export", show=False, id="dialog_export"),
)
