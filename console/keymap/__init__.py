"""What each key does and where: the tables that bindings, footer, help and palette are made of."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from console.keymap.desk_keys import KEYS
from console.keymap.key import CHART, DESK, OPENING, ORDERS, POSITIONS, ROWS, STRATEGIES, TABBED, TABLE, Key
from console.keymap.key_map import KeyMap, no_key
from console.keymap.model_keys import MODEL_KEYS

__all__ = [
    "DESK",
    "KEYS",
    "MODEL_KEYS",
    "OPENING_PANES",
    "PANES",
    "TABLE",
    "Key",
    "KeyMap",
    "bindings",
    "footer",
    "keys_for",
    "keys_of",
    "model_footer",
    "sent_at_once",
    "works_in",
]

PANES = ("Ticks", "Opportunities", "Positions", "Orders", "Strategies", "Log", "Market", "Desk")
"""By number, from 1."""
POSITIONS_PANE, ORDERS_PANE, STRATEGIES_PANE, LOG_PANE, MARKET_PANE, DESK_PANE = 3, 4, 5, 6, 7, 8
OPENING_PANES = frozenset({1, 2, 4, 5, MARKET_PANE, DESK_PANE})
_PLACES = {
    STRATEGIES: frozenset({STRATEGIES_PANE}),
    OPENING: OPENING_PANES,
    POSITIONS: frozenset({POSITIONS_PANE}),
    ORDERS: frozenset({ORDERS_PANE}),
    CHART: frozenset({MARKET_PANE}),
    ROWS: frozenset(range(1, len(PANES) + 1)) - {MARKET_PANE},
    TABBED: frozenset({ORDERS_PANE, STRATEGIES_PANE, LOG_PANE, MARKET_PANE, DESK_PANE}),
}
"""Which panes a place is; DESK and TABLE are everywhere."""
_TINY = frozenset({"halt", "entries", "close", "flatten", "quit", "help"})
"""What the footer offers where only status and positions fit."""

_TO_DESK = {
    "toggle",
    "halt",
    "entries",
    "ticket",
    "cancel",
    "amend",
    "close",
    "cancel_all",
    "flatten",
    "alert",
}
_OF_MODELS = {"activate", "shadow", "no_shadow", "deactivate", "train", "cancel_training"}
_SENDS = frozenset(_TO_DESK | {"reload", "rollback"} | {f"model_{what}" for what in _OF_MODELS})
"""What a console that only reads does not offer: it could not send it."""


_AT_ONCE = frozenset(
    {"halt", "entries", "cancel", "cancel_all", "toggle", "reload", "model_shadow", "model_no_shadow"}
)
"""What a footer's key sends to the engine without a question."""


DEFAULT_KEYS = KeyMap()


def keys_of(app: object) -> KeyMap:
    """The keys of a running console."""
    keys = getattr(app, "key_map", DEFAULT_KEYS)
    assert isinstance(keys, KeyMap)
    return keys


def bindings(table: Iterable[Key] = KEYS) -> list[Binding]:
    """The bindings of a table. Other keys than its own come by ``App.set_keymap``, which goes by the id."""
    return [
        Binding(key.keys or no_key(key.id), key.action, key.help, show=False, id=key.id)
        for key in table
        if key.action
    ]


def works_in(key: Key, pane: int) -> bool:
    """Whether a key does something in a pane (1 to 6)."""
    return key.where not in _PLACES or pane in _PLACES[key.where]


def keys_for(pane: int, keys: KeyMap = DEFAULT_KEYS) -> Iterable[Key]:
    """The keys that work in a pane, its own first."""
    mine = [key.in_pane(pane) for key in keys.desk if works_in(key, pane)]
    return sorted(mine, key=lambda key: key.where == DESK)


def footer(
    pane: int,
    risk_state: str = "active",
    *,
    tiny: bool = False,
    keys: KeyMap = DEFAULT_KEYS,
    reads: bool = False,
) -> list[tuple[str, str]]:
    """(key, label) for the footer, in the table's order; E's label says what it does in ``risk_state``.
    ``reads``: without what a console sends that does more than read."""
    return [
        (keys.shown(key.id), "resume…" if key.id == "entries" and risk_state != "active" else key.label)
        for key in (key.in_pane(pane) for key in keys.desk)
        if key.label and key.shown and works_in(key, pane) and (not tiny or key.id in _TINY)
        if not (reads and key.id in _SENDS)
    ]


def sent_at_once(shown: str, label: str, keys: KeyMap = DEFAULT_KEYS) -> bool:
    """Whether a key of a footer asks nothing: a click that only meant the window may not do it."""
    tables = (keys.desk, keys.models)
    at_once = [key for table in tables for key in table if key.id in _AT_ONCE]
    return any((keys.shown(key.id), key.label) == (shown, label) for key in at_once)


def model_footer(keys: KeyMap = DEFAULT_KEYS, *, reads: bool = False) -> list[tuple[str, str]]:
    """(key, label) for the foot of the models screen; ``reads``: as of ``footer``."""
    return [
        (keys.shown(key.id), key.label)
        for key in keys.models
        if key.label and key.shown and not (reads and key.id in _SENDS)
    ]
