"""What commands print: JSON for machines, columns and plain lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.text import clean


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
