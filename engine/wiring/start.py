"""From a desk that is shown to one that runs: its past, its model, then what brings its market."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.events import RiskState
from engine.feeds.simulated import SimulatedFeed
from engine.feeds.tape import Tape
from engine.wiring.commands import bound_commands
from engine.wiring.data_view import bound_quarantine
from engine.wiring.model_poll import poll
from engine.wiring.restore import tell_unfed
from engine.wiring.simulated_prices import keep_prices_forever
from engine.wiring.sources import adopt
from engine.wiring.sweep import sweep
from engine.wiring.tape_playback import TapePlayback

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine")

AFTER_DECISIONS_S = 0.01
"""When the orders of a bar close are out: then models are compared."""


async def start(engine: LiveEngine) -> None:
    """The engine listens; its feeds are opened, and bring nothing yet."""
    engine.phase, engine.phase_detail = "warming up", ""
    tape = engine.tape
    try:
        if tape is not None and engine.playback is not None:
            engine.clock = engine.ring.clock = _open_tape(engine, tape, engine.playback)
        for feed in engine.feeds:
            if isinstance(feed, SimulatedFeed):
                adopt(engine.desk, await feed.instruments())
                await _warm_up(engine, feed)
                engine.tasks.spawn(keep_prices_forever(engine.desk, engine.writing.keep), vital=False)
    finally:
        # What the start has made stays for good: the collector need not walk it ever again.
        gc.freeze()
        gc.enable()
    # Not before: a child that imports LightGBM takes a core from the warm-up and the opening screen.
    kept = engine.store.settings() if tape is None else {}
    loading = engine.tasks.spawn(engine.model.start(kept), vital=False)
    if tape is not None:
        await asyncio.wait([loading])  # a tape can wait for its model; a market does not
    else:
        engine.desk.signals.scoring.go_live(
            time.perf_counter_ns, partial(asyncio.get_running_loop().call_later, AFTER_DECISIONS_S)
        )
    await engine.metrics.warm_up()
    engine.phase, engine.phase_detail = "running", ""
    if tape is None:
        engine.advance()
        if engine.said is None:  # else others have the feeds
            tell_unfed(engine.desk, engine.feeds)
        if engine.desk.trading.gate.state is not RiskState.ACTIVE and not engine.config.engine.hands_off:
            # The last run may have ended between the halt and its cancels.
            engine.desk.trading.cancel_entries()
    _go_on(engine)


def _go_on(engine: LiveEngine) -> None:
    """Everything that runs from now on."""
    spawn = engine.tasks.spawn
    if engine.gateways is not None:
        engine.broker_tasks.spawn(engine.gateways.run(), vital=False)
    if engine.config.engine.hands_off:
        log.warning("hands off: this engine watches, and begins nothing by itself")
    else:
        engine.desk.signals.on_signal = engine.automations.offer
        spawn(engine.automations.run(), vital=False)
    engine.recording.start()
    engine.start_feeds()
    spawn(engine.recording.run(), vital=False)
    spawn(sweep(engine))
    spawn(engine.performance.run(), vital=False)
    spawn(bound_commands(engine.store), vital=False)
    spawn(bound_quarantine(engine.store, engine.config.quality.quarantine_rows), vital=False)
    if engine.tape is None:
        engine.beside.start()
        if engine.bars is not None:
            spawn(engine.bars.run(), vital=False)
    spawn(poll(engine.model, engine.config.models.poll_s), vital=False)


def _open_tape(engine: LiveEngine, tape: Tape, playback: TapePlayback) -> Clock:
    """Play the tape; the desk's clock is then where the tape is."""
    adopt(engine.desk, tape.specs)
    engine.feeds = [playback.feed]
    engine.tasks.spawn(playback.measure(), vital=False)
    return lambda: engine.desk.now_ns


async def _warm_up(engine: LiveEngine, feed: SimulatedFeed) -> None:
    """Feed the simulated past: indicators warm up, nothing is decided."""
    with engine.desk.warming_up():
        for events in feed.history(engine.clock()):
            engine.desk.on_events(events)
            await asyncio.sleep(0)
