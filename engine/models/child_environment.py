"""The environment of a process that the engine starts: without the desk's keys and secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import engine

_ROOT = Path(engine.__file__).resolve().parent.parent
_KEPT = frozenset(("HOME", "LANG", "PATH", "SYSTEMROOT", "TMPDIR", "TZ", "VIRTUAL_ENV", "XDG_CACHE_HOME"))
_KEPT_FAMILIES = ("LC_", "LD_", "DYLD_", "CUDA_", "NUMBA_")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Of the desk's only what a library needs to be found and run; its libraries compute in one thread."""
    kept = {
        name: value for name, value in environ.items() if name in _KEPT or name.startswith(_KEPT_FAMILIES)
    }
    return kept | _ONE_THREAD | {"PYTHONPATH": _python_path()}


def _python_path() -> str:
    """For a child that imports the engine from where this process did."""
    given = os.environ.get("PYTHONPATH")
    return f"{_ROOT}{os.pathsep}{given}" if given else str(_ROOT)
