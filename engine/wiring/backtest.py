"""A backtest: the very desk of live trading over tapes or bars, with the time of the data.

Nothing of a run is written to disk, and the same data, plan and configuration give the same result to the
last digit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import cache

import msgspec

from engine.config import Config
from engine.errors import ConfigError
from engine.instruments import Instruments, venue_of
from engine.research.bar_clock import on_bars
from engine.research.bar_ticks import HIGH, LOW
from engine.research.result import Backtest
from engine.strategies.model import Model
from engine.symbols import quote_currency
from engine.wiring import play_kernel
from engine.wiring.backtest_data import FILE, BarData, Prepared, prepare
from engine.wiring.backtest_notes import Notes
from engine.wiring.backtest_result import result
from engine.wiring.candle_prints import POLLED
from engine.wiring.compile import compile_all
from engine.wiring.desk import Desk
from engine.wiring.garbage import keep_loaded, seldom_searched
from engine.wiring.journal_memory import JournalMemory
from engine.wiring.play import Play
from engine.wiring.replay_models import ReplayModels
from engine.wiring.sources import adopt

__all__ = ["Prepared", "prepare", "run"]

_PIECE = 1 << 16
"""Ticks that are played between two looks at how far it is."""


def run(
    config: Config,
    prepared: Prepared,
    *,
    detail: bool = True,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[float], None] = lambda share: None,
    watch: Callable[[Desk, JournalMemory], None] = lambda desk, journal: None,
    quiet: bool = True,
    given: Collection[str] = (),
) -> Backtest:
    """One run over what was prepared. ``detail`` False: without deals and charts. ``quiet`` False: on bars
    the desk looks at every close, also where it would only have counted; the result is the same.

    ``note`` gets a line for what the person should know, ``progress`` the share that is done, now and then;
    ``watch`` the desk and its journal before it begins. ``given``: as of ``on_bars``.
    Raises ConfigError.
    """
    _begin()
    followed = followed_config(config, prepared, given)
    journal = JournalMemory()
    notes = Notes(followed)
    desk = Desk(followed, Instruments(), commit=journal.commit, record=_nobody)
    desk.trading.journal_at_once()
    desk.signals.scoring.noted = False  # nobody reads how models did
    notes.watch(desk, prices=prepared.bars is None)
    if prepared.bars is not None:
        desk.intake.feed = Play(desk, quiet=quiet).feed
        desk.model_bars.on_played_bars(prepared.bars.told_vwaps)
    watch(desk, journal)
    models = _models(desk, followed, prepared, note)
    try:
        with seldom_searched():
            began = time.perf_counter()
            _play(desk, prepared, notes, progress)
            seconds = time.perf_counter() - began
    finally:
        if models is not None:
            models.close()
    progress(1.0)
    model = None if models is None or models.active is None else models.active.manifest
    return result(
        *(config, prepared, desk, journal, notes),
        seconds=seconds,
        model=model,
        detail=detail,
        given=given,
    )


def _nobody(record: object) -> None:
    """Nobody keeps it."""


def _play(desk: Desk, prepared: Prepared, notes: Notes, progress: Callable[[float], None]) -> None:
    if prepared.bars is not None:
        _play_bars(desk, prepared.bars, progress)
    else:
        _play_tapes(desk, prepared, progress)
        notes.finish()


def followed_config(config: Config, prepared: Prepared, given: Collection[str] = ()) -> Config:
    """The configuration that the desk runs with: on bars its times follow their length."""
    if config.strategies_dir == prepared.without_users:
        config = msgspec.structs.replace(config, strategies_dir="")
    if prepared.bars is not None:
        return on_bars(config, prepared.bars.interval_s, prepared.bars.longest_gap_s, given=given)
    if prepared.plan.interval_s:
        bars = msgspec.structs.replace(config.features, bar_s=float(prepared.plan.interval_s))
        return msgspec.structs.replace(config, features=bars)
    return config


@cache
def _begin() -> None:
    """Once in a process."""
    compile_all(lambda text: None)
    play_kernel.compile_kernels()
    keep_loaded()


def _models(
    desk: Desk, config: Config, prepared: Prepared, note: Callable[[str], None]
) -> ReplayModels | None:
    """The registry's, where the model strategy is on."""
    if not desk.signals.strategies.enabled(Model.name):
        return None
    models = ReplayModels(prepared.state_dir, config, note)
    scoring = desk.signals.scoring
    scoring.fallback = models.fallback
    scoring.on_fall = lambda fall: scoring.hold(*models.spare_s())
    scoring.hold(*models.spare_s())
    scoring.set_active(models.active)
    return models


def _play_bars(desk: Desk, data: BarData, progress: Callable[[float], None]) -> None:
    for symbol, series in zip(data.symbols, data.series, strict=True):
        # Nobody told in what a share is quoted: its name does not.
        told = venue_of(symbol) not in (FILE, POLLED)
        # A grid of the first price alone is none for one that falls, or grew, a thousandfold.
        lowest, highest = float(series.values[:, LOW].min()), float(series.values[:, HIGH].max())
        currency = None if told else _currency(desk, symbol)
        desk.instruments.add(symbol, price=lowest, highest=highest, currency=currency)
        desk.intake.add_symbol(symbol)
    if len(data.warm):
        with desk.warming_up():
            desk.on_screened(data.warm)
    ticks = data.ticks
    for start in range(0, len(ticks), _PIECE):
        desk.on_screened(ticks[start : start + _PIECE])
        progress(min(1.0, (start + _PIECE) / len(ticks)))
    # The last bar closes, and what is decided then finds no price any more.
    desk.advance(data.end_ns)


def _currency(desk: Desk, symbol: str) -> str:
    """What its name says, where the account knows it; else the account's own."""
    account = desk.config.account
    named = quote_currency(symbol.partition(":")[2])
    return named if named in (*account.pegged, *account.rates) else account.currency


def _play_tapes(desk: Desk, prepared: Prepared, progress: Callable[[float], None]) -> None:
    data = prepared.tapes
    if data is None:
        raise ConfigError("nothing was prepared to run over")
    adopt(desk, prepared.specs)
    rows = sum(one.rows for one in prepared.sources) or 1
    done = 0
    for block, symbols in data.stream():
        if isinstance(block, list):
            desk.on_events(block)
        else:
            desk.on_block(block, symbols)
        done += len(block)
        progress(min(1.0, done / rows))
    if data.ends_ns:
        desk.advance(data.ends_ns)
