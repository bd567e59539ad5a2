"""A desk whose last console goes away takes the state that is configured for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.identity import this_console
from console.link import EngineLink
from engine.api.address import socket_path
from engine.api.protocol import StateFrame, StreamMessage
from tests.e2e.engine import RunningEngine, options

ON_LOSS = options(simulated__history_s=60, risk__on_console_lost="reducing", risk__console_lost_s=0.3)


async def attach_once(state_dir: Path) -> str:
    """Attach for a few frames, long enough to be noticed; returns the trading state that they told."""
    link = EngineLink(socket_path(state_dir), this_console())
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    states: list[str] = []

    def take(message: StreamMessage) -> None:
        if isinstance(message, StateFrame) and message.status is not None:
            states.append(message.status.risk_state)
            if len(states) == 4:
                told.set_result(states[-1])

    stream = asyncio.create_task(link.run(take, lambda *_: None))
    try:
        return await asyncio.wait_for(told, 20.0)
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        await link.close()


def test_the_last_console_gone_tightens_and_the_state_outlives_the_engine(tmp_path: Path) -> None:
    with RunningEngine(tmp_path / "state", *ON_LOSS) as engine:
        # No console so far: none is lost.
        assert asyncio.run(attach_once(engine.state_dir)) == "active"
        engine.wait_for(lambda health: health.status.risk_state == "reducing", timeout=20.0)
        assert engine.state().status.risk_reason == "no console for 0.3 s"
    with RunningEngine(tmp_path / "state", *ON_LOSS) as engine:
        assert engine.state().status.risk_state == "reducing"
