"""The users' strategies in the set: taken up at start, and again when their files changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigError
from engine.strategies.base import Strategy
from engine.strategies.entry import Entry
from engine.strategies.settings import defaults
from engine.strategies.user_files import Source, is_file_of_users, read_entry_points, read_folder
from engine.text import clean

log = logging.getLogger("engine.strategies")

Make = Callable[[type[Strategy], Source, Entry | None], Entry]
"""make(class, source, the entry it stands for or None): a new entry. Raises whatever a constructor does."""


class Users:
    """Reads the users' folder and packages, and makes entries of what they define.

    A source that cannot be used costs only itself: its entry says why. ``taken``: the built-in names;
    ``stuck_s``: see ``Apart``.
    """

    def __init__(self, folder: Path, taken: Collection[str], make: Make, stuck_s: float) -> None:
        self._folder = folder
        self._taken = taken
        self._make = make
        self._stuck_s = stuck_s
        self._files: dict[str, Source] = {}
        self._packages: list[Source] = []
        self.failed: list[tuple[str, str]] = []
        """(name, traceback text) of what could not be used, of the last call."""
        self.refused = 0
        """How many files could not be used, of the last call."""

    def start(self) -> dict[str, Entry]:
        """Entries by name: of packages, then of files, each sorted."""
        self.failed = []
        self._packages = read_entry_points(self._taken, self._stuck_s)
        entries: dict[str, Entry] = {}
        for source in self._packages:
            self._take(source, {}, entries, set())
            if source.error:
                self._show_broken(source, entries)
        self._read_files({}, entries)
        return entries

    def reload(self, before: Mapping[str, Entry]) -> tuple[dict[str, Entry], list[str]]:
        """(entries by name, what happened) once changed files are read; ``before`` is left as it is."""
        self.failed = []
        self.refused = 0
        packaged = {source.origin for source in self._packages}
        entries = {name: entry for name, entry in before.items() if entry.origin in packaged}
        return entries, self._read_files(before, entries)

    def _read_files(self, before: Mapping[str, Entry], entries: dict[str, Entry]) -> list[str]:
        known, told = self._files, []
        self._files = {}
        read = read_folder(self._folder, known, self._taken, self._stuck_s)
        kept: set[str] = set()
        for source in read:
            old = known.get(source.origin)
            if old is not None and (old is source or source.error):
                kept |= _names(old)
        for source in read:
            old = known.get(source.origin)
            if old is source:
                entries |= {kind.name: before[kind.name] for kind in source.kinds}
            else:
                told.append(self._take(source, before, entries, kept - _names(old) if old else kept))
                if source.error and old is not None and old.kinds and not _names(old) & entries.keys():
                    # The version before goes on; at the next reload the file counts as changed again.
                    entries |= {kind.name: before[kind.name] for kind in old.kinds}
                    told[-1] = f"{source.name}: the version before goes on, {source.error}"
                    log.error("strategies of %s are kept as they were:\n%s", source.origin, source.trace)
                    self._files[source.origin] = old
                    continue
                if old is not None:
                    old.drop()
            if source.error:
                self._show_broken(source, entries)
            self._files[source.origin] = source
        for origin in known.keys() - self._files.keys():
            known[origin].drop()
        told += [f"{name} removed" for name in before if name not in entries and before[name].origin in known]
        return told

    def _take(
        self, source: Source, before: Mapping[str, Entry], entries: dict[str, Entry], kept: set[str]
    ) -> str:
        """Make the entries of a source, all of them or none; one line of what came of it."""
        made: dict[str, Entry] = {}
        if not source.error:
            try:
                clash = _names(source) & (entries.keys() | kept)
                if clash:
                    raise ConfigError(f"the name {min(clash)} is taken; choose another")
                for kind in source.kinds:
                    old = before.get(kind.name)
                    made[kind.name] = self._make(kind, source, old)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                source.refuse(error)
        if source.error:
            self.refused += 1
            return f"{source.name} cannot be used: {source.error}"
        entries |= made
        return ", ".join(f"{name} {'read anew' if name in before else 'added'}" for name in made)

    def _show_broken(self, source: Source, entries: dict[str, Entry]) -> None:
        name = source.name
        while name in entries or name in self._taken:
            name += "_file"
        kind = type("Broken", (Strategy,), {"name": name, "description": "could not be loaded"})
        entry = Entry(kind, Strategy.Params(), source.origin)
        entry.broken = True
        entry.error = source.error
        entries[name] = entry
        self.failed.append((name, source.trace))


def _names(source: Source) -> set[str]:
    return {kind.name for kind in source.kinds}


def offers_any(folder: Path | None) -> bool:
    """Whether the folder may define strategies. Reads no file."""
    if folder is None:
        return False
    try:
        return any(map(is_file_of_users, folder.iterdir()))
    except OSError:
        return False


def fitting(entry: Entry) -> dict[str, object]:
    """The parameters of an entry that are not at their defaults."""
    usual = defaults(type(entry.params))
    return {
        name: getattr(entry.params, name)
        for name in entry.params.__struct_fields__
        if getattr(entry.params, name) != getattr(usual, name)
    }


class Reloaded(NamedTuple):
    """What came of reading the files again."""

    text: str
    """One line."""
    whole: bool
    """No file was refused."""


def reloaded(told: list[str], refused: int) -> Reloaded:
    return Reloaded(clean("; ".join(told), 300) if told else "nothing changed", not refused)
