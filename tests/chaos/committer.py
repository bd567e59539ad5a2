"""Child process: commits the events of ``tests.chaos.events`` for ever, and tells what is acknowledged.

A line for each acknowledgement: the event's number, then what of the write-ahead log is on the disk by then.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from engine.events import Family, Signal
from engine.store.store import Store
from tests.chaos.events import commit_at
from tests.chaos.wal import WalIndex


def main(path: Path, seed: int, group: int) -> None:
    """``group``: most commits that are given before one waits for them; 1 waits for each."""
    store = Store(path)
    store.start()
    os.write(1, f"start {store.last_seq} {store.repaired}\n".encode())
    index = WalIndex(path)
    rng = random.Random(seed)

    def acknowledged(seq: int) -> None:
        # On the writer's thread, right after the commit was synced: nothing was written since.
        os.write(1, f"{seq} {index.written()}\n".encode())

    number = store.last_seq
    while True:
        for _ in range(rng.randint(1, group)):
            events = commit_at(number + 1)
            number += len(events)
            store.commit(events, acknowledged)
        for _ in range(rng.randint(0, 30)):
            # Written behind, and not synced by themselves.
            store.behind(Signal("sim:S0-USD", "trend", Family.TECHNICAL, 0.5, 0.7, number, 10, "x" * 200))
        store.flush()
        if rng.random() < 0.3:
            time.sleep(0.01)  # what was just written behind is not synced yet: a moment to be killed in


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
