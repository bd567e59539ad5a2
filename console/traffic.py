"""What goes over the lines of a console: from its engine, and to its terminal."""

from __future__ import annotations

from console.link_protocol import Link
from engine.events import NS

_OVER_NS = 2 * NS
"""A rate is measured over so long, at least."""


class Traffic:
    """Rates of one link at a time: each counts its own bytes, and a replay's is another than the desk's."""

    def __init__(self) -> None:
        self._link: Link | None = None
        self._then = self._received = self._written = 0
        self._text = ""

    def text(self, link: Link, written: int, now_ns: int) -> str:
        """As measured last, "" before that. ``written``: to the terminal, bytes in all."""
        received = link.bytes_received
        if link is not self._link:
            self._link, self._text = link, ""
        elif now_ns - self._then < _OVER_NS:
            return self._text
        else:
            down, out = received - self._received, written - self._written
            kilobytes = (now_ns - self._then) / NS * 1000
            self._text = f"link {down / kilobytes:.0f} tty {out / kilobytes:.0f} kB/s"
        self._then, self._received, self._written = now_ns, received, written
        return self._text
