"""What the terminal shows already is not sent again, and a style only as far as it changes.

Textual draws whole lines, and gives every run of a style all its attributes and a reset: most of what goes
over the wire is that. Here each frame is compared with what was sent before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import is_not
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

_HARMLESS = re.compile(r"\x1b\]22;[a-z-]*\a|\x1b\[\?2026[hl]")
"""The shape of the mouse's pointer, where a frame begins and ends: nothing on the screen changes by it."""
JOINED = 6
"""Cells that are the same between two that are not, and sent all the same: to jump costs as much."""
_CHANGED = re.compile(rb"\x01+(?:\x00{1,%d}\x01+)*" % JOINED)
_MOST_RUNS = 1024
"""Strips that are remembered."""
_MOST_CELLS = 1024
"""Characters of one style that are remembered."""
_OFF = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29}

_Cell = tuple[str, str]
"""(character, style); the second half of a wide character is ""."""
Piece = tuple[int, int, Strip]
"""(row, column, what is drawn there), both from 1."""


def pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[Piece]:
    """What a frame of Textual's draws, in its order."""
    if isinstance(update, LayoutUpdate):
        for row, line in enumerate(update.strips, update.region.y + 1):
            column = update.region.x + 1
            for strip in line:
                yield row, column, strip
                column += strip.cell_length
        return
    for y, first, last in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
            if chop is not None and x < last and end > first:
                yield y + 1, x + 1, chop if end <= last else chop.crop(0, last - x)


class _Run(NamedTuple):
    """What a strip has in the terminal's cells."""

    cells: list[_Cell]
    text: str
    """Its characters, where each takes one cell; else ""."""
    parts: list[tuple[int, int, str]]
    """(first cell, after the last, the style they are in)."""


class Thrift:
    def __init__(self) -> None:
        self._size = (0, 0)
        self._rows: dict[int, list[_Cell | None]] = {}
        """By row from 1, None for what is not known."""
        self._at = (0, 0)
        """Where the terminal's cursor is, row and column from 1; (0, 0): not known."""
        self._system = ColorSystem.TRUECOLOR
        self._runs: dict[int, tuple[Strip, _Run | None]] = {}
        """By the id of the strip: most that are drawn were drawn before."""

    def forget(self) -> None:
        """Whatever it shows, it is not known any more."""
        self._rows, self._at = {}, (0, 0)

    def note(self, text: str) -> None:
        """``text``, which is no frame, is sent: modes, a clipboard, whatever."""
        if not _HARMLESS.fullmatch(text):
            self.forget()

    def spare(
        self,
        frame: Sequence[Piece],
        cursor: tuple[int, int],
        size: tuple[int, int],
        system: ColorSystem = ColorSystem.TRUECOLOR,
    ) -> str:
        """What has to be sent to a terminal of ``size`` (columns, rows) so that it shows ``frame`` and has
        its own cursor at ``cursor`` (row, column); "" where it shows that already."""
        self._suit(size, system)
        frame = _within(frame, size)
        out: list[str] = []
        style = ""
        for row, column, strip in frame:
            run = self._run(strip)
            if run is None:
                # Joined characters, a link: where they stand, or what they do, is not known.
                self.forget()
                return _as_it_is(frame, cursor, system)
            style = self._draw(row, column, run, style, out)
        if style:
            out.append("\x1b[0m")
        if cursor != self._at:
            out.append(f"\x1b[{cursor[0]};{cursor[1]}H")
            self._at = cursor
        return "".join(out)

    def foresee(self, strips: Iterable[Strip], size: tuple[int, int], system: ColorSystem) -> None:
        """Find out ahead what ``strips`` have in the cells of such a terminal."""
        self._suit(size, system)
        for strip in strips:
            self._run(strip)

    def _suit(self, size: tuple[int, int], system: ColorSystem) -> None:
        if size != self._size or system is not self._system:
            self._size, self._system = size, system
            self._runs.clear()
            self.forget()

    def _run(self, strip: Strip) -> _Run | None:
        known = self._runs.get(id(strip))
        if known is None:
            if len(self._runs) >= _MOST_RUNS:
                self._runs.clear()
            # With the strip itself: its id is another's as soon as it is gone.
            known = self._runs[id(strip)] = strip, _run(strip, self._system)
        return known[1]

    def _draw(self, row: int, column: int, run: _Run, style: str, out: list[str]) -> str:
        """Send what of a run the terminal does not show; returns the terminal's style after it."""
        cells = run.cells
        shown = self._rows.get(row)
        if shown is None:
            # One more than there are: half of a wide one may be asked for.
            shown = self._rows[row] = [None] * (self._size[0] + 1)
        begin = column - 1
        end = begin + len(cells)
        if end >= len(shown):
            shown.extend([None] * (end + 1 - len(shown)))
        before = shown[begin:end]
        if before == cells:
            return style
        # Most cells are the same: they are gone through without a line of Python for each. What was made anew
        # since, and is the same all the same, is sent once more.
        changed = bytes(map(is_not, before, cells))
        for start, stop, told in run.parts:
            if changed.find(1, start, stop) < 0:
                continue
            # Most pieces are a side of a frame.
            alone = stop - start == 1 and run.text
            for first, last in ((start, stop),) if alone else _differing(changed, start, stop, run):
                out.append(self._move(row, column + first))
                if style != told:
                    out.append(transition(style, told))
                    style = told
                out.append(run.text[first:last] or "".join([cell[0] for cell in cells[first:last]]))
                self._at = (row, column + last)
                # Half of a wide character that is overwritten takes its other half with it.
                left, right = begin + first, begin + last
                if left and (old := shown[left]) is not None and old[0] == "":
                    shown[left - 1] = None
                if (old := shown[right]) is not None and old[0] == "":
                    shown[right] = None
                shown[left:right] = cells[first:last]
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


def _within(frame: Sequence[Piece], size: tuple[int, int]) -> Sequence[Piece]:
    """What was laid out for a larger terminal, a moment ago, would be written over the last row or column."""
    width, height = size
    if all(row <= height and column + strip.cell_length <= width + 1 for row, column, strip in frame):
        return frame
    return [
        (row, column, strip.crop(0, width + 1 - column))
        for row, column, strip in frame
        if row <= height and column <= width
    ]


def _run(strip: Strip, system: ColorSystem) -> _Run | None:
    """None: where its characters stand, or what they do, is not known."""
    run: list[_Cell] = []
    parts: list[tuple[int, int, str]] = []
    texts: list[str] = []
    all_single = True
    for text, inks, _ in strip:
        if not text:
            continue
        told = _told(inks, system)
        cells, single = _cells(text, told)
        if cells is None or (inks is not None and inks._link):
            return None
        parts.append((len(run), len(run) + len(cells), told))
        run += cells
        texts.append(text)
        all_single = all_single and single
    return _Run(run, "".join(texts) if all_single else "", parts)


def _told(style: Style | None, system: ColorSystem) -> str:
    """Its parameters, as a terminal is told."""
    if style is None:
        return ""
    return Strip.render_ansi(style, system) if style._ansi is None else style._ansi


def _as_it_is(frame: Iterable[Piece], cursor: tuple[int, int], system: ColorSystem) -> str:
    out: list[str] = []
    for row, column, strip in frame:
        out.append(f"\x1b[{row};{column}H")
        out += [
            text if style is None else Strip.render_style(style, text, system) for text, style, _ in strip
        ]
    return "".join([*out, f"\x1b[{cursor[0]};{cursor[1]}H"])


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


def _cells(text: str, style: str) -> tuple[list[_Cell] | None, bool]:
    """The cells of a run, and whether each of its characters takes one; None where terminals differ in that,
    and where a character is no drawing."""
    if (text.isascii() and text.isprintable()) or _single(text):
        return list(map(_in_style(style).__getitem__, text)), True
    if any(character < " " or character == "\x7f" for character in text):
        return None, False
    cells = _wide(text, style)
    return cells if cell_len(text[0]) and cell_len(text) == len(cells) else None, False


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


def _differing(changed: bytes, start: int, stop: int, run: _Run) -> list[tuple[int, int]]:
    """(first, after the last) of what differs there: whole characters, near ones as one."""
    found = [match.span() for match in _CHANGED.finditer(changed, start, stop)]
    if run.text:
        return found
    out: list[tuple[int, int]] = []
    for first, last in found:
        while first > start and run.cells[first][0] == "":
            first -= 1
        while last < stop and run.cells[last][0] == "":
            last += 1
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], last)
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
