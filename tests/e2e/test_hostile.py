"""Hostile text through every screen in a real terminal: nothing of it reaches the terminal but letters.

A console in a pseudo-terminal walks its screens twice: with plain samples, and with a hostile text in every
field. What it writes may then be other letters, and no other kind of escape sequence.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from pathlib import Path
from typing import Any

import pyte
import pytest
from wcwidth import wcwidth

from tests.conftest import ROOT
from tests.e2e.engine import environment

TEXTS = int(os.environ.get("TICKDESK_CHAOS_STRINGS", "10000"))
COLUMNS, ROWS = 200, 50
LIMIT_S = 60 + TEXTS / 200
_ESCAPE = re.compile(
    r"\x1b\[(?P<private>[<=>?]?)[0-9;:]*(?P<final>[ -/]*[@-~])"
    r"|\x1b\](?P<osc>[0-9]+);(?P<text>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<plain>[ -/]*[0-Z\\^-~])"
)


def run(count: int, folder: Path) -> tuple[bytes, dict[str, Any]]:
    """What the console wrote to its terminal, and what it says of itself."""
    result = folder / f"{count}.json"
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.hostile_console", str(count), str(result)],
        cwd=ROOT,
        env=environment(TERM="xterm-256color", LANG="C.UTF-8", COLORTERM="truecolor"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    written = bytearray()
    deadline = time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    written += os.read(master, 1 << 16)
                except OSError:
                    break  # the last writer is gone
        assert process.wait(10) == 0, bytes(written[-2000:])
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        os.close(master)
    return bytes(written), json.loads(result.read_bytes())


def kinds(written: str) -> set[str]:
    """The escape sequences by kind, without their numbers. What is none, and no letter, fails."""
    found = set()
    for match in _ESCAPE.finditer(written):
        if match["osc"]:
            found.add(f"OSC {match['osc']}")
            if match["osc"] == "52":
                payload = match["text"].removeprefix("c;")
                copied = base64.b64decode(payload, validate=True).decode()
                assert not [
                    ch for ch in copied if unicodedata.category(ch) in ("Cc", "Cf") and ch not in "\t\n"
                ]
        elif match["final"]:
            found.add(f"CSI {match['private']}{match['final']}")
        else:
            found.add(f"ESC {match['plain']}")
    rest = _ESCAPE.sub("", written).replace("\a", "")  # the bell
    # Nothing but what is printed; a combining mark is part of a letter.
    bad = {
        ch for ch in rest if ch not in "\r\n" and unicodedata.category(ch) in ("Cc", "Cf", "Cs", "Co", "Cn")
    }
    assert not bad, sorted(map(ascii, bad))
    return found


def last_screen(written: bytes) -> pyte.Screen:
    """What a terminal shows that takes each character by itself, as most do."""
    screen = pyte.Screen(COLUMNS, ROWS)
    shown = written[: written.rfind(b"\x1b[?1049l")].decode()  # there the screen is left
    # The emulator stumbles over marks that take no cell.
    pyte.Stream(screen).feed("".join(ch for ch in shown if ch < " " or wcwidth(ch) > 0))
    return screen


@pytest.mark.timeout(LIMIT_S + 60)
def test_no_escape_of_a_hostile_text_reaches_the_terminal(tmp_path: Path) -> None:
    plain, told = run(0, tmp_path)
    assert (told["sent"], told["fault"]) == ([], "")
    allowed = kinds(plain.decode())
    assert "OSC 52" in allowed, "a row was copied"
    hostile, told = run(TEXTS, tmp_path)
    assert (told["sent"], told["fault"]) == ([], "")
    assert int(told["texts"]) >= TEXTS
    assert kinds(hostile.decode()) <= allowed
    screen = last_screen(hostile)
    assert len(told["edges"]) == 2 * 8, "every pane has its borders on a screen of this size"
    for x, top, bottom in told["edges"]:
        for y in range(top, bottom):
            assert screen.buffer[y][x].data in "│┃", f"row {y}: the border at {x} moved\n{screen.display[y]}"
