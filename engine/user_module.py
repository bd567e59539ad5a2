"""A Python file of the user's, read with care and run as a module of its own.

It runs with the rights of the process that reads it, so only a file is read that nobody but the user (or
root) can have written.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

from engine.errors import ConfigError
from engine.text import clean

MAX_BYTES = 1_000_000
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def told(error: BaseException) -> str:
    """An exception in one line, be it one that cannot say what it is."""
    try:
        return clean(f"{type(error).__name__}: {error}")
    except Exception:
        return clean(type(error).__name__)


def read(path: Path) -> bytes:
    """The file's bytes, when nobody else can have written them. Raises ConfigError or OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path.name} is no regular file")
        real = path.resolve()
        refused = refusal(status, path) or refusal(real.parent.stat(), real.parent)
        if refused:
            raise ConfigError(refused)
        text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{path.name} is larger than {MAX_BYTES} bytes")
    return text


def refusal(status: os.stat_result, path: Path) -> str | None:
    """Why what is at ``path`` is not trusted; None when it is."""
    if status.st_uid not in (0, os.geteuid()):
        return f"{clean(path, 120)} is not loaded: it belongs to another user; copy it, so that you own it"
    if status.st_mode & _WRITABLE:
        return f"{clean(path, 120)} is not loaded: others may write to it; chmod go-w it"
    return None


def run(path: Path, text: bytes, name: str) -> ModuleType:
    """The module ``name`` that ``text`` makes, also in ``sys.modules``. Raises whatever the text raises."""
    spec = importlib.util.spec_from_loader(name, _Text(path, text), origin=str(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _Text(importlib.abc.SourceLoader):
    """Runs the very bytes that were checked, and writes no bytecode that could outlive a change."""

    def __init__(self, path: Path, text: bytes) -> None:
        self._path = path
        self._text = text

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._text
