"""Which of the users' files a strategy is made of: its own, and those below its folder that it imports; and
what they call that opens files where Python does not hear of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_MOST = 1_000
_IMPORTERS = frozenset({"import_module", "__import__"})
_UNHEARD: Mapping[str, tuple[str, ...]] = {
    "polars": ("read_", "scan_"),
    "pandas": ("read_parquet", "read_feather", "read_orc", "read_hdf", "read_sql", "HDFStore"),
    "pyarrow": ("memory_map", "OSFile"),
    "pyarrow.csv": ("read_", "open_"),
    "pyarrow.dataset": ("dataset",),
    "pyarrow.feather": ("read_",),
    "pyarrow.parquet": ("read_", "ParquetFile", "ParquetDataset"),
    "fastparquet": ("ParquetFile",),
    "duckdb": ("",),
    "h5py": ("File",),
    "tables": ("open_file",),
}
"""By library, how those of its functions begin that open files, or connections, in compiled code."""


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


def unheard(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(module, function) of each that they call."""
    found: dict[tuple[str, str], None] = {}
    for path in sorted(paths):
        nodes = list(_nodes(path))
        names = _names(nodes)
        for node in nodes:
            called = _dotted(node.func, names) if isinstance(node, ast.Call) else ""
            library, _, function = called.rpartition(".")
            if library in _UNHEARD and function.startswith(_UNHEARD[library]):
                found[path.name, called] = None
    return list(found)


def _names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """What imports bind, by the name that they give it."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((names.get(node.id, node.id), *reversed(parts)))


def _nodes(path: Path) -> Iterator[ast.AST]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for statement in tree.body:
        if not _is_guard(statement):
            yield from ast.walk(statement)


def _is_guard(statement: ast.stmt) -> bool:
    """What stands below it is of a file that is run by itself, not of a strategy."""
    return (
        isinstance(statement, ast.If)
        and not statement.orelse
        and ast.unparse(statement.test) == "__name__ == '__main__'"
    )


def _imported(path: Path) -> Iterator[str]:
    for node in _nodes(path):
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
