"""What the console remembers from one time to the next: layouts, watchlists, commands typed.

Kept as ``console.json`` in the state directory, written whole and moved into place, for this user only.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from engine.errors import TickdeskError
from engine.text import clean

FILE = "console.json"
MOST_COMMANDS = 200


class RememberError(TickdeskError):
    """What the console remembers cannot be read or written."""


class Layout(msgspec.Struct):
    """An arrangement of the desk, as a person saved it."""

    pane: int = 1
    zoomed: bool = False
    tabs: dict[int, int] = {}
    """The open tab by pane."""
    sorts: dict[str, tuple[int, bool]] = {}
    """Column and whether downwards, by table."""
    hidden: list[int] = []
    """Panes that are not shown."""
    watchlist: str = ""
    interval_s: int = 0
    """Of the chart's bars; 0: the desk's own."""


class Memory(msgspec.Struct):
    layouts: dict[str, Layout] = {}
    layout: str = ""
    """The one to begin with; "": none."""
    watchlists: dict[str, list[str]] = {}
    """Symbols in a person's order, by name."""
    watchlist: str = ""
    """The one that is shown; "": all symbols."""
    commands: list[str] = []
    """Typed on the command line, the newest last."""


class ConsoleMemory:
    """Reads and writes the memory of one state directory. ``path`` None: kept for this run only."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.memory = Memory()

    def load(self) -> None:
        """Raises RememberError, one line, for a file that cannot be understood; the memory is then empty."""
        if self.path is None:
            return
        try:
            self.memory = msgspec.json.decode(self.path.read_bytes(), type=Memory)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise RememberError(
                f"{self.path} cannot be read ({clean(error, 80)}): layouts and watchlists begin anew; "
                "move it away"
            ) from None

    def save(self) -> None:
        """Raises RememberError when it cannot be written."""
        if self.path is None:
            return
        self.memory.commands = self.memory.commands[-MOST_COMMANDS:]
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{self.path.name}.", dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(self.memory), indent=1))
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink()
                raise
        except OSError as error:
            raise RememberError(f"{self.path} cannot be written: {error.strerror}") from None
