"""Text for the clipboard of the terminal, by OSC 52, so that it works over SSH.

The sequence: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (Operating System Commands, Ps = 52).
tmux hands a sequence on inside ``DCS tmux; … ST`` with every ESC doubled, GNU screen inside ``DCS … ST``, in
pieces of its own buffer's length at most.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

LONGEST = 74_994
"""Characters of base64: what terminals take at least."""
_SCREEN_CHUNK = 240
ESC = "\x1b"
_ST = ESC + "\\"


def osc52(text: str, environment: Mapping[str, str]) -> str | None:
    """The bytes that put ``text`` into the clipboard; None when it is longer than terminals take."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if len(payload) > LONGEST:
        return None
    return passed_on(f"{ESC}]52;c;{payload}\a", environment)


def passed_on(sequence: str, environment: Mapping[str, str]) -> str:
    """``sequence`` so that the multiplexer around us hands it on to the terminal."""
    if environment.get("TMUX"):
        return f"{ESC}Ptmux;{sequence.replace(ESC, ESC + ESC)}{_ST}"
    if environment.get("STY"):
        chunks = [sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK)]
        return "".join(f"{ESC}P{chunk}{_ST}" for chunk in chunks)
    return sequence
