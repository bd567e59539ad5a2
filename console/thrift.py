"""What the terminal shows already is not sent again, and a style only as far as it changes.

Textual draws whole lines, and gives every run of a style all its attributes and a reset: most of what goes
over the wire is that. Here each frame is compared with what was sent before.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import NamedTuple

from rich.cells import cell_len

_TOKEN = re.compile(
    # A whole run as Textual writes it comes first: most of a frame is that.
    r"\x1b\[(?P<of>[\d;]+)m(?P<run>[^\x00-\x1f\x7f]+)\x1b\[0m"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H|\x1b\[(?P<style>[\d;]*)m|(?P<sync>\x1b\[\?2026[hl])|(?P<line>\r?\n)"
    r"|(?P<text>[^\x00-\x1f\x7f]+)|(?P<other>[\x00-\x1f\x7f])"
)
_PLACED = re.compile(r"\x1b\[(\d+);\d+H")
_POINTER = re.compile(r"\x1b\]22;[a-z-]*\a")
"""The shape of the mouse's pointer: nothing on the screen changes by it."""
JOINED = 6
"""Cells that are the same between two that are not, and sent all the same: to jump costs as much."""
_MOST_CELLS = 1024
"""Characters of one style that are remembered."""
_OFF = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29}

_Cell = tuple[str, str]
"""(character, style); the second half of a wide character is ""."""


class Thrift:
    def __init__(self) -> None:
        self._size = (0, 0)
        self._rows: dict[int, list[_Cell | None]] = {}
        """By row from 1, None for what is not known."""
        self._lines: dict[int, str] = {}
        """By row, what was drawn on it last, as it came: the same once more need not be looked at."""
        self._torn = False
        """Something that is not known any more has come into a row."""
        self._at = (0, 0)
        """Where the terminal's cursor is, row and column from 1; (0, 0): not known."""

    def forget(self) -> None:
        """Whatever it shows, it is not known any more."""
        self._rows, self._at = {}, (0, 0)
        self._lines.clear()

    def spare(self, frame: str, size: tuple[int, int]) -> str:
        """``frame`` without what the terminal of ``size`` (columns, rows) shows already."""
        if size != self._size:
            self._size = size
            self.forget()
        if _POINTER.fullmatch(frame):
            return frame
        parser, out = _Parser(), [""]
        lines = frame.split("\n")
        starts = [_PLACED.match(line) for line in lines]
        style = ""
        if len(lines) > 1 and all(starts):
            for line, start in zip(lines[:-1], starts, strict=False):
                assert start is not None
                row = int(start[1])
                if not parser.style and line == self._lines.get(row):
                    continue
                if not parser.feed(line):
                    break
                whole = not parser.style and all(run.row == row for run in parser.drawn)
                style = self._take(parser, style, out)
                if whole and not self._torn:
                    self._lines[row] = line
                else:
                    self._lines.clear()
            last = lines[-1]
        else:
            last = frame
        if not parser.known or not parser.feed(last, last=True):
            # Modes, a clipboard, joined characters: what it did to the screen is not known.
            self.forget()
            return frame
        for run in parser.drawn:
            self._lines.pop(run.row, None)
        style = self._take(parser, style, out)
        if style:
            out.append("\x1b[0m")
        end = (parser.row, parser.column)
        if end != (0, 0) and end != self._at:
            out.append(f"\x1b[{end[0]};{end[1]}H")
            self._at = end
        return "".join([parser.begin, *out, parser.finish])

    def _take(self, parser: _Parser, style: str, out: list[str]) -> str:
        """Send what differs of what was read; returns the terminal's style after it."""
        self._torn = False
        for run in parser.drawn:
            style = self._draw(run, style, out)
        parser.drawn.clear()
        return style

    def _draw(self, run: _Run, style: str, out: list[str]) -> str:
        """Send what differs of one run; returns the terminal's style after it."""
        cells, begin = run.cells, run.column - 1
        row = self._rows.setdefault(run.row, [])
        if len(row) < begin + len(cells) + 1:
            row.extend([None] * (begin + len(cells) + 1 - len(row)))
        before = row[begin : begin + len(cells)]
        if before == cells:
            return style
        for first, last in _differing(before, cells, wide=not run.single):
            out.append(self._move(run.row, run.column + first))
            if style != run.style:
                out.append(transition(style, run.style))
                style = run.style
            told = run.single[first:last] if run.single else "".join([cell[0] for cell in cells[first:last]])
            out.append(told)
            self._at = (run.row, run.column + last)
            # Half of a wide character that is overwritten takes its other half with it.
            left, right = begin + first, begin + last
            if left and (old := row[left]) is not None and old[0] == "":
                row[left - 1] = None
                self._torn = True
            if (old := row[right]) is not None and old[0] == "":
                row[right] = None
                self._torn = True
            row[left:right] = cells[first:last]
        if self._at[1] > self._size[0]:
            self._at = (0, 0)  # at the edge: terminals differ in where that is
        return style

    def _move(self, row: int, column: int) -> str:
        here, at = self._at
        if (here, at) == (row, column):
            return ""
        if here == row and 0 < at < column:
            return f"\x1b[{column - at}C" if column - at > 1 else "\x1b[C"
        return f"\x1b[{row};{column}H"


class _Run(NamedTuple):
    row: int
    column: int
    style: str
    cells: list[_Cell]
    single: str
    """Its characters, where each takes one cell; else ""."""


class _Parser:
    """What a frame draws, piece by piece."""

    def __init__(self) -> None:
        self.begin = self.finish = ""
        self.drawn: list[_Run] = []
        """Since it was cleared."""
        self.row = self.column = 0
        """Where the cursor is left; 0: where it was."""
        self.style = ""
        self.known = True
        """Nothing came that is more than a drawing at given places."""
        self._begun = False

    def feed(self, text: str, *, last: bool = False) -> bool:
        """False when it is not known what ``text`` does; ``last``: the frame ends with it."""
        self.known = self.known and self._feed(text, last)
        return self.known

    def _feed(self, piece: str, last: bool) -> bool:
        for token in _TOKEN.finditer(piece):
            kind = token.lastgroup
            if kind == "run":
                of = token["of"]
                style = "" if of == "0" else f"{self.style};{of}" if self.style else of
                if not self._draw(token["run"], style):
                    return False
                self.style = ""
            elif kind == "text":
                if not self._draw(token["text"], self.style):
                    return False
            elif kind == "style":
                of = token["style"]
                self.style = "" if of in ("", "0") else f"{self.style};{of}" if self.style else of
            elif kind == "column":
                self.row, self.column = int(token["row"]), int(token["column"])
            elif kind == "line":
                self.row, self.column = (self.row + 1, 1) if self.row else (0, 0)
            elif kind == "sync" and token["sync"].endswith("h") and not self._begun:
                self.begin += token["sync"]
            elif kind == "sync" and token["sync"].endswith("l") and last and token.end() == len(piece):
                self.finish = token["sync"]
            else:
                return False
        return True

    def _draw(self, text: str, style: str) -> bool:
        if not self.row:
            return False
        self._begun = True
        single = text if text.isascii() or _single(text) else ""
        if single:
            cells = list(map(_in_style(style).__getitem__, text))
        else:
            cells = _wide(text, style)
            if not cell_len(text[0]) or cell_len(text) != len(cells):
                return False  # where its characters stand, terminals differ in
        self.drawn.append(_Run(self.row, self.column, style, cells, single))
        self.column += len(cells)
        return True


class _Cells(dict[str, _Cell]):
    """The cells of one style: each is made once, and what is the same object is compared at once."""

    def __init__(self, style: str) -> None:
        self._style = style

    def __missing__(self, character: str) -> _Cell:
        if len(self) >= _MOST_CELLS:
            self.clear()
        cell = self[character] = (character, self._style)
        return cell


@lru_cache(512)
def _in_style(style: str) -> _Cells:
    return _Cells(style)


@lru_cache(4096)
def _single(text: str) -> bool:
    """Whether each character takes one cell."""
    return all(cell_len(character) == 1 for character in text)


def _wide(text: str, style: str) -> list[_Cell]:
    cells: list[_Cell] = []
    for character in text:
        width = cell_len(character)
        if width == 0 and cells:
            at = -1 if cells[-1][0] else -2
            cells[at] = (cells[at][0] + character, style)
        else:
            cells.append((character, style))
            cells.extend([("", style)] * (width - 1))
    return cells


def _differing(before: list[_Cell | None], cells: list[_Cell], *, wide: bool) -> list[tuple[int, int]]:
    """(first, after the last) of the parts that differ, whole characters, near ones as one."""
    if before.count(None) == len(cells):
        return [(0, len(cells))]
    out: list[tuple[int, int]] = []
    # Most cells are the same: they are gone through without a line of Python for each.
    for index in compress(range(len(cells)), map(ne, before, cells)):
        first, last = index, index + 1
        while wide and first and cells[first][0] == "":
            first -= 1
        while wide and last < len(cells) and cells[last][0] == "":
            last += 1
        if out and first - out[-1][1] <= JOINED:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


class _Style(NamedTuple):
    attributes: frozenset[int]
    ink: str
    ground: str


@lru_cache(1024)
def _style(parameters: str) -> _Style | None:
    """None for one that holds something unusual."""
    attributes: set[int] = set()
    ink = ground = ""
    parts = parameters.split(";") if parameters else []
    at = 0
    while at < len(parts):
        code = int(parts[at] or 0)
        if code in (38, 48):
            long = 5 if parts[at + 1 : at + 2] == ["2"] else 3
            told = ";".join(parts[at : at + long])
            ink, ground = (told, ground) if code == 38 else (ink, told)
            at += long
            continue
        if code in _OFF:
            attributes.add(code)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            ink = str(code)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            ground = str(code)
        elif code == 39:
            ink = ""
        elif code == 49:
            ground = ""
        else:
            return None
        at += 1
    return _Style(frozenset(attributes), ink, ground)


@lru_cache(4096)
def transition(before: str, after: str) -> str:
    """From one style to another, in as few bytes as there are; both as all their parameters, "" for none."""
    anew = f"\x1b[0;{after}m" if after else "\x1b[0m"
    old, new = _style(before), _style(after)
    if old is None or new is None:
        return anew
    codes: list[str] = []
    gone = old.attributes - new.attributes
    off = {_OFF[one] for one in gone}
    codes += [str(code) for code in sorted(off)]
    # Bold and faint, slow and fast share their end.
    kept = {one for one in new.attributes & old.attributes if _OFF[one] in off}
    codes += [str(one) for one in sorted((new.attributes - old.attributes) | kept)]
    if old.ink != new.ink:
        codes.append(new.ink or "39")
    if old.ground != new.ground:
        codes.append(new.ground or "49")
    if not codes:
        return ""
    short = f"\x1b[{';'.join(codes)}m"
    return short if len(short) < len(anew) else anew
