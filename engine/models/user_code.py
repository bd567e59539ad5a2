"""A user's model as code: its class out of a file, its files for the artefact.

Both run the user's code, so they belong into a training run or the model's own process, never into the
engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine import user_module
from engine.errors import ConfigError, ModelError
from engine.models.user_model import UserModel
from engine.text import clean
from engine.user_module import told

CODE, DATA = "model.py", "data"
"""The artefact's copy of the user's file, and the folder of what ``save`` wrote."""
MAX_FILES = 900
"""That ``save`` may write."""
MAX_BYTES = 240 << 20
"""Of all files together; an artefact holds little more."""
MAX_DEPTH = 3
"""Folders in each other below ``data``."""
MAX_PARAMETERS = 50

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)

Parameters = dict[str, int | float | str | bool]


def load_class(path: Path) -> type[UserModel]:
    """The one model class that the file at ``path`` defines; runs the file. Raises ModelError.

    Refused are files that others may write to, and classes that cannot be made without arguments.
    """
    try:
        text = user_module.read(path)
    except ConfigError as error:
        raise ModelError(str(error)) from None
    except OSError as error:
        raise ModelError(f"cannot read {clean(path, 200)}: {error.strerror}") from None
    return class_of(path, text)


def class_of(path: Path, text: bytes) -> type[UserModel]:
    """The one model class that ``text``, the content of ``path``, defines; runs it. Raises ModelError."""
    name = f"_tickdesk_model_{hashlib.sha256(text).hexdigest()[:12]}"
    with running(f"file {path.name}", path):
        module = user_module.run(path, text, name)
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, UserModel) and kind.__module__ == name
    ]
    kinds = [kind for kind in dict.fromkeys(found) if not any(_extends(other, kind) for other in found)]
    if len(kinds) != 1:
        names = ", ".join(clean(kind.__name__, 40) for kind in kinds[:5])
        what = f"defines {len(kinds)} models ({names})" if kinds else "defines no model"
        raise ModelError(f"{path.name} {what}: it must have one class that extends UserModel")
    kind = kinds[0]
    missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ())))
    if missing:
        raise ModelError(f"{path.name}: class {clean(kind.__name__, 40)} lacks {missing}")
    return kind


def _extends(kind: type, base: type) -> bool:
    return kind is not base and issubclass(kind, base)


def _line(error: BaseException, path: Path) -> str:
    """Where in the user's file an exception came from, for the message; "" where that is not known."""
    at, line = error.__traceback__, 0
    while at is not None:
        if at.tb_frame.f_code.co_filename == str(path):
            line = at.tb_lineno
        at = at.tb_next
    return f" (line {line})" if line else ""


@contextlib.contextmanager
def running(doing: str, path: Path) -> Iterator[None]:
    """Around the user's code of the file at ``path``, ``doing`` e.g. ``predict``.

    What it raises is a ModelError of one line; what it prints goes to standard error, for a training run's
    output may be a program's input.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        raise ModelError(f"the model's {doing} failed: {told(error)}{_line(error, path)}") from error


def make(kind: type[UserModel], path: Path) -> UserModel:
    """A model of the class, neither fitted nor loaded. Raises ModelError."""
    with running("making without arguments", path):
        return kind()


def parameters(kind: type[UserModel]) -> Parameters:
    """The class's ``parameters``, checked, for the manifest. Raises ModelError."""
    given = kind.parameters
    name = clean(kind.__name__, 40)
    if not isinstance(given, dict) or len(given) > MAX_PARAMETERS:
        raise ModelError(f"{name}.parameters must be a dict of at most {MAX_PARAMETERS} values")
    for key, value in given.items():
        if not (isinstance(key, str) and _PARAMETER.fullmatch(key)):
            raise ModelError(f"{name}.parameters: {clean(repr(key), 80)} is no name: letters, digits, _.:/-")
        if not isinstance(value, int | float | str | bool):
            raise ModelError(f"{name}.parameters: {key} is neither a number nor a text nor a truth value")
        if isinstance(value, str) and clean(value) != value:
            raise ModelError(f"{name}.parameters: {key} is longer than one line of 200 characters")
        if (isinstance(value, float) and not math.isfinite(value)) or (
            isinstance(value, int) and abs(value) >= 1 << 63
        ):
            raise ModelError(f"{name}.parameters: {key} is not finite, or too large")
    return dict(given)


def pack(code_path: Path, model: UserModel) -> dict[str, bytes]:
    """The artefact's files: ``model.py``, and what the model's ``save`` writes as ``data/...``.

    Raises ModelError where that is too much, is named oddly, or is anything but plain files.
    """
    try:
        files = {CODE: user_module.read(code_path)}
    except ConfigError as error:
        raise ModelError(str(error)) from None
    except OSError as error:
        raise ModelError(f"cannot read {clean(code_path, 200)}: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="tickdesk-model-") as folder:
        directory = Path(folder) / DATA
        directory.mkdir()
        with running("save", code_path):
            model.save(directory)
        try:
            _collect(directory, DATA, files, 0)
        except OSError as error:
            raise ModelError(f"cannot read what save wrote: {error.strerror}") from None
    if len({name.lower() for name in files}) < len(files):
        raise ModelError("save wrote two files whose names differ in upper and lower case alone")
    return files


def _collect(directory: Path, name: str, files: dict[str, bytes], depth: int) -> None:
    for path in sorted(directory.iterdir()):
        if not _PART.fullmatch(path.name):
            raise ModelError(f"save wrote {clean(repr(path.name), 80)}: name files with letters, digits, _.-")
        inside = f"{name}/{path.name}"
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ModelError(f"save wrote {inside}, which is no plain file")
        if path.is_dir():
            if depth == MAX_DEPTH:
                raise ModelError(f"save wrote {inside}: at most {MAX_DEPTH} folders in each other")
            _collect(path, inside, files, depth + 1)
            continue
        left = MAX_BYTES - sum(map(len, files.values()))
        if len(files) > MAX_FILES or path.stat().st_size > left:
            raise ModelError(f"save wrote more than {MAX_FILES} files or {MAX_BYTES >> 20} MB: keep less")
        files[inside] = path.read_bytes()
