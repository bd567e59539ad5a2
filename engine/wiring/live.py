"""The live engine process: owns the loop, the tasks, the socket and the files, and drives one desk."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiohttp import web

from engine.api.address import prepare, socket_path
from engine.api.control import Control
from engine.api.health_protocol import BusHealth
from engine.api.hub import Hub
from engine.api.requests import Requests
from engine.api.server import ApiServer
from engine.bus.inspect import Inspection
from engine.clock import Clock, LiveClock
from engine.config import RecordConfig
from engine.errors import LinkError, StoreError
from engine.events import NS, MarketEvent, RiskState
from engine.feeds.base import Feed, Watched
from engine.feeds.packing import Ticks
from engine.feeds.simulated import SimulatedFeed
from engine.feeds.tape import Tape
from engine.feeds.tape_feed import TapeFeed
from engine.instruments import Instruments
from engine.logs import LogRing
from engine.store.read import DATABASE
from engine.store.store import Store
from engine.strategies.registry import StrategySet
from engine.wiring.alerts import Alerts
from engine.wiring.automation import Automations
from engine.wiring.bar_history import BarHistory
from engine.wiring.beside import Beside
from engine.wiring.desk import Desk
from engine.wiring.end_signals import EndSignals
from engine.wiring.engine_options import EngineOptions
from engine.wiring.gateways import Gateways
from engine.wiring.heartbeat import Heartbeat
from engine.wiring.kept import forget
from engine.wiring.latency import Stages
from engine.wiring.metrics.bus import BusMetrics
from engine.wiring.metrics.desk_metrics import desk_metrics
from engine.wiring.model_slot import ModelSlot
from engine.wiring.order_times import OrderTimes
from engine.wiring.performance import LivePerformance
from engine.wiring.port import LivePort
from engine.wiring.recording import Recording
from engine.wiring.restore import restore
from engine.wiring.service_manager import ServiceManager
from engine.wiring.shutdown import CLIENTS_S, SEAL_S, Shutdown, Step, steps
from engine.wiring.signals import Said
from engine.wiring.simulated_prices import keep_prices, kept_prices
from engine.wiring.sources import live_feeds, run_feed
from engine.wiring.start import start
from engine.wiring.tape_playback import Begin, TapePlayback
from engine.wiring.tasks import Tasks
from engine.wiring.view import DeskView
from engine.wiring.writing import Writing

log = logging.getLogger("engine")


class LiveEngine:
    """One engine process. Everything below runs on its loop; only the store has a thread."""

    said: Callable[[StrategySet], Said] | None = None
    """Who tells what the strategies say, where they run elsewhere."""

    def __init__(
        self,
        options: EngineOptions,
        ring: LogRing,
        tape: Tape | None,
        begin: Begin | None = None,
        control: Control | None = None,
    ) -> None:
        self.options = options
        self.config = options.config
        self.ring = ring
        self.tape = tape
        self.hub = Hub()
        self.control = control or Control()
        self.requests = Requests()
        self.phase = "starting"
        self.phase_detail = ""
        self.clock: Clock = LiveClock()
        self.started_ns = self.clock()
        self.feeds: list[Feed] = []
        self.loading: Callable[[], str] = lambda: ""
        """How far history is loaded, one line."""
        # On a tape, what is committed is answered at once: how long a disk takes must not change what is
        # decided, or no two runs were the same.
        self.store = Store(options.state_dir / DATABASE, durable=tape is None)
        self.writing = Writing(
            self.store,
            self.hub,
            failed=self._storage_failed,
            fault=self.internal_error,
            at_once=tape is not None,
        )
        self.desk = self._make_desk()
        self.gateways = self._make_gateways()
        self.bars = None if tape is not None else BarHistory(self, random.Random())
        self.recording = self._make_recording()
        self.model = self._make_model()
        self.performance = LivePerformance(
            self.desk,
            reader=self.store.reader,
            settings=self.store.settings,
            keep=self.writing.keep,
            clock=lambda: self.clock(),
        )
        self.beside = Beside(self)
        self.view = DeskView(self.desk, mode="REPLAY" if tape else "PAPER", started_ns=self.started_ns)
        self.automations = Automations(
            self.desk, self.store, clock=lambda: self.clock(), tape=tape is not None, keep=self.writing.keep
        )
        self.alerts = Alerts(self.desk, lambda: self.market_feeds, keep=self.writing.keep)
        self.playback = self._make_playback(begin)
        self.anew: Begin | None = None
        """How the next engine begins, where this one ends to begin anew."""
        self.stopping = asyncio.Event()
        self.crash: Exception | None = None
        """A bug in what everything depends on (start, timer): the engine ends rather than half live."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_start: Callable[[], None] = lambda: None
        """Called when nothing but the loop runs yet, and the desk is this process's to trade with."""
        self.on_stop: Callable[[], None] = lambda: None
        """Called when the engine ends for good."""
        self.tasks = Tasks(alert=self.desk.alert, crashed=self._crashed)
        self.broker_tasks = Tasks(alert=self.desk.alert, crashed=self._crashed)
        """Beyond the others' end: cancels are to reach the brokers."""
        self._server: ApiServer | None = None
        self.heartbeat = Heartbeat()
        self.bus_metrics = BusMetrics()
        self.bus: Inspection | None = None
        """As looked at last; None: there is none."""
        self.metrics = desk_metrics(self)
        self._manager = ServiceManager(
            beats={"loop": lambda: self.heartbeat.beats, "writer": lambda: self.store.beats},
            status=self._standing,
        )
        self._ending: Shutdown | None = None
        self._signals = EndSignals(self.stop, self._console_ended, lambda: self.on_stop())

    def _make_desk(self) -> Desk:
        stages = Stages()
        return Desk(
            self.config,
            Instruments(),
            commit=OrderTimes(self.writing.commit, stages, time.perf_counter_ns).commit,
            record=self.store.behind,
            keep=self.writing.keep,
            timer=time.perf_counter_ns,
            judge_skew=self.tape is None,
            stages=stages,
            said=self.said,
        )

    def _make_gateways(self) -> Gateways | None:
        if self.tape is not None:  # what is long past cannot be traded with a broker
            return None
        return Gateways(
            self.config,
            self.desk,
            clock=lambda: self.clock(),
            failed=self.internal_error,
            keep=self.writing.keep,
        )

    def _make_recording(self) -> Recording:
        return Recording(
            # Where others have the feeds, they record.
            self.config.record if self.tape is None and self.said is None else RecordConfig(),
            self.options.state_dir,
            self.desk.intake,
            clock=lambda: self.clock(),
            alert=lambda level, text: self.desk.alert(level, "recording", text),
        )

    def _make_model(self) -> ModelSlot:
        return ModelSlot(
            self.options.state_dir,
            self.desk,
            keep=self.writing.keep if self.tape is None else forget,
            spawn=self._spawn_beside if self.tape is None else None,
            live=self.tape is None,
        )

    def _make_playback(self, begin: Begin | None) -> TapePlayback | None:
        if self.tape is None:
            return None
        return TapePlayback(
            self.tape,
            begin or self.options.begin,
            int(self.config.features.bar_s * NS),
            time.monotonic_ns,
            self._begin_anew,
            self.take_ticks,
        )

    def _spawn_beside(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.spawn(work, vital=False)

    @property
    def ready(self) -> bool:
        """Whether its clock and its prices are those of now: until then they are history's."""
        return self.phase not in ("starting", "standing by", "warming up")

    def bus_health(self) -> BusHealth | None:
        return None

    @property
    def recording_state(self) -> str:
        """As ``Recording.state``, here or elsewhere."""
        return self.recording.state

    @property
    def taped(self) -> tuple[int, int, int] | None:
        """As ``Recording.taped``, here or elsewhere."""
        return self.recording.taped

    def bus_line(self) -> tuple[str, bool]:
        """What the status line says of the bus, and whether it is well; "" without one."""
        return "", True

    @property
    def streams(self) -> Mapping[web.WebSocketResponse, asyncio.Transport | None]:
        """Those of clients, with their lines."""
        return {} if self._server is None else self._server.streams.open

    @property
    def market_feeds(self) -> Sequence[Watched]:
        """What brings prices, here or elsewhere."""
        return self.feeds

    def watched(self) -> tuple[Watched, ...]:
        """Everything that brings data from outside."""
        return (*self.market_feeds, *self.beside.context, *self.beside.collected)

    def _standing(self) -> str:
        state = self.desk.trading.gate.state.value.upper()
        return f"{self.phase}, {state}" if self.phase == "running" else self.phase

    @property
    def on_tape(self) -> bool:
        return self.tape is not None

    def tape_text(self) -> str:
        """Name, speed and the time reached on the tape; "" when live."""
        return "" if self.playback is None else self.playback.text(self.desk.now_ns)

    def _begin_anew(self, begin: Begin) -> None:
        self.anew = begin
        self.phase, self.phase_detail = "rewinding", "the desk begins anew from the tape's start"
        self.stop("rewind")

    def _storage_failed(self, error: StoreError) -> None:
        self.phase, self.phase_detail = "failed", str(error)
        self.desk.trading.fail(f"storage failed: {error}")

    def internal_error(self, error: Exception) -> None:
        """Our own bug: logged with its traceback, entries off, market data and stops go on."""
        log.error("internal error, entries are switched off", exc_info=error)
        self.desk.trading.set_state(RiskState.REDUCING, "risk", f"internal error: {type(error).__name__}")

    def _crashed(self, error: Exception) -> None:
        self.crash = error
        self.on_stop()
        self.stopping.set()

    # --- life ---

    async def main(self) -> int:
        self._loop = asyncio.get_running_loop()
        self.on_start()
        self.writing.start(self._loop)
        self.store.start()
        socket = socket_path(self.options.state_dir)
        prepare(self.options.state_dir)
        server = self._server = ApiServer(
            LivePort(self),
            self.hub,
            frames_per_s=self.config.link.frames_per_s,
            control=self.control,
            requests=self.requests,
        )
        try:
            self.hub.start_at(self.store.last_seq)  # before it: a restart journals too
            restore(
                self.store,
                self.desk,
                self.clock(),
                where=self.options.state_dir,
                tape=self.tape is not None,
            )
            if self.gateways is not None:
                self.gateways.take_up(self.store.settings(), self.clock())
            await self.automations.take_up(self.store.settings())
            self.alerts.take_up(self.store.settings())
            if self.bars is not None:
                self.bars.start()
            self._signals.listen(self._loop, self.options.life_fd)
            if self.tape is None:
                self.feeds = self.open_feeds()
                self.beside.check()  # what is wrong with its configuration ends the start
            await server.start(socket)
            self.options.ready()
            self._manager.ready()
            log.info("listening", extra={"fields": {"socket": str(socket), "pid": os.getpid()}})
            self.tasks.spawn(server.keep_listening(self._prepare_socket))
            self.tasks.spawn(self.heartbeat.run())
            self.tasks.spawn(self._manager.run())
            self.tasks.spawn(start(self))
            await self.stopping.wait()
            await self._shut_down()
        finally:
            lost = not await self._seal(server)
        if self.crash is not None:
            raise self.crash
        if lost or self.writing.failure is not None:
            log.error("stopped, not everything could be written")
            return 1
        log.info("stopped")
        return 0

    def _prepare_socket(self) -> None:
        """Raises LinkError: the state directory is another's by now."""
        if not self.store.is_in_place:
            raise LinkError("the state directory was removed or replaced")
        prepare(self.options.state_dir)

    def _console_ended(self) -> None:
        self.anew = None
        if not self.stopping.is_set():
            self.stop("its console has ended")

    def stop(self, who: str) -> None:
        """End, in order; a second call ends at once."""
        if self.stopping.is_set():
            log.warning("second stop (%s): ending at once", who)
            os._exit(1)
        log.info("stopping", extra={"fields": {"who": who}})
        if self.anew is None:
            self.on_stop()
            self._manager.stopping()
            self._signals.end_at_the_next()
        self.stopping.set()

    async def _shut_down(self) -> None:
        if self.anew is None:
            self.phase, self.phase_detail = "stopping", ""
        if any(isinstance(feed, SimulatedFeed) for feed in self.feeds):
            keep_prices(self.desk, self.writing.keep)
        self._ending = Shutdown(self.config.engine.shutdown_s)
        await self._ending.run(steps(self))

    async def _seal(self, server: ApiServer) -> bool:
        """Whether everything is on disk."""
        restarts, ending = self.anew is not None, self._ending or Shutdown(self.config.engine.shutdown_s)
        await ending.run([Step("clients", CLIENTS_S, lambda has_s: server.close(restarts=restarts))])
        server.withdraw()
        if self.bars is not None:
            self.bars.close()
        self._manager.close()
        return ending.note("seal", self.store.close(max(SEAL_S, ending.left_s())))

    # --- running ---

    def open_feeds(self) -> list[Feed]:
        """Of a live desk, before anything runs. Raises ConfigError."""
        prices = kept_prices(self.store.settings())
        return live_feeds(self.config, self.clock, prices, self.recording.tap)

    def start_feeds(self) -> None:
        for feed in self.feeds:
            tape = isinstance(feed, TapeFeed)
            self.tasks.spawn(feed.run(self.sink) if tape else run_feed(self.desk, feed, self.sink))

    def advance(self) -> None:
        """The clock goes on; a tape's time is its events' alone: else no two runs were the same."""
        if self.tape is None:
            self.desk.advance(self.clock())

    def sink(self, events: list[MarketEvent]) -> None:
        """What a feed brought, in order."""
        try:
            self.desk.on_events(events)
        except Exception as error:
            self.internal_error(error)

    def take_ticks(self, ticks: Ticks, symbols: Sequence[str]) -> None:
        """What a tape brought that nothing paces, in order."""
        try:
            self.desk.on_block(ticks, symbols)
        except Exception as error:
            self.internal_error(error)
