"""``python -m tests.bench.timed_engine PORT STATE_DIR OUT FRAMES_PER_S [LISTEN]``: an engine on the scripted
server that notes how long after its sending each trade was decided on.

``OUT`` is written at the end: by trade (int64, little-endian) when it was decided on, ns UTC, how long after
its sending, ns, and whether an order was approved with it.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

from engine.config import (
    ApiConfig,
    Config,
    FeedConfig,
    HistoryConfig,
    LinkConfig,
    RiskConfig,
    SimulatedConfig,
)
from engine.events import MarketEvent, OrderRequest, Trade
from engine.wiring.desk import Desk
from engine.wiring.engine_options import EngineOptions
from engine.wiring.latency import Stopwatch
from engine.wiring.run import run_engine
from tests.bench.script_server import SYMBOLS

_PLENTY = 1e5
"""Requests a second: no rate is to be met here."""


def main(port: str, state_dir: str, out: str, frames_per_s: str, listen: str = "") -> int:
    noted = array("q")
    heard, approvals = Desk.on_events, Stopwatch.approved
    approved = 0

    def on_events(self: Desk, events: Sequence[MarketEvent]) -> None:
        nonlocal approved
        approved = 0
        heard(self, events)
        now = time.time_ns()
        for event in events:
            if isinstance(event, Trade):
                noted.extend((now, now - event.event_ns, approved))

    def on_approved(self: Stopwatch, request: OrderRequest) -> None:
        nonlocal approved
        approved = 1
        approvals(self, request)

    Desk.on_events, Stopwatch.approved = on_events, on_approved  # type: ignore[method-assign]
    url = f"127.0.0.1:{port}"
    feed = FeedConfig(symbols=SYMBOLS, ws_url=f"ws://{url}", rest_url=f"http://{url}", book_levels=0)
    config = Config(
        feeds={"binance": feed},
        simulated=SimulatedConfig(enabled=False),
        history=HistoryConfig(enabled=False),
        risk=RiskConfig(
            max_orders_per_s=1e3, order_burst=1000, repeat_limit=1000,
            daily_loss_reduce_pct=99.0, daily_loss_halt_pct=100.0, max_drawdown_pct=100.0,
        ),
        strategies={"rapid_rise": {"weight": 5.0}},
        link=LinkConfig(frames_per_s=float(frames_per_s)),
        api=ApiConfig(listen=listen, reads_per_s=_PLENTY, address_per_s=_PLENTY),
    )  # fmt: skip
    code = run_engine(EngineOptions(config, Path(state_dir)))
    Path(out).write_bytes(noted.tobytes())
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
