"""The terminal: size, characters, colours, clipboard."""

from __future__ import annotations

import codecs
import os
import subprocess
from collections.abc import Mapping

from console.colours import Colours, ascii_only, colours_of
from console.doctor.finding import Finding, bad, ok, warn
from engine.text import clean

LEAST, ROOMY = (80, 24), (120, 30)
"""Columns and rows: below the first only status and positions are shown."""
TMUX_S = 2.0
"""Within which tmux answers."""


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


def clipboard(environ: Mapping[str, str], passthrough: str = "") -> Finding:
    """Copies go through the terminal itself (OSC 52), so that they reach the user's own machine over SSH.
    ``passthrough``: what tmux says of its option."""
    what, over = "clipboard", " over SSH" if environ.get("SSH_TTY") else ""
    if environ.get("TMUX"):
        if passthrough == "off":
            advice = "`tmux set -g allow-passthrough on`, and the same in tmux.conf for good"
            return warn(what, "tmux hands no copies on", advice)
        return ok(what, f"through tmux{over}")
    if environ.get("STY"):
        return ok(what, f"through GNU screen{over}")
    if environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return warn(what, "this terminal takes no copies from programs", "use another, or export as CSV")
    return ok(what, f"through the terminal (OSC 52){over}")


def tmux_passthrough() -> str:
    """Whether the tmux around us hands on what is not for itself: "on", "all" or "off"; "" before tmux 3.3,
    which always does, and where it does not answer."""
    asked = ["tmux", "show-options", "-Apv", "allow-passthrough"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=TMUX_S)  # noqa: S603 - a fixed question
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def looked_at(encoding: str, environ: Mapping[str, str]) -> list[Finding]:
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        columns = rows = 0
    copies = clipboard(environ, tmux_passthrough() if environ.get("TMUX") else "")
    return [size(columns, rows), characters(encoding, environ), colours(environ), copies]
