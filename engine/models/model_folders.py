"""The registry's folders: ``<version>/`` of each model, put there whole by a rename, and what was left over.

``.new-…`` is being written by a process that holds its lock; ``.old-…`` is being removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ModelError
from engine.models import artefact, folder_files
from engine.models.artefact import Artefact, Manifest
from engine.models.registry_file import RegistryFile, os_refusal

_VERSION = re.compile(r"[0-9a-f]{12}")


@contextlib.contextmanager
def staged(file: RegistryFile, found: Artefact) -> Iterator[Path]:
    """A folder with the artefact, written and synced, beside the others; removed unless it was settled."""
    folder = file.directory / f".new-{found.manifest.version}-{secrets.token_hex(4)}"
    with file.writing():  # a sweep cannot come between making and locking it
        try:
            folder.mkdir(mode=0o700)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise os_refusal(folder, error) from None
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        artefact.write(found, folder)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def check(home: Path) -> Manifest:
    """The manifest of the model whose folder this is, every file as it vouches for. Raises ModelError."""
    return _its_own(home, artefact.check(home))


def manifest(home: Path) -> Manifest:
    """The checked manifest alone. Raises ModelError."""
    return _its_own(home, artefact.read_manifest(home))


def _its_own(home: Path, found: Manifest) -> Manifest:
    if found.version != home.name:
        raise ModelError(
            f"{home} holds model {found.version}: register that, and a good copy of {home.name} again"
        )
    return found


def intact(home: Path) -> bool:
    """Whether it holds its own model, as it was."""
    try:
        check(home)
    except ModelError:
        return False
    return True


def settle(staging: Path, home: Path) -> None:
    """Put ``staging`` in the place of ``home``. In a writing transaction. Raises ModelError."""
    try:
        _put_away(home)
        staging.rename(home)
        folder_files.sync(home.parent)
    except OSError as error:
        raise os_refusal(home, error) from None


def sweep(file: RegistryFile) -> None:
    """Remove the folders of models that are no longer listed, and those that killed processes left."""
    with file.writing() as db:
        listed = {row["version"] for row in db.execute("SELECT version FROM models")}
        for path in file.directory.iterdir():
            orphan = _VERSION.fullmatch(path.name) is not None and path.name not in listed
            if orphan or (path.name.startswith(".new-") and _abandoned(path)):
                with contextlib.suppress(FileNotFoundError):  # its writer has just settled or removed it
                    _put_away(path)
    for path in file.directory.glob(".old-*"):
        shutil.rmtree(path, ignore_errors=True)


def _put_away(path: Path) -> None:
    if path.is_symlink() or path.exists():
        path.rename(path.with_name(f".old-{path.name.lstrip('.')}-{secrets.token_hex(4)}"))


def _abandoned(folder: Path) -> bool:
    """Nobody holds its lock: whoever wrote it is dead."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
