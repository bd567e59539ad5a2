"""Long work beside the engine that cannot outlive it.

    python -m engine.wiring.supervised GRACE_S COMMAND...

The first line of standard input becomes the command's standard input. Where standard input then ends (the
engine has ended, in whichever way), or at SIGTERM, the command gets SIGTERM, and SIGKILL ``GRACE_S`` later
or at a second SIGTERM. With the command everything ends that it started. Standard output and error are the
command's own. The exit code is the command's; 128 + N when signal N ended it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engine.session_niceness import niceness, set_niceness

NICE = 15
MAX_INPUT = 4 * 1024 * 1024
"""Bytes of the first line."""
_PDEATHSIG, _SUBREAPER = 1, 36
"""PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER: https://man7.org/linux/man-pages/man2/prctl.2.html"""
_SWEEPS, _SWEEP_S = 100, 0.02
_LOOK_S = 60.0
_LIBC = ctypes.CDLL(None)


def main(arguments: Sequence[str]) -> int:
    grace_s, command = float(arguments[0]), arguments[1:]
    _step_back()
    wake = _woken_by(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    text = _first_line()
    if text is None:
        return 1
    with tempfile.TemporaryFile() as given:
        given.write(text)
        given.seek(0)
        # preexec_fn is safe here: there is one thread
        child = subprocess.Popen(command, stdin=given, preexec_fn=_die_with_us)  # noqa: S603 - our engine's
    code = _watch(child.pid, wake, grace_s)
    child.returncode = code
    _sweep()
    return code if code >= 0 else 128 - code


def _step_back() -> None:
    """What the desk does goes first: for the processor, and when memory runs out."""
    os.nice(NICE)
    if os.getsid(0) == os.getpid() and (niceness() or 0) < NICE:
        set_niceness(NICE)  # beside the desk's session, that of ours is what counts
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # What loses its parent becomes ours: so all of it can be found.
        _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _die_with_us() -> None:
    """In the child: whoever kills the supervisor kills the command."""
    if sys.platform == "linux":
        _LIBC.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _woken_by(*numbers: signal.Signals) -> int:
    """A descriptor with a byte for each of these signals."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def _first_line() -> bytes | None:
    """None when standard input ends before it, or does not stop."""
    text = b""
    while not text.endswith(b"\n") and len(text) < MAX_INPUT:
        part = os.read(0, 65_536)
        if not part:
            return None
        text += part
    return text if text.endswith(b"\n") else None


def _watch(child: int, wake: int, grace_s: float) -> int:
    """Wait for the child's end, and bring it about where it must be; its exit code, below 0 of a signal."""
    deadline: float | None = None
    watched = select.poll()
    watched.register(wake, select.POLLIN)
    watched.register(0, select.POLLIN)
    while True:
        left = _LOOK_S if deadline is None else max(0.0, deadline - time.monotonic())
        asked = False
        for descriptor, _ in watched.poll(left * 1e3):
            if descriptor == wake:
                asked |= _told_to_end(wake)
            elif not os.read(0, 4096):
                watched.unregister(0)
                asked = True
        code = _reap(child)
        if code is not None:
            return code
        if deadline is not None and time.monotonic() >= deadline:
            deadline = time.monotonic() + grace_s + 0.1
            _signal(child, signal.SIGKILL)
        elif asked and deadline is None:
            deadline = time.monotonic() + grace_s
            _signal(child, signal.SIGTERM)
        elif asked:
            deadline = time.monotonic()


def _told_to_end(wake: int) -> bool:
    numbers = b""
    with contextlib.suppress(BlockingIOError):
        numbers = os.read(wake, 4096)
    return any(number in (signal.SIGTERM, signal.SIGINT) for number in numbers)


def _reap(child: int) -> int | None:
    """Take note of all that have ended, adopted ones too; the child's exit code when it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
    return code


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _sweep() -> None:
    """Kill what is left, until nothing is; bounded, should something refork without end."""
    for _ in range(_SWEEPS):
        _reap(0)
        left = _descendants(os.getpid())
        if not left:
            return
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(_SWEEP_S)


def _descendants(root: int) -> list[int]:
    """Below ``root``, by /proc; where there is none (macOS), our session's are found by the engine alone."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_bytes().rpartition(b")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, new = [], [root]
    while new:
        below = children.get(new.pop(), [])
        found += below
        new += below
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
