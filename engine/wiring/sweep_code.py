"""What makes a sweep's runs: the same for all of them, whichever process or machine makes one."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from engine.strategies.user_files import is_file_of_users, offered


def own_version() -> str:
    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return "unknown"


def strategies_digest(folder: Path) -> str:
    """Of the user's own strategies, and of those that packages offer: a sweep that goes on must go on with
    the same."""
    try:
        files = sorted(filter(is_file_of_users, folder.iterdir()))
    except OSError:
        files = []
    try:
        named = [*((path.name, path) for path in files), *_packaged()]
        bodies = [name.encode() + b"\0" + path.read_bytes() for name, path in named]
    except OSError:  # one that is being exchanged is another
        return "unreadable"
    return hashlib.sha256(b"\0".join(bodies)).hexdigest() if bodies else ""


@cache
def _packaged() -> tuple[tuple[str, Path], ...]:
    """What installed packages offer, each with its file; packages do not come and go meanwhile."""
    found = []
    for point in offered():
        try:
            spec = find_spec(point.module)
        except (ImportError, ValueError):
            spec = None  # it does not load either: its strategy says why
        if spec is not None and spec.origin and Path(spec.origin).is_file():
            found.append((f"{point.name}={point.value}", Path(spec.origin)))
    return tuple(found)
