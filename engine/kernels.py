"""Compiled kernels: the numba decorator of the engine and where its machine code is kept.

numba keys its cache on the file of the decorated function alone, so a change in a helper of another module
would go unnoticed. Here the folder is named after a digest of all kernel sources: stale code is never found.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
import platformdirs
from llvmlite import ir  # type: ignore[import-untyped]

from engine.feature_table import FLOAT_FIELDS

Function = TypeVar("Function", bound=Callable[..., Any])

_ENGINE = Path(__file__).resolve().parent
_SOURCES = (
    *(
        "ticks.py",
        "kernels.py",
        "bar_merge_kernel.py",
        "features",
        "market",
        "feeds/binance.py",
        "feeds/binance_scan.py",
        "feeds/column_kernel.py",
    ),
    *("quant/speed.py", "quant/microstructure.py", "quant/volatility.py", "quant/registry.py"),
    *("opportunities/blend_kernel.py", "opportunities/rules.py", "strategies/scan.py"),
    *("wiring/intake_kernel.py", "wiring/deal.py", "models/forest.py"),
    *("wiring/play_kernel.py", "wiring/level_kernel.py", "wiring/quiet_kernel.py"),
    # the columns of a table, which kernels know by number
    *("feature_table.py", "events/signals.py"),
)
_BLAS = "scipy.linalg"
_MADE = "made"
_numba: Any = numba  # its type stubs know neither the cache's setting nor records
_VOID, _INT32 = ir.IntType(8).as_pointer(), ir.IntType(32)
_log = logging.getLogger(__name__)


def _import_without_blas() -> None:
    """Import the part of numba that looks for SciPy's BLAS, and let it find none.

    No kernel multiplies matrices, and SciPy takes longer to import than all kernels to load.
    """
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[_BLAS]


_import_without_blas()


def kernel(function: Function) -> Function:
    """Compile ``function`` at its first call and keep the machine code for later starts.

    For entry points only; what they call is a ``part``. Where no folder can be written, every start compiles
    anew.
    """
    return _entry(function)


def unlocked(function: Function) -> Function:
    """A ``kernel`` that runs without the interpreter lock, so that other threads go on meanwhile.

    Only for long calls: to get the lock back may take milliseconds.
    """
    return _entry(function, nogil=True)


def _entry(function: Function, **options: bool) -> Function:
    folder = cache_folder()
    if folder is None:
        return _numba.njit(**options)(function)  # type: ignore[no-any-return]
    previous = _numba.config.CACHE_DIR
    _numba.config.CACHE_DIR = str(folder)
    try:
        compiled: Function = _numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found the folder unusable after all
        return _numba.njit(**options)(function)  # type: ignore[no-any-return]
    finally:
        _numba.config.CACHE_DIR = previous
    return compiled


def part(function: Function) -> Function:
    """Compile ``function`` into the kernels that call it."""
    compiled: Function = _numba.njit(function)
    return compiled


@_numba.extending.intrinsic
def pointer(_: Any, address: Any) -> Any:
    """``pointer(address)`` in a kernel: the integer as a pointer, for ``numba.carray``."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], _VOID)

    return _numba.types.voidptr(address), generate


@_numba.extending.intrinsic
def word_at(_: Any, address: Any) -> Any:
    """``word_at(address)`` in a kernel: the whole number of 64 bits there, which may begin at any byte."""
    return _load(_numba.types.int64, address)


@_numba.extending.intrinsic
def real_at(_: Any, address: Any) -> Any:
    """``real_at(address)`` in a kernel: the float64 there, which may begin at any byte."""
    return _load(_numba.types.float64, address)


def _load(kind: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], context.get_value_type(kind).as_pointer())
        return builder.load(place, align=1)

    return kind(address), generate


@_numba.extending.intrinsic
def prefetch(_: Any, address: Any) -> Any:
    """``prefetch(address)`` in a kernel: have the cache line fetched, to be written soon. Never faults."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_VOID, _INT32, _INT32, _INT32])
        fetch = _numba.core.cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(fetch, [builder.inttoptr(arguments[0], _VOID), _INT32(1), _INT32(3), _INT32(1)])

    return _numba.types.void(_numba.types.int64), generate


def warm(
    run: Callable[[], None], name: str, report: Callable[[str], None] | None = None, *, shown: str = ""
) -> None:
    """Make the kernels that ``run`` calls ready, by running it. ``name``: of their module.

    ``report`` gets one line (with the name ``shown``) when they have to be compiled (seconds to minutes)
    rather than loaded. A cache that cannot be read back (cut short, written by something else) is thrown away
    and made again.
    """
    folder = cache_folder()
    if report is not None and not (folder and any(folder.rglob(f"{name}.*.nbi"))):
        report(
            f"compiling the {shown or name} kernels for this machine, at the first start only: "
            "seconds to a minute, longer while the machine is busy"
        )
    try:
        run()
    except Exception as error:
        if folder is None:
            raise
        _log.warning(
            "kernel cache %s is unusable (%s: %s): compiling anew", folder, type(error).__name__, error
        )
        shutil.rmtree(folder, ignore_errors=True)
        run()


def forget_unused(days: float = 14.0) -> int:
    """Remove the kernels of other versions that nobody has used for so long; returns how many.

    Each start touches the folder it uses.
    """
    folder = cache_folder()
    if folder is None:
        return 0
    limit, removed = time.time() - days * 86_400, 0
    for other in folder.parent.glob("kernels-*"):
        with contextlib.suppress(OSError):  # another process may remove it too
            if other != folder and other.stat().st_mtime < limit:
                shutil.rmtree(other)
                removed += 1
    return removed


@cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, else beside the code, else in the user's cache."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    places = (
        [Path(chosen)] if chosen else [_ENGINE / "__pycache__", Path(platformdirs.user_cache_dir("tickdesk"))]
    )
    name = f"kernels-{_digest()}"
    return next((place / name for place in places if _writable(place / name)), None)


def are_made(folder: Path) -> bool:
    """Whether all kernels are there, made of the very files that are here."""
    try:
        return (folder / _MADE).read_text() == _stamps()
    except OSError:
        return False


def note_made(folder: Path) -> None:
    """All kernels are there."""
    with contextlib.suppress(OSError):  # it is looked for again
        (folder / _MADE).write_text(_stamps())


def _stamps() -> str:
    """Times and sizes of the sources: numba takes no code whose file has others, nor another Python's."""
    found = [file.stat() for file in _sources()]
    told = sys.implementation.cache_tag, [(one.st_mtime_ns, one.st_size) for one in found]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _digest() -> str:
    """Twelve hex digits over the kernels' sources, the fields of their rows and the compiler's version."""
    digest = hashlib.sha256(f"{numba.__version__} {FLOAT_FIELDS}".encode())
    for file in _sources():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _sources() -> Iterator[Path]:
    for source in _SOURCES:
        path = _ENGINE / source
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path]


def _writable(folder: Path) -> bool:
    probe = folder / f"probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
