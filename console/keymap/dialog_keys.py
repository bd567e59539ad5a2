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
    Key("limits_reset", "d", "reset", "d", "", "In the limits: back to the configuration's value", DIALOG),
)

_SHOWN = {"search", "match", "match_before", "copy", "export", "dialog_export", "screenshot"}
_READ = {"halt", "dialog_close", "down", "up", "home", "end", "pagedown", "pageup"} | _SHOWN
_EDIT = _READ | {"toggle"}
DIALOGS: dict[str, frozenset[str]] = {
    "a page to read": frozenset(_READ),
    "an explanation": frozenset(_READ - {"export"} | {"explain_contributions"}),
    "a prediction taken apart": frozenset(_READ | {"tab_right", "tab_left", "contributions_ask"}),
    "the account": frozenset(_READ | {"account_compare"}),
    "a table of values": frozenset(_EDIT),
    "the limits": frozenset(_EDIT | {"tab_right", "tab_left", "limits_reset"}),
    "the market": frozenset(
        {"halt", "dialog_close", "down", "up", "left", "right", "home", "end", "pagedown", "pageup"}
        | {"interval", "study", "tab_right", "tab_left", "ticket", "freeze", "screenshot"}
    ),
}
"""What works in each kind of dialog, by id: there, too, a key does one thing."""
FORM = frozenset({"halt", "dialog_close", "down", "up", "left", "right"})
"""What works in a form, where numbers are typed."""
