"""A notification of the desktop, through the terminal or beside it.

OSC 9: https://iterm2.com/documentation-escape-codes.html (also kitty, WezTerm, Ghostty, Windows Terminal).
OSC 777: rxvt-unicode's notify extension (also foot, VTE terminals).
notify-send: https://specifications.freedesktop.org/notification-spec/latest/ by its command.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Final, Literal

from console.clipboard import ESC, passed_on
from engine.text import clean

Way = Literal["auto", "osc9", "osc777", "notify-send", "off"]
NOTIFY_SEND: Final = "notify-send"
_LONGEST = 200
_OSC9 = frozenset({"iTerm.app", "WezTerm", "ghostty"})
_OSC777 = ("foot", "rxvt", "alacritty-direct")


def way_of(wanted: Way, environment: Mapping[str, str]) -> Way:
    """How this terminal notifies: ``auto`` by what it says of itself, and off where it says nothing."""
    if wanted != "auto":
        return wanted
    term = environment.get("TERM", "")
    if environment.get("TERM_PROGRAM") in _OSC9 or "KITTY_WINDOW_ID" in environment or "kitty" in term:
        return "osc9"
    if "WT_SESSION" in environment:
        return "osc9"
    if "VTE_VERSION" in environment or term.startswith(_OSC777):
        return "osc777"
    here = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    remote = environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")
    return NOTIFY_SEND if here and not remote and shutil.which(NOTIFY_SEND) else "off"


def sequence(way: Way, title: str, text: str, environment: Mapping[str, str]) -> str:
    """The bytes for the terminal; "" where it is not the terminal that notifies."""
    if way == "osc9":
        return passed_on(f"{ESC}]9;{plain(title)}: {plain(text)}\a", environment)
    if way == "osc777":
        # Ended by BEL: an ST would end what GNU screen hands on, and leave the terminal in the sequence.
        return passed_on(f"{ESC}]777;notify;{plain(title)};{plain(text)}\a", environment)
    return ""


def command(title: str, text: str) -> list[str]:
    """The program and its arguments; no shell reads them, and none of them is an option."""
    return [NOTIFY_SEND, "--app-name=tickdesk", "--", plain(title), plain(text)]


def plain(text: str) -> str:
    """``text`` with nothing in it that could end a sequence or its part, be markup, or, as a backslash is to
    notify-send, the start of another character."""
    return clean(text, _LONGEST).translate(str.maketrans(";<>&\\", ",‹›+/"))
