"""Removing stored bars: while no engine runs, which reads them and loads what it misses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import EngineBusyError, StoreError
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_remove import Removal, removals, remove
from engine.store.lock import StateLock


def remove_bars(
    state_dir: Path,
    symbols: Sequence[str],
    interval_s: int,
    since_ns: int,
    until_ns: int,
    agreed: Callable[[Sequence[Removal]], bool],
) -> tuple[Sequence[Removal], bool]:
    """What there is of ``symbols`` in ``since_ns <= open < until_ns``, and whether it was removed: where
    ``agreed`` says so. ``interval_s``: of these bars only; 0: of any length.

    Raises EngineBusyError while an engine runs, StoreError where nothing is stored or can be written.
    """
    path = state_dir / BARS_DATABASE
    if not path.is_file():
        raise StoreError(f"there are no stored bars at {path}")
    try:
        lock = StateLock.acquire(state_dir)
    except EngineBusyError:
        raise EngineBusyError(
            f"an engine uses {state_dir}, and its bars: stop it before you remove some (tickdesk stop)"
        ) from None
    try:
        store = BarStore(path)
        store.start()
        try:
            found = store.call(lambda rows: removals(rows, symbols, interval_s, since_ns, until_ns))
            gone = bool(found) and agreed(found)
            if gone:
                store.call(lambda rows: remove(rows, found, since_ns, until_ns))
            return found, gone
        finally:
            store.close()
    finally:
        lock.release()
