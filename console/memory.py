"""What the console remembers from one time to the next: layouts, watchlists, commands typed.

Kept as ``console.json`` in the state directory, written whole and moved into place, for this user only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import TickdeskError
from engine.text import clean

T = TypeVar("T")
FILE = "console.json"
MOST_COMMANDS = 200


class RememberError(TickdeskError):
    """What the console remembers cannot be read or written."""


class _DamagedError(RememberError):
    """It is no memory."""


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
        self._kept = Memory()
        """As this console read or wrote it last: what differs is what a person changed here."""

    def load(self) -> None:
        """Raises RememberError, one line, for a file that cannot be understood; the memory is then empty."""
        if self.path is None:
            return
        try:
            self.memory = self._read(self.path)
        except _DamagedError as error:
            aside = self._put_aside(self.path)
            raise RememberError(f"{error}: layouts and watchlists begin anew; it is {aside} now") from None
        self._kept = _copy(self.memory)

    def save(self) -> None:
        """What other consoles of this directory kept meanwhile stays. Raises RememberError when it cannot be
        written."""
        if self.path is None:
            return
        self.memory.commands = self.memory.commands[-MOST_COMMANDS:]
        try:
            written = _merged(self._kept, self.memory, self._read(self.path))
        except _DamagedError:
            self._put_aside(self.path)
            written = self.memory
        self._write(self.path, written)
        self.memory.layouts, self.memory.watchlists = written.layouts, written.watchlists
        self._kept = _copy(self.memory)

    def _read(self, path: Path) -> Memory:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Memory)
        except FileNotFoundError:
            return _copy(self._kept)
        except OSError as error:
            raise RememberError(f"{path} cannot be read: {error.strerror}") from None
        except msgspec.MsgspecError as error:
            raise _DamagedError(f"{path} cannot be understood ({clean(error, 80)})") from None

    def _put_aside(self, path: Path) -> Path:
        """A person may have written it by hand: it is not to be written over."""
        aside = path.with_name(f"{path.name}.damaged")
        try:
            return path.replace(aside)
        except OSError as error:
            raise RememberError(f"{path} cannot be moved to {aside}: {error.strerror}") from None

    def _write(self, path: Path, memory: Memory) -> None:
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(memory), indent=1))
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink()
                raise
        except OSError as error:
            raise RememberError(f"{path} cannot be written: {error.strerror}") from None


def _copy(memory: Memory) -> Memory:
    return msgspec.json.decode(msgspec.json.encode(memory), type=Memory)


def _merged(before: Memory, mine: Memory, theirs: Memory) -> Memory:
    """What is to be in the file: ``mine`` where it is not as it was ``before``, else ``theirs``."""

    def one(name: str) -> Any:
        value = getattr(mine, name)
        return getattr(theirs, name) if value == getattr(before, name) else value

    known = set(theirs.commands)
    return Memory(
        _joined(before.layouts, mine.layouts, theirs.layouts),
        one("layout"),
        _joined(before.watchlists, mine.watchlists, theirs.watchlists),
        one("watchlist"),
        mine.commands
        if theirs.commands == before.commands
        else [*theirs.commands, *(typed for typed in mine.commands if typed not in known)][-MOST_COMMANDS:],
    )


def _joined(before: Mapping[str, T], mine: Mapping[str, T], theirs: Mapping[str, T]) -> dict[str, T]:
    """By name, in my order; what one deleted and the other left as it was is gone."""
    joined: dict[str, T] = {}
    for name in (*mine, *theirs):
        source = theirs if mine.get(name) == before.get(name) else mine
        if name in source:
            joined[name] = source[name]
    return joined
