"""``python -m engine.models.user_host DIR PARENT``: a user's model in a process of its own.

The child of ``engine.models.user_process``, which is process PARENT. It loads the model of the artefact in
DIR when its files are those that it is told of, says so, and predicts what it is sent, one request after the
other, until its input ends. See ``user_frames`` for the words. What the model prints goes to standard error,
a file, of which the newest is kept.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ModelError
from engine.models import folder_files
from engine.models.user_answer import numbers
from engine.models.user_code import CODE, DATA, MAX_BYTES, class_of, make, running
from engine.models.user_frames import (
    FILES,
    FLOAT,
    HEADER,
    MAX_REASON,
    MAX_ROWS,
    PREDICTIONS,
    READY,
    REASON,
    ROWS,
    WIDTH,
    frame,
)
from engine.models.user_limits import bind

if TYPE_CHECKING:
    from engine.models.user_model import UserModel

OUTPUT_BYTES = 64 * 1024
"""Of what the model prints, the newest is kept."""
_OUT, _ERROR = 1, 2


class _Printed(io.RawIOBase):
    """Standard error as a file that begins anew when it is full."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        with contextlib.suppress(OSError):  # its predictions are worth more than its words
            trim(len(view))
            os.write(_ERROR, view[-OUTPUT_BYTES:])
        return len(view)


def trim(more: int = 0) -> None:
    """Begin the file anew if it would be too long."""
    if os.fstat(_ERROR).st_size + more > OUTPUT_BYTES:
        os.ftruncate(_ERROR, 0)
        os.lseek(_ERROR, 0, os.SEEK_SET)


def _own_pipes() -> tuple[io.BufferedIOBase, io.BufferedIOBase]:
    """Requests and answers, kept from the user's code: it finds an empty input and a file for its output."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(_OUT), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(_ERROR, _OUT)
    sys.stdin = io.StringIO()
    for name in ("stdout", "stderr"):
        printed = io.TextIOWrapper(
            io.BufferedWriter(_Printed()), "utf-8", errors="backslashreplace", line_buffering=True
        )
        setattr(sys, name, printed)
    faulthandler.enable(_ERROR)
    return requests, answers


def _check(directory: Path, pipe: io.BufferedIOBase) -> None:
    """Also of a process that is started anew: files may have been damaged, or exchanged, since."""
    length, _, kind = HEADER.unpack(pipe.read(HEADER.size))
    if kind != FILES:
        raise RuntimeError(f"a request of kind {kind} before the files are known")
    for name, expected in json.loads(pipe.read(length)).items():
        found, _ = folder_files.sha256(directory, name, MAX_BYTES)
        if found != expected:
            raise ModelError(
                f"{directory / name} is not the file its manifest vouches for: copy or train it again"
            )


def _load(directory: Path) -> UserModel:
    path, data = directory / CODE, directory / DATA
    try:
        text = path.read_bytes()
        data.mkdir(exist_ok=True)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    model = make(class_of(path, text), path)
    with running("load", path):
        model.load(data)
    return model


def _requests(pipe: io.BufferedIOBase) -> Iterator[tuple[int, bytearray]]:
    """Number and rows of each request, until the desk closes the pipe."""
    while len(header := pipe.read(HEADER.size)) == HEADER.size:
        length, number, kind = HEADER.unpack(header)
        if kind != ROWS or length % (FLOAT * WIDTH) or length > FLOAT * WIDTH * MAX_ROWS:
            raise RuntimeError(f"a request of kind {kind} and {length} bytes")
        rows = bytearray(length)
        if pipe.readinto(rows) != length:
            return
        yield number, rows


def _answer(model: UserModel, number: int, rows: bytearray, path: Path) -> bytes:
    table = np.frombuffer(rows, "<f8").reshape(-1, WIDTH)
    try:
        with running("predict", path):
            answer = model.predict(table)
        predictions = numbers(answer, len(table))
    except ModelError as error:
        return _reason(number, error)
    return frame(number, PREDICTIONS, predictions.tobytes())


def _reason(number: int, error: ModelError) -> bytes:
    """The answer, and for who looks for the cause the whole traceback in the output."""
    traceback.print_exception(error)
    return frame(number, REASON, str(error).encode("utf-8", "replace")[:MAX_REASON])


def main(arguments: list[str]) -> int:
    directory, parent = Path(arguments[0]), int(arguments[1])
    bind(parent)
    requests, answers = _own_pipes()

    def send(data: bytes) -> None:
        answers.write(data)
        answers.flush()
        with contextlib.suppress(OSError):  # the user's code may have closed it
            trim()

    with contextlib.suppress(BrokenPipeError):  # the desk wants no answer any more
        try:
            _check(directory, requests)
            model = _load(directory)
        except ModelError as error:
            send(_reason(0, error))
            return 1
        send(frame(0, READY))
        for number, rows in _requests(requests):
            send(_answer(model, number, rows, directory / CODE))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
