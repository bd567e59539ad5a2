"""Which of the users' files a strategy is made of: its own, and those below its folder that it imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

_MOST = 1_000
_IMPORTERS = frozenset({"import_module", "__import__"})


def modules_of(origins: Iterable[Path], folder: Path) -> frozenset[Path]:
    """The files at ``origins`` and those that they import, however far. What cannot be read imports nothing:
    to load it has failed, which is told where it was tried."""
    found: set[Path] = set()
    todo = list(origins)
    while todo and len(found) < _MOST:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [
                file for name in _imported(path) for base in {folder, path.parent} for file in _at(base, name)
            ]
    return frozenset(found)


def _imported(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in _IMPORTERS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def _at(base: Path, name: str) -> Iterator[Path]:
    """The files below ``base`` that an import of the dotted ``name`` may run."""
    for part in name.split("."):
        if not part.isidentifier():
            continue  # relative, or ``*``
        for file in (base / f"{part}.py", base / part / "__init__.py"):
            if file.is_file():
                yield file
        base = base / part
