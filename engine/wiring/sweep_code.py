"""What makes a sweep's runs: the same for all of them, whichever process or machine makes one."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def own_version() -> str:
    try:
        return version("tickdesk")
    except PackageNotFoundError:
        return "unknown"


def strategies_digest(folder: Path) -> str:
    """Of the user's own strategies: a sweep that goes on must go on with the same."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".py")
        bodies = [path.name.encode() + b"\0" + path.read_bytes() for path in files]
    except OSError:
        return ""
    return hashlib.sha256(b"\0".join(bodies)).hexdigest() if bodies else ""
