"""Child process of the kill test: commits orders for ever and prints what is acknowledged."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine.store.store import Store
from tests.store import samples


def main(path: Path) -> None:
    store = Store(path)
    store.start()

    def acknowledged(seq: int) -> None:
        os.write(1, f"{seq}\n".encode())

    number = store.last_seq
    while True:
        number += 1
        for event in samples.order(number):
            store.commit([event], acknowledged)
        store.behind(samples.signal(number))
        if number % 20 == 0:
            store.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
