"""``tickdesk`` that ends itself by SIGKILL: ``python -m tests.chaos.daily_killed WHERE ARGUMENT…``.

WHERE is ``step:NAME:begun``, ``step:NAME:done`` (noted, nothing else), ``order:N:before``, ``order:N:during``
(sent, and not waited for) or ``order:N:after`` (answered, and not noted).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

from console.cli import daily_desk, main
from engine.store.daily import DailyStore

DURING_S = 0.002


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()  # it is dead by then


def at_step(name: str, when: str) -> None:
    method = "begin_step" if when == "begun" else "end_step"
    noted = getattr(DailyStore, method)

    def note(self: DailyStore, run: int, step: str, *args: Any, **more: Any) -> None:
        noted(self, run, step, *args, **more)
        if step == name:
            die()

    setattr(DailyStore, method, note)


def at_order(number: int, when: str) -> None:
    asked, seen = daily_desk.ask, [0]

    def ask(state_dir: Any, method: str, path: str, *args: Any, **more: Any) -> Any:
        if (method, path) != ("POST", "/v1/orders"):
            return asked(state_dir, method, path, *args, **more)
        seen[0] += 1
        if seen[0] < number:
            return asked(state_dir, method, path, *args, **more)
        if when == "during":
            threading.Thread(target=asked, args=(state_dir, method, path, *args), kwargs=more).start()
            time.sleep(DURING_S)
        elif when == "after":
            asked(state_dir, method, path, *args, **more)
        die()

    daily_desk.ask = ask  # type: ignore[assignment]


if __name__ == "__main__":
    kind, name, when = sys.argv[1].split(":")
    if kind == "step":
        at_step(name, when)
    else:
        at_order(int(name), when)
    sys.exit(main(sys.argv[2:]))
