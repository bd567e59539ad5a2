"""A processor that a desk's loop has for itself: nothing of ours stands between a tick and its decision.

A scheduler may let the desk wait for milliseconds behind a screen while another processor idles: one that
packs virtual processors does. So the loop is bound to one processor, and all else of ours to the others: the
desk's own threads, what it starts, and every console. Linux only. Whose a processor is, a socket in the
abstract namespace (unix(7)) tells: the kernel gives it back when its owner ends, however it ends. One always
stays for all else. Each network namespace has sockets of its own: desks in containers with networks of their
own do not know of each other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Set

Mask = frozenset[int]
"""Numbers of processors."""
_place: Shared | None = None
"""Of this process."""


class Shared:
    """Where a process runs that has no processor for itself, and keeps off those that desks have."""

    def __init__(self, allowed: Mask) -> None:
        self._allowed = self._rest = allowed
        self._bound: Mask = frozenset()
        self._spread: set[int] = set()

    @property
    def others(self) -> Mask:
        """What all else of ours may use now: nothing that a desk has for itself. Raises OSError where one
        cannot look."""
        return self._rest - owned(self._rest) or self._rest

    def spread(self) -> None:
        """Bind the threads of this process to the others: a thread begins where the one was that started it,
        and desks come and go. To be called now and then. Raises OSError where one cannot look."""
        self._bind(self.others, set())

    def _bind(self, mask: Mask, but: set[int]) -> None:
        found = _threads()
        if mask != self._bound:
            self._bound, self._spread = mask, but
        for thread in found - self._spread:
            _set(thread, mask)
        self._spread = found

    def give_back(self) -> None:
        """Let all threads run where they might before."""
        global _place
        if _place is self:
            _place = None
        run_on(self._allowed)


class Own(Shared):
    """The processor ``number``, of the thread that took it. Not reused once it is given back."""

    def __init__(self, number: int, allowed: Mask, mark: socket.socket) -> None:
        super().__init__(allowed)
        self.number = number
        self._rest = allowed - {number}
        self._mark = mark
        self._thread = threading.get_native_id()
        self.shares = False
        """Its thread, and the others of its process, run anywhere; all else of ours still keeps off."""

    def spread(self) -> None:
        """Not the thread that took it, while it does not share."""
        if self.shares:
            self._bind(self.others | {self.number}, set())
        else:
            self._bind(self.others, {self._thread})

    def share(self, shares: bool) -> None:
        """Raises OSError where the system refuses."""
        os.sched_setaffinity(self._thread, self.others | {self.number} if shares else {self.number})
        self.shares, self._bound = shares, frozenset()
        self.spread()

    def waited_ns(self) -> int:
        """How long its thread has waited so far while another one ran; 0 where the system does not tell."""
        try:
            with open(f"/proc/self/task/{self._thread}/schedstat", "rb") as told:  # noqa: PTH123 - each second
                return int(told.read().split()[1])
        except (OSError, ValueError, IndexError):
            return 0

    def give_back(self) -> None:
        super().give_back()
        _set(self._thread, self._allowed)
        self._mark.close()


def take() -> Own | None:
    """One for this thread; None where there is none to spare. Raises OSError where the system refuses."""
    global _place
    allowed = allowed_here()
    taken, mark = owned(allowed), None
    while (number := choose(allowed, taken)) is not None and (mark := _marked(number)) is None:
        taken |= {number}  # another desk was faster
    if number is None or mark is None:
        return None
    own = Own(number, allowed, mark)
    try:
        os.sched_setaffinity(0, {number})
    except BaseException:
        own.give_back()
        raise
    _place = own
    return own


def share() -> Shared | None:
    """For a process that gets none for itself; None where the system does not tell."""
    global _place
    allowed = allowed_here()
    _place = Shared(allowed) if allowed else None
    return _place


def choose(allowed: Set[int], taken: Set[int]) -> int | None:
    """The last that is free, for the first has most of the system's own work; None where it would be the
    last of all."""
    free = sorted(allowed - taken)
    return free[-1] if len(free) > 1 else None


def allowed_here(thread: int = 0) -> Mask:
    """Those that a thread may use; none where the system does not tell. 0: this one."""
    try:
        return frozenset(os.sched_getaffinity(thread)) if sys.platform == "linux" else frozenset()
    except OSError:  # it has ended
        return frozenset()


def owned(among: Iterable[int]) -> Mask:
    """Those of them that a desk on this machine has for itself. Raises OSError where one cannot look: it
    takes a file descriptor."""
    return frozenset(number for number in among if _is_marked(number))


def keep_off(process: int) -> None:
    """Bind a process that was just started to the others, where this one keeps off what desks have."""
    if _place is not None:
        with contextlib.suppress(OSError):  # it may have ended already
            os.sched_setaffinity(process, _place.others)


def step_aside(process: int = 0, of: Callable[[Iterable[int]], Mask] = owned) -> Mask | None:
    """Let the threads of a process leave what desks have for themselves; those that they might use before,
    None where they leave nothing. 0: this one, unless it has a place that is kept. Raises OSError where one
    cannot look."""
    if not process and _place is not None:
        return None
    masks = {thread: allowed_here(thread) for thread in _threads(process)}
    before = frozenset().union(*masks.values())
    taken = of(before)
    moved = False
    for thread, mask in masks.items():
        left = mask - taken
        if left not in (mask, frozenset()):
            moved |= _set(thread, left)
    return before if moved else None


def run_on(mask: Mask) -> None:
    """Let all threads of this process run there, where the system allows it."""
    _set(0, mask)
    with contextlib.suppress(OSError):  # the others stay where they are
        for thread in _threads():
            _set(thread, mask)


def _threads(process: int = 0) -> set[int]:
    """None of one that has ended."""
    try:
        found = os.listdir(f"/proc/{process or 'self'}/task")  # noqa: PTH208 - each second, on the loop
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {int(name) for name in found}


def _set(thread: int, mask: Mask) -> bool:
    """Whether the system did; it may have ended."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(thread, mask)
        return True
    return False


def _name(number: int) -> str:
    return f"\0tickdesk-processor-{number}"


def _marked(number: int) -> socket.socket | None:
    """None where another desk has it. Raises OSError where the system refuses."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(_name(number))
    except OSError as error:
        mark.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return mark


def _is_marked(number: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        return asking.connect_ex(_name(number)) == 0
