"""What runs beside the venues' feeds: context, polling sources, notifications, reports, training."""

from __future__ import annotations

import os
import random
import time
from functools import cached_property
from typing import TYPE_CHECKING

from engine.config import QuantConfig
from engine.wiring.daily_reports import DailyReports
from engine.wiring.notifications import Notifications
from engine.wiring.operation import Operation
from engine.wiring.retrain import Retrain
from engine.wiring.training_run import TrainingRun

if TYPE_CHECKING:
    from engine.feeds.base import Watched
    from engine.feeds.sources.registry import Sources
    from engine.wiring.live import LiveEngine


class Beside:
    """Starts what the configuration asks for, and says what of it is watched."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._config = engine.config
        self.context: list[Watched] = []
        """What is asked about the market; the desk is well without."""
        self.collected: list[Watched] = []
        """The collection loop and its sources."""
        self.training = TrainingRun(
            engine.config,
            engine.options.state_dir,
            engine.model,
            clock=lambda: engine.clock(),
            alert=engine.desk.alert,
            spawn=lambda work: engine.tasks.spawn(work, vital=False),
        )
        self.notifications: Notifications | None = None
        silent = engine.on_tape or self._config.engine.hands_off  # what is long past is no news
        if self._config.notify.enabled and not silent:
            self.notifications = Notifications(
                self._config.notify, alert=engine.desk.alert, keep=lambda *kept: engine.writing.keep(*kept)
            )
            engine.writing.watchers.append(self.notifications.on_event)

    @cached_property
    def sources(self) -> Sources:
        """The polling sources, opened by whoever asks first; their budgets are one. Raises ConfigError."""
        # Not with the module: a desk that asks none need not pay for it at every start.
        from engine.wiring.collection import open_sources

        return open_sources(self._config, self._engine.store, lambda: self._engine.clock())

    @property
    def untold(self) -> int:
        """Notifications that wait to be sent."""
        return 0 if self.notifications is None else self.notifications.waiting

    @property
    def left_out(self) -> int:
        """Notifications that nobody was told."""
        return 0 if self.notifications is None else self.notifications.left_out

    def check(self) -> None:
        """Raises ConfigError for what would be wrong with the polling sources' configuration later."""
        if self._config.collection.symbols or self._config.collection.sources:
            _ = self.sources

    async def close(self) -> None:
        """Before the store, in which the sources leave what they spent, and notifications what none took."""
        if self.notifications is not None:  # brokers were still heard when it ended
            self.notifications.keep()
        if "sources" in self.__dict__:
            await self.sources.close()

    def start(self) -> None:
        self._ask_around()
        self._collect()
        self._report()
        if not self._config.engine.hands_off:
            self._train_again()
        self._serve_tcp()

    def _ask_around(self) -> None:
        """Ask for market context and external quant servers, where any is enabled."""
        if self._config.quant == QuantConfig():
            return
        # Not with the module: a desk that asks nobody need not pay for it at every start.
        from engine.wiring.context import TOKEN, ContextFeeds, desk_bars

        engine, desk = self._engine, self._engine.desk
        context = ContextFeeds(
            self._config,
            clock=lambda: engine.clock(),
            symbols=lambda: [instrument.symbol for instrument in desk.instruments],
            bars=desk_bars(desk.features, desk.instruments),
            on_signals=desk.on_context,
            on_block=desk.block,
            token=os.environ.get(TOKEN, ""),
            rng=random.Random(),
        )
        self.context = context.watched
        engine.tasks.spawn(context.run(), vital=False)

    def _collect(self) -> None:
        """Ask the polling sources for the symbols that no socket brings, where any is configured."""
        if self._config.collection.symbols and self._engine.said is None:  # else the market worker asks them
            from engine.wiring.collection import Collecting

            engine = self._engine
            collecting = Collecting(self._config, self.sources, engine.sink, lambda: engine.clock())
            self.collected = collecting.watched
            engine.tasks.spawn(collecting.run(), vital=False)

    def _report(self) -> None:
        """Tell those who are not at the desk."""
        engine, told = self._engine, self.notifications
        engine.tasks.spawn(Operation(engine).run(), vital=False)
        if told is not None:
            told.take_up(engine.store.settings())
            engine.tasks.spawn(told.run(), vital=False)
        reports = DailyReports(
            engine.options.state_dir,
            self._config,
            clock=engine.clock,
            alert=engine.desk.alert,
            tell=(lambda day, text: None) if told is None else told.daily_report,
        )
        engine.tasks.spawn(reports.run(), vital=False)

    def _train_again(self) -> None:
        """Train by the clock, where that is configured."""
        engine = self._engine
        retrain = Retrain(
            self._config.models.retrain,
            self.training,
            clock=lambda: engine.clock(),
            keep=engine.writing.keep,
        )
        engine.tasks.spawn(retrain.run(engine.store.settings()), vital=False)

    def _serve_tcp(self) -> None:
        """Let other programs in, where that is configured, by a process of its own."""
        if self._config.api.listen:
            from engine.wiring.gateway_process import GatewayProcess

            engine = self._engine
            gateway = GatewayProcess(
                self._config, engine.options.state_dir, engine.desk.alert, time.monotonic
            )
            engine.tasks.spawn(gateway.run(), vital=False)
