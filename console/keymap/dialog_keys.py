"""The letters of dialogs that the desk has not; arrows, Enter, Esc and Tab stay what they are there."""

from __future__ import annotations

from console.keymap.key import Key

DIALOG = "dialog"

DIALOG_KEYS: tuple[Key, ...] = (
    Key("dialog_close", "q", "close", "q", "", "Close the dialog; Esc always does", DIALOG),
    Key(
        "dialog_export",
        "ctrl+e",
        "app.export",
        "ctrl+e",
        "",
        "Export what is shown: a table as CSV, a text",
        DIALOG,
    ),
    Key(
        "explain_contributions",
        "e",
        "contributions",
        "e",
        "",
        "In an explanation: what moved the model",
        DIALOG,
    ),
    Key("contributions_ask", "r", "ask", "r", "", "In a prediction taken apart: ask anew", DIALOG),
    Key("account_compare", "r", "compare", "r", "", "In the account: compare with the brokers now", DIALOG),
    Key("alerts_new", "a", "make", "a", "", "In the alerts: a new one", DIALOG),
    Key("alerts_delete", "d", "remove", "d", "", "In the alerts: delete the selected one", DIALOG),
    Key("watchlists_new", "a", "add", "a", "", "In the watchlists: a new one", DIALOG),
    Key("watchlists_edit", "e", "edit", "e", "", "In the watchlists: type the symbols", DIALOG),
    Key("watchlists_rename", "r", "rename", "r", "", "In the watchlists: another name", DIALOG),
    Key("watchlists_delete", "d", "delete", "d", "", "In the watchlists: delete (asks)", DIALOG),
    Key("watchlists_down", "J", "order(1)", "J", "", "In the watchlists: further down", DIALOG),
    Key("watchlists_up", "K", "order(-1)", "K", "", "In the watchlists: further up", DIALOG),
    Key("layouts_save", "s", "name", "s", "", "In the layouts: save the desk as it stands", DIALOG),
    Key("layouts_delete", "d", "delete", "d", "", "In the layouts: delete the selected one", DIALOG),
    Key("layouts_begin", "b", "begin", "b", "", "In the layouts: begin with the selected one", DIALOG),
    Key("limits_reset", "d", "reset", "d", "", "In the limits: back to the configuration's value", DIALOG),
)

_SHOWN = {"search", "match", "match_before", "copy", "export", "dialog_export", "screenshot"}
_READ = {"halt", "dialog_close", "down", "up", "home", "end", "pagedown", "pageup"} | _SHOWN
_EDIT = _READ | {"toggle"}
_TABLE = {"halt", "dialog_close", "down", "up", "screenshot"}
DIALOGS: dict[str, frozenset[str]] = {
    "a page to read": frozenset(_READ),
    "an explanation": frozenset(_READ - {"export"} | {"explain_contributions"}),
    "a prediction taken apart": frozenset(_READ | {"tab_right", "tab_left", "contributions_ask"}),
    "the daily runs": frozenset(_READ | {"tab_right", "tab_left"}),
    "the account": frozenset(_READ | {"account_compare"}),
    "a table of values": frozenset(_EDIT),
    "the limits": frozenset(_EDIT | {"tab_right", "tab_left", "limits_reset"}),
    "the alerts": frozenset(_EDIT | {"alert", "alerts_new", "alerts_delete"}),
    "the watchlists": frozenset(
        (_EDIT - {"export"})
        | {"watchlists_new", "watchlists_edit", "watchlists_rename", "watchlists_delete"}
        | {"watchlists_down", "watchlists_up"}
    ),
    "the layouts": frozenset(_TABLE | {"layouts", "layouts_save", "layouts_delete", "layouts_begin"}),
    "the tapes": frozenset(_TABLE | {"home", "end", "pagedown", "pageup", "sort"}),
    "the market": frozenset(
        {"halt", "dialog_close", "down", "up", "left", "right", "home", "end", "pagedown", "pageup"}
        | {"interval", "study", "tab_right", "tab_left", "ticket", "freeze", "screenshot"}
    ),
}
"""What works in each kind of dialog, by id: there, too, a key does one thing."""
FORM = frozenset({"halt", "dialog_close", "down", "up", "left", "right"})
"""What works in a form, where numbers are typed."""
