"""Tapes that a console opens: which there are, and an engine of its own for the one that is opened.

Such an engine has a temporary state directory, and ends with this console, however that ends. It has this
console's priority, below that of the desk's own engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from console.engine_process import EngineProcess, start_engine
from console.identity import this_console
from console.link import EngineLink
from console.link_protocol import Link
from engine.api.address import socket_path
from engine.errors import TapeError
from engine.on_disk import on_disk
from engine.tapes import TapeSpan
from engine.text import clean

SUFFIXES = (".tape", ".jsonl", ".jsonl.gz")
MOST = 200
"""Files of a folder that are offered."""


class OpenTape:
    """A tape and the engine that plays it."""

    def __init__(self, path: Path, engine: EngineProcess, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.path = path
        self._engine = engine
        self._folder = folder

    def wait_ready(self, note: Callable[[str], None]) -> None:
        self._engine.wait_ready(note)

    def new_link(self) -> Link:
        return EngineLink(socket_path(Path(self._folder.name)), this_console())

    def end(self) -> None:
        """End the engine and remove its state. Waits; may be called again."""
        self._engine.end()
        self._folder.cleanup()


class Tapes:
    """``options``: of the engine's command line, its configuration. ``folders``: where tapes may lie, the
    recordings first. ``bound``: the desk that is shown at first plays a tape, and ends with this console."""

    def __init__(self, options: Sequence[str], folders: Sequence[Path], *, bound: bool = False) -> None:
        self._options = tuple(options)
        self.folders = tuple(folders)
        self.bound = bound

    def start(self, path: Path, note: Callable[[str], None]) -> OpenTape:
        """Start an engine that plays ``path``, and wait until it listens: call it on a thread. Raises
        TickdeskError, one line."""
        folder = tempfile.TemporaryDirectory(prefix="tickdesk-tape-", ignore_cleanup_errors=True)
        options = [*self._options, "--tape", str(path.absolute()), "--temporary"]
        opened = OpenTape(path, start_engine(Path(folder.name), options, ours=True), folder)
        try:
            opened.wait_ready(note)
        except BaseException:
            opened.end()
            raise
        return opened


def tapes_in(folder: Path) -> list[Path]:
    """The files of a folder that may be tapes, the newest first. Raises TapeError, one line."""
    try:
        found = [path for path in folder.iterdir() if path.name.endswith(SUFFIXES) and path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:MOST]
    except OSError as error:
        raise TapeError(f"{folder}: {clean(error.strerror or error, 80)}") from None


def begun_anew(typed: str) -> str:
    """What is typed from the root, or from home, behind another path takes its place: ``/home//tmp`` is
    ``/tmp``."""
    return typed[max(typed.rfind("//"), typed.rfind("/~/")) + 1 :]


def typed_path(typed: str) -> tuple[Path, bool]:
    """The file or folder of what was typed, and whether it is a folder. Raises TapeError, one line."""
    try:
        path = Path(typed).expanduser()
        found = on_disk(path)
        if found in ("file", "folder"):
            return path, found == "folder"
    except (OSError, RuntimeError, ValueError) as error:  # too long; a home of nobody; no name at all
        raise TapeError(f"{clean(typed, 80)}: {clean(getattr(error, 'strerror', '') or error, 80)}") from None
    raise TapeError(f"there is no such file: {clean(typed, 80)}")


def completed(typed: str) -> tuple[str, list[str]]:
    """What was typed of a path, with all that every file and folder of this beginning shares; and their
    names. Only folders and tapes count."""
    names = []
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # nothing is there, or it is nobody's home
        path = Path(typed).expanduser()
        folder, start = (path, "") if typed.endswith("/") else (path.parent, path.name)
        for one in folder.iterdir():
            if one.name.startswith(start) and (start.startswith(".") or not one.name.startswith(".")):
                if one.is_dir():
                    names.append(f"{one.name}/")
                elif one.name.endswith(SUFFIXES):
                    names.append(one.name)
    if not names:
        return typed, []
    shared = names[0]
    for name in names:
        while not name.startswith(shared):
            shared = shared[:-1]
    return f"{typed[: len(typed) - len(start)]}{shared}", sorted(names)


async def spans(paths: Sequence[Path]) -> AsyncIterator[TapeSpan]:
    """From when to when each tape goes, one after another, found by a process of its own: a large one takes
    its time, a damaged one costs nothing here."""
    if not paths:
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "console",
        "tape",
        "span",
        "--json",
        *map(str, paths),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            with contextlib.suppress(msgspec.MsgspecError):  # what is no answer is none
                yield msgspec.json.decode(line, type=TapeSpan)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
