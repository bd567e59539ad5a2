"""How many colours the terminal has, and whether it knows more letters than ASCII: decided here alone.

NO_COLOR: https://no-color.org. COLORTERM says ``truecolor`` where there are 16 million; else TERM tells.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from enum import Enum


class Colours(Enum):
    NONE = "none"
    SIXTEEN = "16"
    EIGHT_BIT = "256"
    TRUE = "truecolor"


def colours_of(setting: str, environ: Mapping[str, str]) -> Colours:
    """What may be sent. ``setting``: that of ``console.colours``; other than ``auto`` it decides."""
    if setting != "auto":
        return Colours(setting)
    if environ.get("NO_COLOR"):
        return Colours.NONE
    # Inside GNU screen it is what the terminal outside said; screen takes the numbers for other attributes.
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") and not environ.get("STY"):
        return Colours.TRUE
    term = environ.get("TERM", "").lower()
    if term.endswith("-direct"):
        return Colours.TRUE
    if "256color" in term or term.startswith(
        ("xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm")
    ):
        return Colours.EIGHT_BIT
    if term in ("", "dumb", "vt100", "vt220", "xterm-mono") or term.endswith("-m"):
        return Colours.NONE
    return Colours.SIXTEEN


def ascii_only(setting: str, environ: Mapping[str, str]) -> bool:
    """Whether nothing but ASCII may be sent. ``setting``: that of ``console.ascii``.

    A locale that is not set is common in containers behind terminals that know UTF-8; one that names another
    character set, C or POSIX says that this one does not. Python puts C.UTF-8 in the place of LC_CTYPE
    where it finds C: then LANG is what the person said.
    """
    if setting != "auto":
        return setting == "on"
    ctype = environ.get("LC_CTYPE", "")
    if ctype == "C.UTF-8" and environ.get("LANG", "") in ("C", "POSIX"):
        ctype = ""
    named = environ.get("LC_ALL") or ctype or environ.get("LANG", "")
    if named in ("C", "POSIX"):
        return True
    _, dot, charset = named.partition("@")[0].partition(".")
    try:
        return bool(dot) and codecs.lookup(charset).name != "utf-8"
    except LookupError:
        return False
