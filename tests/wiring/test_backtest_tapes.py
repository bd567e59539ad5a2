"""Tapes of a run: what of them is of its time, and nobody's writing reaches the next one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np

from engine.config import load
from engine.events import NS, GridChange, Trade
from engine.feeds.base import InstrumentSpec
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.packing import Packer
from engine.research.plan import Plan
from engine.ticks import TICK
from engine.wiring.backtest_tapes import TapeData, read_tapes


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


def test_grids_that_were_changed_before_it_begins_are_in_force(tmp_path: Path) -> None:
    paths, symbol, grid = [], "kraken:A/B", (Decimal(1), Decimal(5), Decimal(0))
    for number, tick in enumerate(("0.1", "0.5")):
        path = tmp_path / f"{number}.tape"
        packer = Packer()
        times = [(100 * number + second) * NS for second in (1, 2, 3)]
        packer.add([Trade(symbol, ns // NS, 10.0, 1.0, 1, ns, ns) for ns in times])
        spec = InstrumentSpec(symbol, Decimal(tick), *grid[:2], "B")
        with ColumnarWriter(path, packer.symbols, [spec]) as writer:
            writer.write(*packer.take())
        paths.append(str(path))
    plan = Plan(tapes=tuple(paths), since_ns=102 * NS)
    data = read_tapes(load(environ={}), plan, lambda text: None)
    (changes, _), (ticks, _) = data.stream()
    assert changes == [GridChange(symbol, Decimal("0.5"), *grid, "B", plan.since_ns)]
    assert isinstance(ticks, np.ndarray) and ticks["trade_id"].tolist() == [102, 103]
