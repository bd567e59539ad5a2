"""What the process of a user's model may do: no more memory, files and processes than a prediction needs.

https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import threading
import time
from pathlib import Path

from engine.models.lowered import lower

MEMORY_BYTES = 8 << 30
"""At most; half of the machine's where that is less."""
FILE_BYTES = 16 << 20
"""Of every file that it writes, the one with its output included."""
NICE = 5
WATCH_S = 1.0

_PDEATHSIG, _SECCOMP, _NO_NEW_PRIVS = 1, 22, 38
_FILTER = 2
_CLONE_THREAD = 0x00010000
_LOAD, _IS, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
_CALLS = {
    # AUDIT_ARCH, clone, clone3, other calls that make a process
    "x86_64": (0xC000003E, 56, 435, (57, 58)),
    "aarch64": (0xC00000B7, 220, 435, ()),
}


def bind(parent: int) -> None:
    """Limit this process for good, and end it with its parent (a process id), however that ends."""
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, FILE_BYTES)
    os.nice(NICE)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    if sys.platform != "linux":
        return
    memory = min(MEMORY_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    lower(resource.RLIMIT_AS, memory)
    with contextlib.suppress(OSError):  # a kernel without it has nobody to tell
        Path("/proc/self/oom_score_adj").write_text("1000")
    # the thread that follows needs the interpreter, which the user's code may hold
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _no_processes(library)


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _no_processes(library: ctypes.CDLL) -> None:
    """Threads only: what it forked could outlive it, and fill the machine.

    RLIMIT_NPROC would count the user's other processes too, and not hold for root. Where the kernel has no
    such filters, nothing is refused.
    """
    known = _CALLS.get(platform.machine())
    if known is None:
        return
    machine, clone, clone3, others = known
    refuse, absent = _REFUSE | errno.EPERM, _REFUSE | errno.ENOSYS
    program = [(_LOAD, 0, 0, _MACHINE), (_IS, 1, 0, machine), (_RETURN, 0, 0, refuse)]
    program += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, refuse)]
    # its flags are in memory, where a filter cannot look: libraries fall back to clone
    program += [(_IS, 0, 1, clone3), (_RETURN, 0, 0, absent)]
    for call in others:
        program += [(_IS, 0, 1, call), (_RETURN, 0, 0, refuse)]
    program += [(_IS, 1, 0, clone), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    program += [(_HAS, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, refuse), (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    library.prctl(_SECCOMP, _FILTER, described, 0, 0)
