"""What commands print: JSON for machines, columns and plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from engine.errors import ConfigError
from engine.text import clean
from engine.whole_file import whole_file


def as_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def table(rows: Sequence[Sequence[str]], aligned: str) -> list[str]:
    """Rows of cells as columns; ``aligned`` holds ``<`` or ``>`` for each."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(aligned))]
    return [
        "  ".join(
            cell.ljust(width) if side == "<" else cell.rjust(width)
            for cell, width, side in zip(row, widths, aligned, strict=True)
        ).rstrip()
        for row in rows
    ]


def plain(lines: Iterable[Sequence[tuple[str, str]]]) -> list[str]:
    """The screen's lines of cells as text that may go anywhere."""
    return [clean("".join(text for text, _ in line), 1000).rstrip() for line in lines]


def check_place(path: Path, taken: Collection[Path], option: str) -> None:
    """Before the work: what is written takes the place of nothing in ``taken``, which is resolved, and its
    folder is there. Raises ConfigError."""
    told = f"cannot write {clean(path, 200)}"
    if path.resolve() in taken:
        raise ConfigError(f"{told}: this command reads or writes it already; choose another --{option}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{told}: there is no such folder; choose another --{option}")


@contextmanager
def opened(out: str) -> Iterator[TextIO]:
    """Standard output for ``-``; else a file that is there whole or not at all, and private to the user."""
    if out == "-":
        yield sys.stdout
        return
    try:
        with whole_file(Path(out)) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"cannot write {clean(out, 80)}: {error.strerror}; choose another --out") from None
