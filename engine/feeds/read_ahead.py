"""Items made by a thread of their own, a few ahead of who takes them.

Worth it where making one is work without the interpreter lock: files read, blocks unpacked.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

_AHEAD = 2
_LOOK_S = 0.2
"""So often the thread looks whether anybody still takes anything."""


class _End(NamedTuple):
    error: Exception | None


def read_ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """``items``, in their order; what making one raises is raised where it would have come.

    The first item that is asked for starts the thread; it ends with the last one, or when this is closed.
    """
    made: queue.Queue[Item | _End] = queue.Queue(_AHEAD)
    closed = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, closed), name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        closed.set()
        # Thrown away with other garbage, this may be closed by the thread itself.
        if threading.current_thread() is not thread:
            if not made.empty():  # or the thread waits for room until it looks
                made.get_nowait()
            thread.join()


def _make(items: Iterable[Item], made: queue.Queue[Item | _End], closed: threading.Event) -> None:
    end = _End(None)
    try:
        for item in items:
            if not _put(item, made, closed):
                return
    except Exception as error:
        end = _End(error)
    _put(end, made, closed)


def _put(item: Item | _End, made: queue.Queue[Item | _End], closed: threading.Event) -> bool:
    """False when nobody takes it any more."""
    while not closed.is_set():
        try:
            made.put(item, timeout=_LOOK_S)
        except queue.Full:
            continue
        return True
    return False
