"""Make every compiled kernel ready before anything waits for it: ``python -m engine.wiring.compile``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from engine import bar_merge_kernel
from engine.features import alpha158, candles, remember
from engine.features import engine as features
from engine.feeds import binance_scan, column_kernel
from engine.kernels import are_made, cache_folder, forget_unused, note_made
from engine.market import screen
from engine.models import drift, walker
from engine.one_line import OneLine
from engine.opportunities import blend_kernel, rules
from engine.quant import registry as quant
from engine.strategies import scan
from engine.wiring import deal, intake_kernel

Note = Callable[[str], None]
_LOCK = "lock"
_OF_TICKS = (
    features.compile_kernels,
    screen.compile_kernels,
    remember.compile_kernels,
    scan.compile_kernels,
    intake_kernel.compile_kernels,
    deal.compile_kernels,
)
_BESIDE = (
    alpha158.compile_kernels,
    walker.compile_kernels,
    drift.compile_kernels,
    binance_scan.compile_kernels,
    column_kernel.compile_kernels,
    blend_kernel.compile_kernels,
    rules.compile_kernels,
    quant.compile_kernels,
    bar_merge_kernel.compile_kernels,
    candles.compile_kernels,
)
"""What needs none of the others: about as long to compile."""
_SET_UP, _START, _HALF = "set up", "start", "beside"
"""Shares of the work: the backtests' kernel, which no desk needs to start, is made with a set-up only."""


def compile_all(note: Note) -> None:
    """Load the kernels, or have them compiled at the first start (``note`` then gets a line for each module).

    What a compiler takes, hundreds of megabytes, its process never gives back: others compile, one of them at
    a time of those that find the same folder.
    """
    folder = cache_folder()
    if folder is not None and not are_made(folder):
        # What others cannot make is made here.
        with contextlib.suppress(OSError), _alone(folder, note):
            if not are_made(folder):
                _compile_apart(folder, note, _START)
    for compile_kernels in (*_OF_TICKS, *_BESIDE):
        compile_kernels(note)
    forget_unused()


@contextlib.contextmanager
def _alone(folder: Path, note: Note) -> Iterator[None]:
    with (folder / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("waiting for another process, which compiles the kernels for this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile_apart(folder: Path | None, note: Note, first: str) -> int:
    """In two processes; returns the exit code of one that failed, else 0. Raises OSError."""
    reader, writer = os.pipe()
    children: list[subprocess.Popen[bytes]] = []
    with os.fdopen(reader, encoding="utf-8") as lines:
        try:
            try:
                children.extend(_begin(share, writer) for share in (first, _HALF))
            finally:
                os.close(writer)
            for line in lines:
                note(line.rstrip())
        except BaseException:
            for child in children:
                child.terminate()
            raise
        finally:
            codes = [child.wait() for child in children]
            for child in children:
                assert child.stdin is not None
                child.stdin.close()
    code = next((one for one in codes if one), 0)
    if folder is not None and not code:
        note_made(folder)
    return code


def _begin(share: str, output: int) -> subprocess.Popen[bytes]:
    """In a session of its own: who is interrupted at a terminal ends it, and no traceback of its is seen."""
    command = [sys.executable, "-P", "-m", "engine.wiring.compile", share]
    return subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=output, env=_environment(), start_new_session=True
    )


def _end_with_who_began() -> None:
    """Its end of standard input is closed, however it ended: the next start would compile beside this."""
    os.read(0, 1)
    os._exit(1)


def _environment() -> dict[str, str]:
    """They import the engine from where it is."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _compile_share(share: str, note: Note) -> None:
    for compile_kernels in _BESIDE if share == _HALF else _OF_TICKS:
        compile_kernels(note)
    if share == _SET_UP:
        from engine.wiring import play_kernel

        play_kernel.compile_kernels(note)


def _main(arguments: Sequence[str]) -> int:
    if arguments:
        threading.Thread(target=_end_with_who_began, daemon=True).start()
        _compile_share(arguments[0], partial(print, flush=True))
        return 0
    with OneLine(sys.stdout) as note:
        return _compile_apart(cache_folder(), note, _SET_UP)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
