"""What each key does and where: the one table that bindings, footer, help and palette are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from textual.binding import Binding

DESK, TABLE, STRATEGIES, OPENING = "desk", "table", "strategies", "opening"
ORDERS, POSITIONS, TABBED = "orders", "positions", "tabbed"
"""Where a key works: anywhere on the desk; in a table; in pane 5; where a row opens; in pane 4; in pane 3;
where a pane has tabs."""


class Key(NamedTuple):
    id: str
    keys: str
    """Textual's names, comma-separated; each does the same."""
    action: str
    shown: str
    """As a person reads it."""
    label: str
    """For the footer; "" is not shown there."""
    help: str
    where: str = DESK
    palette: bool = True
    by_pane: Mapping[int, tuple[str, str]] = MappingProxyType({})
    """Label and help in some panes, instead of those above."""

    def in_pane(self, pane: int) -> Key:
        """The key as it is called in a pane (1 to 6)."""
        label, help = self.by_pane.get(pane, (self.label, self.help))
        return self._replace(label=label, help=help)


KEYS: tuple[Key, ...] = (
    Key(
        "open",
        "enter",
        "app.open_row",
        "Enter",
        "explain",
        "Open the row: explain it, its signals, its settings",
        OPENING,
        by_pane={
            1: ("signals", "The signals of this symbol: all that is live for it, taken apart"),
            2: ("explain", "Explain this: every number behind it"),
            4: ("explain", "Explain this: every number behind it"),
            5: ("settings", "Settings of this strategy; all models; definition of this automation"),
        },
    ),
    Key(
        "toggle",
        "space",
        "app.switch_row",
        "space",
        "on/off",
        "Switch the selected strategy or automation on or off",
        STRATEGIES,
    ),
    Key(
        "halt",
        "H",
        "app.halt",
        "H",
        "HALT",
        "HALT at once: only stop-losses and what you ask for still leave",
    ),
    Key(
        "entries",
        "E",
        "app.entries_off",
        "E",
        "entries off",
        "Entries off at once (REDUCING: exits only); again: resume (asks)",
    ),
    Key("resume", "A", "app.resume", "A", "", "Resume to ACTIVE (asks)"),
    Key("ticket", "o", "app.ticket", "o", "order", "Order ticket: for the selected row's symbol"),
    Key("cancel", "c", "app.cancel_order", "c", "cancel", "Cancel the selected order, at once", ORDERS),
    Key("amend", "m", "app.amend", "m", "amend", "Amend the selected order: quantity and prices", ORDERS),
    Key(
        "close",
        "x",
        "app.close_position",
        "x",
        "close",
        "Close the selected position, or a part (asks)",
        POSITIONS,
    ),
    Key("cancel_all", "C", "app.cancel_all", "C", "cancel all", "Cancel all open orders, at once"),
    Key("flatten", "X", "app.flatten", "X", "flatten", "Flatten: close every position (asks)"),
    Key("kill", "", "app.kill", "", "", "Kill: halt, cancel all, flatten, verify (asks)"),
    Key("limits", "L", "app.limits", "L", "limits", "Risk limits: see and change them; locks after stops"),
    Key(
        "account", "P", "app.account", "P", "account", "Account: balances, exposure, P&L, performance, drift"
    ),
    Key(
        "feeds", "F", "app.feeds", "F", "feeds", "Feeds: health by venue, data by symbol, what was set aside"
    ),
    Key(
        "models",
        "M",
        "app.models",
        "M",
        "models",
        "Models: versions, shadow, drift, training; switch them here",
    ),
    Key("rollback", "b", "app.rollback", "b", "", "Roll back to the model that was active before (asks)"),
    Key("train", "", "app.train", "", "", "Train a model while the desk trades"),
    Key(
        "reload",
        "r",
        "app.reload",
        "r",
        "reload",
        "Load the newest model from the registry, without a stop",
        by_pane={
            5: (
                "reload",
                "Load the users' changed strategy files; on the model's row: the newest model. No stop",
            )
        },
    ),
    Key("reload_all", "R", "app.reload_all", "R", "", "Load both: the newest model, changed strategy files"),
    Key("weights", "w", "app.weights", "w", "weights", "The blend's weights: see and change them"),
    Key("tab_right", "right_square_bracket", "tab(1)", "]", "tabs", "Next tab of this pane", TABBED),
    Key("tab_left", "left_square_bracket", "tab(-1)", "[", "", "Tab before", TABBED),
    Key("sort", "s", "sort", "s", "sort", "Sort by the next column: down, up, as it comes", TABLE),
    Key("copy", "y", "app.copy_row", "y", "copy", "Copy the row to the clipboard (works over SSH)", TABLE),
    Key("freeze", "f", "freeze", "f", "freeze", "Freeze the display only; the desk trades on"),
    Key("zoom", "plus", "zoom", "+", "zoom", "Zoom the pane to the whole screen"),
    Key("unzoom", "underscore,minus", "unzoom", "_", "", "Back from the zoom"),
    Key("theme", "t", "app.next_theme", "t", "theme", "Next colour theme"),
    Key("panes", "", "", "1–6", "panes", "Go to a pane", palette=False),
    Key("pane1", "1", "pane(1)", "1", "", "Go to the ticks"),
    Key("pane2", "2", "pane(2)", "2", "", "Go to the opportunities"),
    Key("pane3", "3", "pane(3)", "3", "", "Go to the positions"),
    Key("pane4", "4", "pane(4)", "4", "", "Go to the orders"),
    Key("pane5", "5", "pane(5)", "5", "", "Go to the strategies, models and automations"),
    Key("pane6", "6", "pane(6)", "6", "", "Go to the log"),
    Key("next", "tab", "next_pane(1)", "Tab", "", "Next pane", palette=False),
    Key("previous", "shift+tab", "next_pane(-1)", "shift+Tab", "", "Previous pane", palette=False),
    Key("down", "j,down", "move(1)", "j ↓", "", "Down", TABLE, palette=False),
    Key("up", "k,up", "move(-1)", "k ↑", "", "Up", TABLE, palette=False),
    Key("right", "l,right", "next_pane(1)", "l →", "", "Next pane", palette=False),
    Key("left", "h,left", "next_pane(-1)", "h ←", "", "Previous pane", palette=False),
    Key("home", "g,home", "home", "g", "", "First row", TABLE, palette=False),
    Key("end", "G,end", "end", "G", "", "Last row; follows the log", TABLE, palette=False),
    Key("pagedown", "pagedown", "page(1)", "PgDn", "", "Page down", TABLE, palette=False),
    Key("pageup", "pageup", "page(-1)", "PgUp", "", "Page up", TABLE, palette=False),
    Key(
        "dismiss",
        "escape",
        "close_inner",
        "Esc",
        "",
        "Close what is open: a dialog, the first steps, a zoom",
        palette=False,
    ),
    Key("palette", "ctrl+p", "app.command_palette", "ctrl+p", "", "Find any action by name", palette=False),
    Key("quit", "q,ctrl+c", "app.leave", "q", "leave", "Leave: detach, halt & stop, or flatten & stop"),
    Key("help", "question_mark,f1", "app.help", "?", "help", "The keys that work here"),
)
MODEL_KEYS: tuple[Key, ...] = (
    Key(
        "activate",
        "a",
        "activate",
        "a",
        "activate",
        "Activate the selected version; shows old against new (asks)",
    ),
    Key(
        "shadow",
        "v",
        "shadow",
        "v",
        "shadow",
        "Run the selected version as the shadow of the active one",
    ),
    Key(
        "rollback",
        "b",
        "app.rollback",
        "b",
        "roll back",
        "Roll back to the model that was active before (asks)",
    ),
    Key("train", "t", "app.train", "t", "train", "Train a model while the desk trades"),
    Key(
        "contributions",
        "e",
        "contributions",
        "e",
        "explain",
        "Explain a symbol's newest prediction, feature by feature",
    ),
    Key("cancel_training", "c", "cancel_training", "c", "end run", "End the training run (asks)"),
    Key(
        "details", "enter", "details", "Enter", "details", "All of the selected version, on the whole screen"
    ),
    Key(
        "tab_right",
        "right_square_bracket",
        "tab(1)",
        "]",
        "more",
        "Next part: details, shadow, drift, training",
    ),
    Key("tab_left", "left_square_bracket", "tab(-1)", "[", "", "Part before"),
    Key(
        "reload",
        "r",
        "app.reload_model",
        "r",
        "reload",
        "Load the registry's active model anew, without a stop",
    ),
    Key("no_shadow", "V", "no_shadow", "V", "no shadow", "No shadow any more"),
    Key(
        "deactivate",
        "d",
        "deactivate",
        "d",
        "deactivate",
        "Go on without a model: the active one steps down (asks)",
    ),
    Key("sort", "s", "sort", "s", "sort", "Sort by the next column: down, up, newest first"),
    Key("copy", "y", "copy", "y", "copy", "Copy the row to the clipboard (works over SSH)"),
    Key("down", "j,down", "move(1)", "j ↓", "", "Down", palette=False),
    Key("up", "k,up", "move(-1)", "k ↑", "", "Up", palette=False),
    Key("home", "g,home", "home", "g", "", "First row", palette=False),
    Key("end", "G,end", "end", "G", "", "Last row", palette=False),
    Key(
        "pagedown", "pagedown,space", "page(1)", "PgDn space", "", "Page down below the table", palette=False
    ),
    Key("pageup", "pageup", "page(-1)", "PgUp", "", "Page up below the table", palette=False),
    Key("palette", "ctrl+p", "app.command_palette", "ctrl+p", "", "Find any action by name", palette=False),
    Key("close", "q", "close", "q", "close", "Back to the desk", palette=False),
    Key("help", "question_mark,f1", "help", "?", "help", "The keys that work here", palette=False),
)
"""Of the models screen; ``H`` halts there as in every dialog."""
PANES = ("Ticks", "Opportunities", "Positions", "Orders", "Strategies", "Log")
"""By number, from 1."""
POSITIONS_PANE, ORDERS_PANE, STRATEGIES_PANE = 3, 4, 5
OPENING_PANES = frozenset({1, 2, 4, 5})
_PLACES = {
    STRATEGIES: frozenset({STRATEGIES_PANE}),
    OPENING: OPENING_PANES,
    POSITIONS: frozenset({POSITIONS_PANE}),
    ORDERS: frozenset({ORDERS_PANE}),
    TABBED: frozenset({ORDERS_PANE, STRATEGIES_PANE}),
}
"""Which panes a place is; DESK and TABLE are everywhere."""
_TINY = frozenset({"halt", "entries", "close", "flatten", "quit", "help"})
"""What the footer offers where only status and positions fit."""


def bindings(overrides: dict[str, str] | None = None, table: Iterable[Key] = KEYS) -> list[Binding]:
    """The bindings of the desk, or of another table of keys; ``overrides`` gives other keys by id."""
    keys = overrides or {}
    return [
        Binding(keys.get(key.id, key.keys), key.action, key.help, show=False, id=key.id)
        for key in table
        if keys.get(key.id, key.keys)
    ]


def works_in(key: Key, pane: int) -> bool:
    """Whether a key does something in a pane (1 to 6)."""
    return key.where not in _PLACES or pane in _PLACES[key.where]


def keys_for(pane: int) -> Iterable[Key]:
    """The keys that work in a pane, its own first."""
    mine = [key.in_pane(pane) for key in KEYS if works_in(key, pane)]
    return sorted(mine, key=lambda key: key.where == DESK)


def footer(pane: int, risk_state: str = "active", *, tiny: bool = False) -> list[tuple[str, str]]:
    """(key, label) for the footer, in the table's order; E's label says what it does in ``risk_state``."""
    return [
        (key.shown, "resume…" if key.id == "entries" and risk_state != "active" else key.label)
        for key in (key.in_pane(pane) for key in KEYS)
        if key.label and works_in(key, pane) and (not tiny or key.id in _TINY)
    ]


def model_footer() -> list[tuple[str, str]]:
    """(key, label) for the foot of the models screen."""
    return [(key.shown, key.label) for key in MODEL_KEYS if key.label]
