"""How a key is written: by a person (``H``, ``ctrl+p``, ``f5``, ``]``, ``PgDn``) and by Textual."""

from __future__ import annotations

import unicodedata

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, Keys, key_to_character

from engine.text import clean

NOT_USED = ("ctrl+s", "ctrl+q", "ctrl+a", "ctrl+b", "ctrl+z", "ctrl+enter")
"""Of flow control, of tmux and screen, of the shell; the last does not arrive."""
_ARRIVES_AS = {"ctrl+h": "backspace", "ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+left_square_bracket": "Esc"}
"""In most terminals: the two cannot be told from each other."""
_ALIASES = {
    "esc": "escape",
    "pgdn": "pagedown",
    "pgup": "pageup",
    "del": "delete",
    "ins": "insert",
    "return": "enter",
    "↑": "up",
    "↓": "down",
    "←": "left",
    "→": "right",
}
_SHOWN = {
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "enter": "Enter",
    "tab": "Tab",
    "shift+tab": "shift+Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "space": "space",
}
_NAMED = {str(key.value) for key in Keys} - {"<any>", "<ignore>", "<scroll-up>", "<scroll-down>", "ctrl-at"}
_MODIFIERS = ("ctrl", "alt", "shift")
_LONGEST = 40


def key_name(text: str) -> str:
    """Textual's name of the key that ``text`` means. Raises ValueError, a few words: why it is none."""
    text = text.strip()
    name = _spelled(text)
    if name is None:
        raise ValueError(f"there is no key {clean(text, _LONGEST)!r}")
    if name in NOT_USED:
        raise ValueError(f"{name} is not used: terminals, tmux and shells take it")
    if name in _ARRIVES_AS:
        raise ValueError(f"{clean(text, _LONGEST)} arrives as {_ARRIVES_AS[name]} in most terminals")
    return name


def shown_key(name: str) -> str:
    """As a person reads it; ``key_name`` understands it."""
    if name in _SHOWN:
        return _SHOWN[name]
    *modifiers, last = name.split("+")
    character = _character(last)
    if character is None or not character.isprintable() or character.isspace():
        return name
    return "+".join((*modifiers, character))


def _spelled(text: str) -> str | None:
    if len(text) == 1 and text not in _ALIASES:
        return _of_character(text)
    if len(text) > _LONGEST:
        return None
    name = text.lower()
    name = _ALIASES.get(name, name)
    if name in _NAMED:
        return name
    if not name.endswith("++"):
        *modifiers, last = name.split("+")
    else:
        # The key itself: "ctrl++".
        modifiers, last = name[:-2].split("+"), "+"
    last = _ALIASES.get(last, last)
    if len(last) == 1:
        last = _of_character(last) or ""
    elif last not in _NAMED:
        # By its Unicode name: "question_mark".
        last = _of_character(_character(last) or "") or ""
    if not last or any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    if len(set(modifiers)) != len(modifiers):
        return None
    if modifiers == ["shift"] and len(last) == 1:
        return last.upper() if last.upper() != last and len(last.upper()) == 1 else None
    return "+".join((*sorted(modifiers, key=_MODIFIERS.index), last))


def _character(name: str) -> str | None:
    return key_to_character(REPLACED_KEYS.get(name, name)) if name.isidentifier() or len(name) == 1 else None


def _of_character(character: str) -> str | None:
    if len(character) != 1:
        return None
    if character == ",":
        return "comma"
    if not character.isprintable() or character.isspace() or unicodedata.combining(character):
        return None
    name = next(iter(Binding.make_bindings([Binding(character, "")]))).key
    return name if _character(name) == character else None  # it could not be shown again
