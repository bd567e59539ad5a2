"""Who controls the desk: of several consoles one commands, the others watch.

Time is given, in ns of a clock that never steps back.
"""

from __future__ import annotations

from typing import Literal

from engine.api.control_protocol import Access, Console, ConsoleRow, ControlDetail
from engine.errors import ControlError
from engine.events import NS

SEAT_S = 10.0
"""How long the seat of a controller whose line is cut is kept for it."""

Need = Literal["look", "safer", "control"]
"""What a request takes: look changes nothing, safer risks less than before, control is the rest."""


class _Attached:
    """A console with its streams: while it comes back after a cut it may have two."""

    def __init__(self, console: Console, now_ns: int) -> None:
        self.console = console
        self.since_ns = now_ns
        self.streams = 0


class Control:
    """The consoles that are attached, and which of them has the seat."""

    def __init__(self) -> None:
        self._attached: dict[str, _Attached] = {}
        self._seat: Console | None = None
        self._cut_ns: int | None = None
        """Since when the controller has no stream."""

    @property
    def count(self) -> int:
        """Consoles that are attached."""
        return len(self._attached)

    def controller(self, now_ns: int) -> Console | None:
        """Who has the seat; None: it is free."""
        if self._cut_ns is not None and now_ns - self._cut_ns >= SEAT_S * NS:
            self._free()
        return self._seat

    def attach(self, console: Console, now_ns: int) -> bool:
        """A stream of ``console`` opens. True when it takes the free seat with that, or the one of a
        controller whose line is cut on the same terminal: killed, and started again. Raises ControlError for
        one that goes by another's id."""
        self._check_name(console)
        attached = self._attached.setdefault(console.id, _Attached(console, now_ns))
        attached.streams += 1
        attached.console = console
        seated = self.controller(now_ns)
        if seated is not None:
            if seated.id == console.id:
                self._seat, self._cut_ns = console, None
                return False
            if self._cut_ns is None or not _same_terminal(seated, console):
                return False
        if console.access == "seat":
            self._seat, self._cut_ns = console, None
        return self._seat is console

    def detach(self, console: Console, now_ns: int, *, left: bool) -> None:
        """A stream of ``console`` ends. ``left``: it says that it does not come back; else its line is cut,
        and its seat is kept for ``SEAT_S``."""
        attached = self._attached.get(console.id)
        if attached is None:
            return
        attached.streams -= 1
        if attached.streams:
            return
        del self._attached[console.id]
        if self._seat is not None and self._seat.id == console.id:
            if left:
                self._free()
            else:
                self._cut_ns = now_ns

    def take(self, console: Console, now_ns: int, over: str | None = None) -> Console | None:
        """``console`` controls from now on. Returns who did; None: nobody, or itself. ``over``: the id of who
        is to be taken over from, "" nobody; None: whoever it is. Raises ControlError."""
        if console.read_only:
            raise ControlError(refused_as_read_only())
        self._check_name(console)
        if console.id not in self._attached:
            raise ControlError("this console's line is cut: take control when it is back")
        before = self.controller(now_ns)
        if before is not None and over is not None and before.id not in (over, console.id):
            raise ControlError(f"NOT DONE: {before.place} controls the desk by now: take over first")
        self._seat, self._cut_ns = console, None
        return None if before is None or before.id == console.id else before

    def give(self, console: Console, now_ns: int) -> bool:
        """Nobody controls from now on. False when ``console`` did not."""
        seated = self.controller(now_ns)
        if seated is None or seated.id != console.id:
            return False
        self._free()
        return True

    def check(self, console: Console, need: Need, now_ns: int) -> None:
        """Raises ControlError, one line, where ``console`` may not do what takes ``need``."""
        if need == "look":
            return
        if console.read_only:
            raise ControlError(refused_as_read_only())
        if need == "control":
            seated = self.controller(now_ns)
            if seated is None:
                raise ControlError("NOT DONE: nobody controls the desk: take control first")
            if seated.id != console.id:
                raise ControlError(f"NOT DONE: {seated.place} controls the desk: take over first")
            self._check_name(console)

    def detail(self, now_ns: int) -> ControlDetail:
        seated = self.controller(now_ns)
        rows = tuple(
            ConsoleRow(
                id=each.console.id,
                label=each.console.label,
                access=_access(each.console, seated),
                controls=seated is not None and seated.id == each.console.id,
                attached_s=round((now_ns - each.since_ns) / NS, 1),
            )
            for each in self._attached.values()
        )
        cut_s = None if self._cut_ns is None else round((now_ns - self._cut_ns) / NS, 1)
        return ControlDetail("" if seated is None else seated.label, cut_s, rows)

    def _check_name(self, console: Console) -> None:
        """Raises ControlError where another console, attached or controlling, has the id of ``console``."""
        attached = self._attached.get(console.id)
        known = self._seat if attached is None else attached.console
        if known is None or known.id != console.id:
            return
        if (known.label, known.read_only) != (console.label, console.read_only):
            raise ControlError(f"NOT DONE: {known.place} goes by this console's id: start this one again")

    def _free(self) -> None:
        self._seat = self._cut_ns = None


def refused_as_read_only() -> str:
    return "NOT DONE: this console is read-only: start one without --read-only"


def _same_terminal(one: Console, other: Console) -> bool:
    """The same person's, too; what has no terminal is nowhere."""
    here, there = (each.label.rpartition("/")[0] for each in (one, other))
    return here == there and not one.place.startswith("pid ")


def _access(console: Console, seated: Console | None) -> Access:
    """What it has now, not what it asked for when it attached."""
    if console.read_only:
        return "read-only"
    return "seat" if seated is not None and seated.id == console.id else "watch"
