"""The terminal: size, characters, colours, clipboard."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping

from console.colours import Colours, ascii_only, colours_of
from console.doctor.finding import Finding, bad, ok, warn
from engine.text import clean

LEAST, ROOMY = (80, 24), (120, 30)
"""Columns and rows: below the first only status and positions are shown."""


def size(columns: int, rows: int) -> Finding:
    """0 × 0: there is no terminal."""
    what = "terminal size"
    if not columns:
        return warn(what, "this is no terminal", "the screen needs one; `tickdesk --no-ui` does not")
    told = f"{columns}×{rows}"
    if columns < LEAST[0] or rows < LEAST[1]:
        return warn(what, f"{told}: status and positions only", f"make it {LEAST[0]}×{LEAST[1]} or larger")
    if columns < ROOMY[0] or rows < ROOMY[1]:
        return ok(what, f"{told}: every pane, in short; from {ROOMY[0]}×{ROOMY[1]} on side by side")
    return ok(what, told)


def characters(encoding: str, environ: Mapping[str, str]) -> Finding:
    """``encoding``: what standard output is written in."""
    what, advice = "characters", "set a UTF-8 locale: export LANG=C.UTF-8"
    try:
        name = codecs.lookup(encoding or "ascii").name
    except LookupError:
        name = clean(encoding, 20)
    if ascii_only("auto", environ):
        return warn(what, "the locale knows ASCII alone: lines and signs are drawn in it", advice)
    if name == "utf-8":
        return ok(what, "UTF-8")
    return bad(what, f"{name}: lines and signs cannot be drawn", advice)


def colours(environ: Mapping[str, str]) -> Finding:
    what, term = "colours", environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return ok(what, "none, as NO_COLOR asks for; no meaning rests on colour alone")
    found = colours_of("auto", environ)
    if found is Colours.TRUE:
        return ok(what, "16 million")
    if found is Colours.EIGHT_BIT:
        return ok(what, "256; COLORTERM=truecolor tells of more, where the terminal has them")
    if term in ("", "dumb"):
        return bad(what, f"TERM is {term or 'not set'}", "export TERM=xterm-256color")
    told = "16" if found is Colours.SIXTEEN else "none"
    return warn(
        what,
        f"{told} (TERM={clean(term, 20)})",
        "export TERM=xterm-256color where the terminal has them",
    )


def clipboard(environ: Mapping[str, str]) -> Finding:
    """Copies go through the terminal itself (OSC 52), so that they reach the user's own machine over SSH."""
    what, over = "clipboard", " over SSH" if environ.get("SSH_TTY") else ""
    if environ.get("TMUX"):
        return ok(what, f"through tmux{over}: it needs `set -g allow-passthrough on` in tmux.conf")
    if environ.get("STY"):
        return warn(what, "screen passes no copies on", "use tmux, or select with the mouse and Shift")
    if environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return warn(what, "this terminal takes no copies from programs", "use another, or export as CSV")
    return ok(what, f"through the terminal (OSC 52){over}")


def looked_at(encoding: str, environ: Mapping[str, str]) -> list[Finding]:
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        columns = rows = 0
    return [size(columns, rows), characters(encoding, environ), colours(environ), clipboard(environ)]
