"""What some files' code opens while it is watched: files, connections, other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.text import clean

_EVENTS = frozenset(
    {
        *("open", "sqlite3.connect", "socket.connect", "socket.sendto", "socket.sendmsg"),
        *("subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.fork", "pty.spawn"),
    }
)
_MOST = 20
_MOST_FRAMES = 200


class OpenedFiles:
    """By the code of ``own`` files, or of others below ``folder`` at their behest. What an import reads does
    not count, nor what other files there do for themselves."""

    def __init__(self, folder: Path, own: Collection[Path]) -> None:
        self._folders = tuple(f"{name}{os.sep}" for name in _names(folder))
        self.own = frozenset(own)
        self._own = frozenset(name for path in own for name in _names(path))
        self.found: dict[tuple[str, str], None] = {}
        """(module, what it did), in order, each once."""

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        module = self._module()
        if module and len(self.found) < _MOST:
            what = f"opens {_named(arguments)}" if event == "open" else f"{event} {_named(arguments)}"
            if what != "sqlite3.connect :memory:":
                self.found[module, clean(what, 120)] = None

    def _module(self) -> str:
        """The watched module that does it; "" when none does."""
        if not self._own:
            return ""
        frame, module = sys._getframe(2), ""
        for _ in range(_MOST_FRAMES):
            name = frame.f_code.co_filename
            if not module and name.startswith("<frozen importlib"):
                return ""
            if name in self._own:
                return module or Path(name).name
            if not module and name.startswith(self._folders):
                module = Path(name).name
            if frame.f_back is None:
                return ""
            frame = frame.f_back
        return ""


def _names(path: Path) -> tuple[str, str]:
    """As code from there may be named."""
    return str(path), str(path.resolve())


_watching: list[OpenedFiles] = []
_hooked = False


@contextmanager
def watched(files: OpenedFiles) -> Iterator[None]:
    """Python offers no way to take an audit hook back: one is set once, and does nothing outside of this."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked = True
    _watching.append(files)
    try:
        yield
    finally:
        _watching.remove(files)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in _EVENTS:
        for files in _watching:
            files.hear(event, arguments)


def _named(arguments: tuple[object, ...]) -> str:
    first = arguments[0] if arguments else ""
    return str(first if not hasattr(first, "family") else arguments[1])
