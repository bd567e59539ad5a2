"""What travels on the link about several consoles at one desk, of which one controls.

A console names itself in the header ``X-Tickdesk-Console`` of each request, and in ``console`` of the
stream's query: ``ID ACCESS LABEL``. Requests without it, as of the command line, are of no console, and are
not judged.

Refused with 409 and the code ``ControlError``: of a read-only console everything but questions; of one that
watches whatever may add risk. Halting, entries off, cancels, the kill switch and
a new alert are every console's; an alert that is there is switched and deleted by the one that controls.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from engine.api.rows import Row
from engine.text import clean

HEADER = "X-Tickdesk-Console"
MOST_LABEL = 60
_NAMED = re.compile(r"([0-9a-f]{8,32}) (seat|watch|read-only) (.{1,200})")

Access = Literal["seat", "watch", "read-only"]


class Console(msgspec.Struct, frozen=True):
    """How a console names itself."""

    id: str
    """8 to 32 hexadecimal digits, drawn at its start."""
    access: Access
    """seat: takes a free seat when it attaches; watch: when a person asks for it; read-only: never."""
    label: str
    """Whose it is and where: ``user@terminal/pid``."""

    @property
    def text(self) -> str:
        return f"{self.id} {self.access} {self.label}"

    @property
    def read_only(self) -> bool:
        return self.access == "read-only"

    @property
    def place(self) -> str:
        return place(self.label)


def place(label: str) -> str:
    """A label in short: its terminal, or its process where it has none."""
    where, _, pid = label.rpartition("@")[2].rpartition("/")
    return where if where and where != "-" else f"pid {pid}"


def parse(text: str) -> Console:
    """Raises ValueError, one line, for what is no console's name."""
    found = _NAMED.fullmatch(text)
    label = clean(found[3], MOST_LABEL).strip() if found else ""
    if found is None or not label:
        raise ValueError("a console names itself as ID seat|watch|read-only LABEL")
    return Console(found[1], found[2], label)  # type: ignore[arg-type]


class ConsoleRow(Row, frozen=True):
    """One attached console."""

    id: str
    label: str
    access: Access
    controls: bool
    attached_s: float


class ControlDetail(msgspec.Struct, frozen=True):
    controller: str
    """Label of the console that controls; "": none does."""
    cut_s: float | None
    """How long the controller's line has been cut; None while it is attached, or nobody controls."""
    consoles: tuple[ConsoleRow, ...]
    """In the order in which they attached."""


class ControlPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """take: from now on the console that asks controls; give: nobody does."""

    action: Literal["take", "give"]
    over: str | None = None
    """Of a take: the id of the console that controls as far as the person knows, "" nobody: refused where it
    is another by now. None: whoever it is."""
