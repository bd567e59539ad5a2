"""A processor that a desk's loop has for itself: nothing of ours stands between a tick and its decision.

A scheduler may let the desk wait for milliseconds behind a screen while another processor idles: one that
packs virtual processors does. So the loop is bound to one processor, and all else of ours to the others: the
desk's own threads, what it starts, and every console. Linux only. Whose a processor is, a socket in the
abstract namespace (unix(7)) tells: the kernel gives it back when its owner ends, however it ends. One always
stays for all else.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Set

Mask = frozenset[int]
"""Numbers of processors."""
_own: Own | None = None
"""Of this process."""


class Own:
    """The processor ``number``, of the thread that took it. Not reused once it is given back."""

    def __init__(self, number: int, allowed: Mask, mark: socket.socket) -> None:
        self.number = number
        self.others = allowed - {number}
        self._allowed = allowed
        self._mark = mark
        self._thread = threading.get_native_id()
        self._spread = {self._thread}
        self.shares = False
        """Its thread, and the others of its process, run anywhere; all else of ours still keeps off."""

    def spread(self) -> None:
        """Bind the other threads of this process to the others: a thread begins where the one was that
        started it. To be called now and then."""
        found = {int(name) for name in os.listdir("/proc/self/task")}  # noqa: PTH208 - each second, on the loop
        for thread in found - self._spread:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                os.sched_setaffinity(thread, self._allowed if self.shares else self.others)
        self._spread = found

    def share(self, shares: bool) -> None:
        """Raises OSError where the system refuses."""
        os.sched_setaffinity(self._thread, self._allowed if shares else {self.number})
        self.shares, self._spread = shares, {self._thread}
        self.spread()

    def waited_ns(self) -> int:
        """How long its thread has waited so far while another one ran; 0 where the system does not tell."""
        try:
            with open(f"/proc/self/task/{self._thread}/schedstat", "rb") as told:  # noqa: PTH123 - as above
                return int(told.read().split()[1])
        except (OSError, ValueError, IndexError):
            return 0

    def give_back(self) -> None:
        global _own
        if _own is self:
            _own = None
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self._thread, self._allowed)
        self._mark.close()


def take() -> Own | None:
    """One for this thread; None where there is none to spare. Raises OSError where the system refuses."""
    global _own
    allowed = allowed_here()
    number = choose(allowed, owned(allowed))
    mark = None if number is None else _marked(number)
    if number is None or mark is None:
        return None
    own = Own(number, allowed, mark)
    try:
        os.sched_setaffinity(0, {number})
    except BaseException:
        own.give_back()
        raise
    _own = own
    return own


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
    """Those of them that a desk on this machine has for itself."""
    return frozenset(number for number in among if _is_marked(number))


def keep_off(process: int) -> None:
    """Bind a process that was just started to the others, where this one has a processor for itself."""
    if _own is not None:
        with contextlib.suppress(OSError):  # it may have ended already
            os.sched_setaffinity(process, _own.others)


def step_aside(thread: int = 0, of: Callable[[Iterable[int]], Mask] = owned) -> Mask | None:
    """Let a thread leave what desks have for themselves; those that it might use before, None where it
    leaves nothing. 0: this one."""
    allowed = allowed_here(thread)
    left = allowed - of(allowed)
    if left in (allowed, frozenset()):
        return None
    with contextlib.suppress(OSError):
        os.sched_setaffinity(thread, left)
        return allowed
    return None


def _name(number: int) -> str:
    return f"\0tickdesk-processor-{number}"


def _marked(number: int) -> socket.socket | None:
    """None where another desk has it."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(_name(number))
    except OSError:
        mark.close()
        return None
    return mark


def _is_marked(number: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        return asking.connect_ex(_name(number)) == 0
