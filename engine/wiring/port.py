"""The live engine as the API sees it: frames, explanations, commands."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

import msgspec

from engine.api.health_protocol import Probe, WriterHealth
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import (
    VERSION,
    AutomationRow,
    Explanation,
    Health,
    JobRow,
    Reply,
    SignalStatistics,
    StateFrame,
    StrategyDetail,
    StrategyPatch,
    SymbolSignals,
    WeightsPatch,
)
from engine.bus.inspect import Inspection
from engine.config import BlendWeights
from engine.errors import OrderError, TapeError
from engine.events import FeedState, JournalEvent, RiskChange, RiskState
from engine.signal_exchange import SignalsReply, SignalsRequest
from engine.slices import Work, at_once, in_slices
from engine.store.read import Reader
from engine.wiring.alerts import LiveAlerts
from engine.wiring.commands import LiveCommands
from engine.wiring.daily_port import LiveDaily
from engine.wiring.data_view import LiveData
from engine.wiring.explain import explain, past, sought
from engine.wiring.market_news import POLLED
from engine.wiring.market_view import LiveMarket
from engine.wiring.model_port import LiveModels
from engine.wiring.model_view import model_row
from engine.wiring.recorded import Recorded
from engine.wiring.signal_answer import answer
from engine.wiring.symbol_view import strategy_detail, symbol_signals
from engine.wiring.tickets import find
from engine.wiring.trading_port import LiveTrading
from engine.wiring.view import Head

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine")

MAX_FRAME_AGE_S = 0.05
MOST_TRIES = 3
"""In slices; after that a frame is made in one go."""
_DELIVERING = (FeedState.UP, FeedState.POLLING)


class LivePort:
    """Implements ``engine.api.desk_port.DeskPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self.trading = LiveTrading(engine)
        self.models = LiveModels(engine)
        bars = None if engine.bars is None else engine.bars.cache
        self.market = LiveMarket(
            engine.desk, self._now_ns, lambda: self._open_reader(), engine.desk.stages, bars
        )
        engine.writing.watchers.append(self.market.on_event)
        self.data = LiveData(
            engine.desk,
            self._now_ns,
            lambda: self._open_reader(),
            bars,
            lambda: None if engine.bars is None else engine.bars.reader,
        )
        self.alerts = LiveAlerts(engine)
        self.daily = LiveDaily(engine)
        self.commands = LiveCommands(engine.store, lambda: self._open_reader())
        self.pages = Recorded(lambda: self._open_reader(), self.data.called)
        self._reader: Reader | None = None
        self._frame: StateFrame | None = None
        self._framed_at = 0.0
        self._preparing = asyncio.Lock()

    async def prepare(self) -> None:
        """Make what ``state`` tells in the next moment; all that ask meanwhile wait for the same. What is
        journaled meanwhile may be in some rows and not in others: then once more."""
        rows = self._engine.view.tick_rows
        async with self._preparing:
            for _ in range(MOST_TRIES):
                if self._shared() is not None:
                    return
                await rows.prepare(self._now_ns)
                before = self._journaled()
                frame = await in_slices(self._making(), rows.add_spent)
                if self._journaled() == before:
                    self._share(frame)

    def state(self) -> StateFrame:
        """Every row; clients that ask within 50 ms share one, unless something was journaled since: who has
        seen a fill must not be shown the position of before it."""
        shared = self._shared()
        if shared is None:
            began = time.perf_counter_ns()
            shared = at_once(self._making())
            self._engine.view.tick_rows.add_spent(time.perf_counter_ns() - began)
            self._share(shared)
        return shared

    def _shared(self) -> StateFrame | None:
        shared = self._frame
        if shared is None or time.monotonic() - self._framed_at > MAX_FRAME_AGE_S:
            return None
        return shared if shared.last_seq == self._engine.hub.last_seq else None

    def _share(self, frame: StateFrame) -> None:
        self._frame, self._framed_at = frame, time.monotonic()
        rows = self._engine.view.tick_rows
        self._engine.desk.stages.frame.add(rows.spent_ns)
        rows.spent_ns = 0

    def _journaled(self) -> tuple[int, int]:
        """Another one than before: something was handed to the journal, or is durable now."""
        return self._engine.writing.commits, self._engine.hub.last_seq

    def _making(self) -> Work[StateFrame]:
        engine = self._engine
        last_seq = engine.hub.last_seq
        model = model_row(engine.model)
        yield
        automations = self.automations()
        yield
        logs = engine.ring.since(0)
        yield
        head = self._head()
        yield
        return (
            yield from engine.view.making(
                self._now_ns(),
                head,
                model=model,
                logs=logs,
                last_seq=last_seq,
                automations=automations,
            )
        )

    def _head(self) -> Head:
        engine = self._engine
        gateways = engine.gateways
        compared = None if gateways is None else gateways.reconciliation
        seated = engine.control.controller(time.monotonic_ns())
        return Head(
            phase=engine.phase,
            phase_detail=engine.phase_detail,
            feeds=engine.market_feeds,
            beside=(*engine.beside.context, *engine.beside.collected),
            loading=engine.loading(),
            pending_writes=engine.store.pending,
            tape=engine.tape_text(),
            recording=engine.recording_state,
            playback=None if engine.playback is None else engine.playback.row(),
            drifts=0 if compared is None else compared.drifts,
            gateway="" if gateways is None else gateways.text(),
            bus=engine.bus_line(),
            consoles=engine.control.count,
            controller=("", "") if seated is None else (seated.id, seated.label),
        )

    def health(self) -> Health:
        """Of what is now; no row beyond it is made."""
        engine, head, now_ns = self._engine, self._head(), self._now_ns()
        bus = engine.bus_health()
        return Health(
            ok=engine.writing.failure is None and self._fed() and (bus is None or bus.ok),
            version=VERSION,
            pid=os.getpid(),
            status=engine.view.status(now_ns, head),
            feeds=engine.view.feeds(now_ns, head),
            stale_data_s=engine.desk.config.risk.stale_data_s,
            model=model_row(engine.model),
            ready=_probe(self.unready()),
            trading=_probe(self.untraded()),
            bus=bus,
            jobs=engine.automations.jobs_health(),
            writer=WriterHealth(
                ok=engine.writing.failure is None,
                error=str(engine.writing.failure or ""),
                pending=engine.store.pending,
                lag_s=round(engine.writing.lag_s(), 3),
                dropped=engine.store.dropped_records,
            ),
        )

    def _fed(self) -> bool:
        """Whether all that brings prices delivers; a tape that has been played to its end is as it should
        be."""
        engine = self._engine
        market = {POLLED, *(feed.venue for feed in engine.market_feeds)}
        watched = (*engine.market_feeds, *engine.beside.context, *engine.beside.collected)
        return bool(engine.tape_text()) or all(
            feed.stats.state in _DELIVERING for feed in watched if feed.venue in market
        )

    def unready(self) -> str:
        engine = self._engine
        if engine.writing.failure is not None:
            return f"nothing can be written: {engine.writing.failure}"
        if engine.phase != "running":
            return f"the engine is {engine.phase}"
        bus = engine.bus_health()
        return "" if bus is None or bus.ok else f"the bus is not well: {bus.detail}"

    def untraded(self) -> str:
        desk = self._engine.desk
        unready = self.unready()
        if unready:
            return unready
        if not desk.trading_enabled:
            return "the desk trades nothing now"
        if desk.trading.gate.state is not RiskState.ACTIVE:
            return f"the desk is {desk.trading.gate.state.value.upper()}: {desk.trading.gate.reason}"
        why = desk.trading.blocked("")
        if why:
            return f"entries are blocked: {why}"
        return "" if self._fed() else "a feed that brings prices does not deliver"

    async def explain(self, identity: str) -> Explanation | None:
        desk = self._engine.desk
        wanted = sought(desk, identity)
        read = await asyncio.to_thread(past, self._open_reader(), wanted)
        return explain(desk, wanted, read, model_row(self._engine.model))

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        return self._open_reader().events_since(since, limit)

    def risk_changes(self, limit: int) -> list[RiskChange]:
        return self._open_reader().risk_changes(limit)

    def _open_reader(self) -> Reader:
        if self._reader is None:
            self._reader = self._engine.store.reader()
        return self._reader

    # --- strategies, weights, signals ---

    def strategies(self) -> tuple[StrategyDetail, ...]:
        strategies = self._engine.desk.signals.strategies
        return tuple(self._detail(state.name) for state in strategies.states())

    def strategy(self, name: str) -> StrategyDetail | None:
        known = {state.name for state in self._engine.desk.signals.strategies.states()}
        return self._detail(name) if name in known else None

    def _detail(self, name: str) -> StrategyDetail:
        desk = self._engine.desk
        return strategy_detail(desk.signals.strategies.detail(name), desk.trading.used_pct(name))

    def set_strategy(self, name: str, patch: StrategyPatch, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return Reply(True, self._engine.desk.tuning.set_strategy(name, patch, who))

    def reload_strategies(self, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        told = self._engine.desk.reload_strategies(who)
        return Reply(told.whole, told.text)

    def weights(self) -> BlendWeights:
        return self._engine.desk.tuning.weights

    def set_weights(self, patch: WeightsPatch, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return Reply(True, self._engine.desk.tuning.set_weights(patch, who))

    def signals(self, symbol: str) -> SymbolSignals | None:
        try:
            known = find(self._engine.desk, symbol).symbol
        except OrderError:
            return None
        return symbol_signals(self._engine.desk, known, self._now_ns())

    def answer(self, request: SignalsRequest) -> SignalsReply:
        desk, now_ns = self._engine.desk, self._now_ns()
        try:
            known = find(desk, request.symbol).symbol
        except OrderError:
            known = ""
        live = desk.signals.symbol_signals(known, now_ns) if known else None
        config = desk.config
        weighed = msgspec.structs.replace(config.opportunities, weights=desk.tuning.weights)
        return answer(
            request,
            msgspec.structs.replace(config, opportunities=weighed),
            live,
            timer=time.perf_counter_ns,
            now_ns=now_ns,
            blocked=desk.trading.blocked(known) if known else "",
        )

    def _now_ns(self) -> int:
        return max(self._engine.clock(), self._engine.desk.now_ns)

    # --- automations ---

    def automations(self) -> tuple[AutomationRow, ...]:
        return self._engine.automations.rows()

    def automation_statistics(self) -> tuple[SignalStatistics, ...]:
        return self._engine.automations.statistics()

    async def jobs(self, limit: int, name: str, state: str) -> list[JobRow]:
        return await self._engine.automations.jobs(limit, name, state)

    def automation(self, name: str) -> bytes | None:
        return self._engine.automations.get(name)

    async def put_automation(self, name: str, definition: bytes, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return Reply(True, await self._engine.automations.put(name, definition, who))

    async def set_automation(self, name: str, active: bool, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return Reply(True, await self._engine.automations.set_active(name, active, who))

    async def remove_automation(self, name: str, who: str) -> Reply:
        self._engine.writing.refuse_when_failed()
        return Reply(True, await self._engine.automations.remove(name, who))

    # --- risk ---

    @property
    def risk_state(self) -> str:
        return self._engine.desk.trading.gate.state.value

    def tell(self, level: str, source: str, text: str) -> None:
        self._engine.desk.alert(level, source, text)

    async def set_risk(self, state: str, reason: str, who: str) -> Reply:
        """Answers when the change is on disk; tightening works before that."""
        wanted = RiskState(state)
        gate = self._engine.desk.trading.gate
        if wanted is not RiskState.HALTED:
            self._engine.writing.refuse_when_failed()
        before = gate.state
        change = self._engine.desk.trading.set_state(wanted, who, reason or f"asked by {who}")
        if change is None:
            return Reply(True, f"already {wanted.value.upper()}")
        await self._engine.writing.durable()
        if gate.state is not wanted:
            return Reply(False, f"overtaken: the desk is {gate.state.value.upper()}: {gate.reason}")
        if before is wanted:
            return Reply(True, f"already {wanted.value.upper()}, and by no session any more")
        return Reply(True, f"{before.value.upper()} → {wanted.value.upper()}")

    def bus(self) -> Inspection | None:
        return self._engine.bus

    async def metrics(self) -> bytes:
        return await self._engine.metrics.page()

    def set_playback(self, patch: PlaybackPatch, who: str) -> Reply:
        playback = self._engine.playback
        if playback is None:
            raise TapeError("this desk plays no tape: its market is of now")
        told = playback.change(patch)
        log.info("%s: %s", who, told)
        return Reply(True, told)

    def stop(self, who: str) -> Reply:
        engine = self._engine
        if not engine.stopping.is_set():
            engine.stop(who)
        held = len(engine.desk.trading.ledger.positions())
        kept = f"; {held} positions stay open and are taken up at the next start" if held else ""
        return Reply(True, f"engine stops{kept}")


def _probe(fault: str) -> Probe:
    return Probe(not fault, fault)
