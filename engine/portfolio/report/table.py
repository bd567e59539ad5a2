"""Tables of a report. Heads of columns to be aligned right begin with ">"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Rows = Sequence[Sequence[str]]
Section = tuple[str, Sequence[str], Rows]
"""Title, heads and rows."""
_APART = 2


def as_lines(heads: Sequence[str], rows: Rows, width: int = 0) -> Iterable[str]:
    """Plain text. With ``width``, the widest columns that are aligned left are cut until a line fits."""
    names = [head.removeprefix(">") for head in heads]
    every = [names, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(heads))]
    words = [column for column, head in enumerate(heads) if not head.startswith(">")]
    over = sum(widths) + _APART * (len(widths) - 1) - width if width else 0
    while over > 0 and words:
        widest = max(words, key=lambda column: widths[column])
        if widths[widest] <= 4:
            break
        widths[widest] -= 1
        over -= 1
    for row in every:
        cells = (
            cell.rjust(size) if head.startswith(">") else _cut(cell, size).ljust(size)
            for cell, size, head in zip(row, widths, heads, strict=True)
        )
        yield (" " * _APART).join(cells).rstrip()


def as_html(heads: Sequence[str], rows: Rows, caption: str = "") -> str:
    classes = [' class="n"' if head.startswith(">") else "" for head in heads]
    top = "".join(
        f'<th scope="col"{kind}>{escape(head.removeprefix(">"))}</th>'
        for head, kind in zip(heads, classes, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in rows
    )
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide" tabindex="0"><table>{told}<thead><tr>{top}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    rows = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs)
    return f"<table>{''.join(rows)}</table>"


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
