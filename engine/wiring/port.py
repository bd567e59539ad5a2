"""The live engine as the API sees it: frames, explanations, commands."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from engine.api.protocol import VERSION, Explanation, Health, Reply, StateFrame
from engine.errors import ConfigError
from engine.events import FeedState, RiskState
from engine.store.read import Reader
from engine.wiring.explain import explain

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

FLATTEN_WAIT_S = 15.0
MAX_FRAME_AGE_S = 0.05


class LivePort:
    """Implements ``engine.api.desk_port.DeskPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._reader: Reader | None = None
        self._frame: StateFrame | None = None
        self._framed_at = 0.0

    def state(self) -> StateFrame:
        """Every row; clients that ask within 50 ms share one."""
        now = time.monotonic()
        if self._frame is None or now - self._framed_at > MAX_FRAME_AGE_S:
            self._frame, self._framed_at = self._build(), now
        return self._frame

    def _build(self) -> StateFrame:
        engine = self._engine
        return engine.view.frame(
            max(engine.clock(), engine.desk.now_ns),
            phase=engine.phase,
            phase_detail=engine.phase_detail,
            feeds=engine.feeds,
            model=engine.model.row,
            logs=engine.ring.since(0),
            last_seq=engine.hub.last_seq,
            pending_writes=engine.store.pending,
            tape=engine.tape_text(),
        )

    def health(self) -> Health:
        state = self.state()
        engine = self._engine
        well = engine.failure is None and not any(
            feed.state in (FeedState.DOWN, FeedState.STALE) for feed in state.feeds
        )
        return Health(ok=well, version=VERSION, pid=os.getpid(), status=state.status, feeds=state.feeds)

    def explain(self, identity: str) -> Explanation | None:
        engine = self._engine
        if self._reader is None:
            self._reader = engine.store.reader()
        return explain(engine.desk, self._reader, identity, engine.model.row)

    def set_strategy(self, name: str, enabled: bool | None, weight: float | None, who: str) -> Reply:
        engine = self._engine
        engine.desk.set_strategy(name, enabled, weight)
        state = next(s for s in engine.desk.signals.strategies.states() if s.name == name)
        engine.store.put_setting(f"strategy:{name}", {"enabled": state.enabled, "weight": state.weight})
        text = f"{name} {'on' if state.enabled else 'off'}, weight {state.weight:g}"
        engine.desk.alert("info", who, text)
        return Reply(True, text)

    def set_risk(self, state: str, reason: str, who: str) -> Reply:
        wanted = RiskState(state)
        change = self._engine.desk.trading.set_state(wanted, who, reason or f"asked by {who}")
        if change is None:
            now = self._engine.desk.trading.gate.state
            if now is wanted:
                return Reply(True, f"already {now.value.upper()}")
            raise ConfigError(f"the desk stays {now.value.upper()}")
        return Reply(True, f"{change.previous.value.upper()} → {change.state.value.upper()}")

    async def reload_model(self, who: str) -> Reply:
        return Reply(True, await self._engine.model.reload())

    async def flatten(self, who: str) -> Reply:
        """Entries off, cancel, close everything, verify; the text is the receipt."""
        trading = self._engine.desk.trading
        began = time.monotonic()
        if trading.gate.state is RiskState.ACTIVE:
            trading.set_state(RiskState.REDUCING, who, "flatten")
        canceled = trading.cancel_entries()
        asked = trading.flatten()
        while trading.ledger.positions() and time.monotonic() - began < FLATTEN_WAIT_S:
            await asyncio.sleep(0.02)
        left = len(trading.ledger.positions())
        receipt = f"canceled {canceled}, closed {asked - left}/{asked}"
        if left:
            return Reply(False, f"{receipt}, {left} still open: no fresh quote to close against")
        return Reply(True, f"{receipt}, verified flat in {time.monotonic() - began:.1f} s; entries are off")

    def stop(self, who: str) -> Reply:
        engine = self._engine
        if not engine.stopping.is_set():
            engine.stop(who)
        held = len(engine.desk.trading.ledger.positions())
        kept = f"; {held} positions stay open and are taken up at the next start" if held else ""
        return Reply(True, f"engine stops{kept}")
