"""What runs share: nobody's writing reaches the next one."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from engine.ticks import TICK
from engine.wiring.backtest_tapes import TapeData


def test_every_run_gets_the_blocks_as_they_were_read() -> None:
    held = []
    for count in (3, 5, 2):
        block = np.zeros(count, TICK)
        block["recv_ns"], block["a"] = np.arange(count) + 10 * count, 1.5
        held.append((block, ("x:A",)))
    news: list[Any] = ["an event"]
    data = TapeData(cast(Any, None), (*held, (news, ("x:A",))), 0, 1, ())
    for _ in range(2):
        stream = data.stream()
        for block, symbols in held:
            given, names = next(stream)
            assert isinstance(given, np.ndarray) and given.tobytes() == block.tobytes() and names == symbols
            given["reject"], given["symbol"] = 3, 7
        assert next(stream) == (news, ("x:A",))
        assert next(stream, None) is None
