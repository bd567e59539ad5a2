"""The users' own strategies: Python files in their folder, and entry points of installed packages.

A file runs with the rights of the engine, so only those are read that nobody but the user (or root) can have
written. It is one module of its own under a private name; every Strategy subclass defined in it counts.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import keyword
import sys
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path

from engine import user_module
from engine.errors import ConfigError
from engine.events import Family
from engine.strategies.apart import Apart
from engine.strategies.base import Strategy
from engine.strategies.settings import Switches, check_params
from engine.text import clean
from engine.user_module import told

GROUP = "tickdesk.strategies"
"""Entry points of this group name Strategy subclasses."""
TRACE_LINES = 100
_RESERVED = frozenset(
    {"reload", "manual", "quant", "unknown", "periodic", *(family.value for family in Family)}
)
"""They mean something else where strategies are addressed, or stand beside them among signals and accounts:
one of a quant module's name would speak with its scores."""
_numbers = itertools.count()
"""Each version of each file is a module of its own."""


def trace_of(error: BaseException) -> str:
    """Its traceback, as much of the end as a log can take."""
    return "\n".join("".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:])


def error_of(trace: str) -> str:
    """The exception of a traceback's text in one line: its words may have taken several."""
    lines = trace.strip().splitlines()
    frame = max((number for number, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    words = itertools.dropwhile(lambda line: line.startswith(" "), lines[frame + 1 :])
    return clean(" ".join(words), 200)


class Source:
    """A file or entry point with the strategies that it defines, or why it does not."""

    __slots__ = ("apart", "digest", "error", "kinds", "module", "name", "origin", "trace")

    def __init__(self, name: str, origin: str, stuck_s: float) -> None:
        """``stuck_s``: see ``Apart``."""
        self.name = name
        """A file's stem, or the entry point's name: what it is called when it defines nothing."""
        self.origin = origin
        self.apart = Apart(stuck_s)
        self.digest = ""
        """Of the file's bytes; "" of what could not be read."""
        self.module = ""
        """Name in ``sys.modules``."""
        self.kinds: tuple[type[Strategy], ...] = ()
        self.error = ""
        """One line; "" when it is usable."""
        self.trace = ""

    def refuse(self, error: BaseException) -> None:
        """Define nothing, because of ``error``."""
        plain = isinstance(error, ConfigError)
        self.error = clean(error) if plain else told(error)
        self.trace = trace_of(error)
        self.kinds = ()
        self.drop()

    def drop(self) -> None:
        """Forget the module."""
        sys.modules.pop(self.module, None)


def is_file_of_users(path: Path) -> bool:
    """Of its name. Editors and systems keep their own beside it, with a dot before the name."""
    return path.suffix == ".py" and not path.name.startswith(".")


def read_folder(
    folder: Path, known: dict[str, Source], taken: Collection[str], stuck_s: float
) -> list[Source]:
    """The folder's ``*.py`` files, sorted by name. A folder that is not there has none.

    ``known``: sources by origin; what did not change since is the same object. ``taken``: names that are not
    the users' to define. Nothing raises: a source says what is wrong with it.
    """
    try:
        paths = sorted(filter(is_file_of_users, folder.iterdir()))
        refusal = None if not paths else user_module.refusal(folder.stat(), folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        source = Source(clean(folder.name, 40), str(folder), stuck_s)
        source.refuse(ConfigError(f"strategies_dir {folder}: {error.strerror}"))
        return [source]
    return [_read(path, known.get(str(path)), taken, refusal, stuck_s) for path in paths]


def offered() -> tuple[importlib.metadata.EntryPoint, ...]:
    """What installed packages offer, sorted by name; runs none of their code."""
    found = importlib.metadata.entry_points(group=GROUP)
    return tuple(sorted(found, key=lambda point: (point.name, point.value)))


def read_entry_points(taken: Collection[str], stuck_s: float) -> list[Source]:
    """The strategies that installed packages offer, sorted by name."""
    found = []
    for point in offered():
        package = point.dist.name if point.dist is not None else "unknown"
        source = Source(clean(point.name, 40), clean(f"{package}: {point.value}", 120), stuck_s)
        try:
            kind = source.apart.load(point.load)
            if not (isinstance(kind, type) and issubclass(kind, Strategy)):
                raise ConfigError(f"entry point {point.name} is no Strategy subclass")
            _check(kind, taken)
            source.kinds = (kind,)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            source.refuse(error)
        found.append(source)
    return found


def _read(
    path: Path, known: Source | None, taken: Collection[str], refusal: str | None, stuck_s: float
) -> Source:
    source = Source(clean(path.stem, 40), str(path), stuck_s)
    try:
        if refusal:
            raise ConfigError(refusal)
        text = user_module.read(path)
        source.digest = hashlib.sha256(text).hexdigest()
        if known is not None and known.digest == source.digest and not known.error:
            return known
        source.module = f"_tickdesk_strategy_{path.stem}_{next(_numbers)}"
        source.kinds = tuple(_defined(path, text, source.module, source.apart))
        for kind in source.kinds:
            _check(kind, taken)
        names = [kind.name for kind in source.kinds]
        if not names:
            raise ConfigError(f"{path.name} defines no strategy: write a class that extends Strategy")
        if len(set(names)) < len(names):
            raise ConfigError(f"{path.name} defines two strategies of one name: {', '.join(names)}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        source.refuse(error)
    return source


def _defined(path: Path, text: bytes, name: str, apart: Apart) -> Iterator[type[Strategy]]:
    """Import the file and yield the strategies that it defines, in its order."""
    for kind in list(vars(apart.load(user_module.run, path, text, name)).values()):
        if isinstance(kind, type) and issubclass(kind, Strategy) and kind.__module__ == name:
            yield kind


def _check(kind: type[Strategy], taken: Collection[str]) -> None:
    """Raises ConfigError when a class cannot be a strategy of the desk."""
    name, description = getattr(kind, "name", None), getattr(kind, "description", None)
    who = f"class {clean(kind.__name__, 40)}"
    if not (
        isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) and len(name) <= 40
    ):
        raise ConfigError(f"{who}: give it a name that is an identifier of at most 40 characters")
    if name in taken or name in _RESERVED:
        raise ConfigError(f"{who}: the name {name} is taken; choose another")
    if not (isinstance(description, str) and description and clean(description) == description):
        raise ConfigError(f"{who}: give it a description of one line")
    if not (isinstance(kind.Params, type) and issubclass(kind.Params, Strategy.Params)):
        raise ConfigError(f"{who}: its Params must extend Strategy.Params")
    both = set(kind.Params.__struct_fields__) & set(Switches.__struct_fields__)
    if both:
        raise ConfigError(f"{who}: parameters may not be called {', '.join(sorted(both))}")
    try:
        check_params(kind.Params)
    except TypeError as error:
        raise ConfigError(f"{who}: {clean(error)}") from error
