"""Cleaning of text from outside (wires, files, models), done once, where it enters."""

from __future__ import annotations

import unicodedata

_BLANKS = "\t\r\n"
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: object, limit: int = 200) -> str:
    """Return ``text`` on one line without control, escape, bidi or unassigned characters, cut to ``limit``.

    Tabs and line ends become blanks, other dropped characters vanish; a cut is marked by "…".
    """
    raw = str(text)[: limit * 4]
    kept = "".join(
        " " if ch in _BLANKS else ch
        for ch in raw
        if ch in _BLANKS or unicodedata.category(ch) not in _DROPPED
    )
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def clean_block(text: object, limit: int = 100_000) -> str:
    """As ``clean``, of text that may have several lines and columns: line ends and tabs stay."""
    lines = str(text)[: limit * 4].split("\n")
    return "\n".join("\t".join(clean(part, limit) for part in line.split("\t")) for line in lines)[:limit]
