"""The look-ahead test of strategies: the desk over data, then over the same data with another future."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from engine.config import Config
from engine.errors import ConfigError
from engine.events import MarketEvent, Quote, Trade
from engine.research.lookahead import Changer, Finding, LookAhead, Said, Ticks, cuts, look
from engine.strategies.base import Strategy
from engine.strategies.registry import StrategySet
from engine.strategies.settings import StrategyState
from engine.text import clean
from engine.ticks import QUOTE, TICK, TRADE
from engine.wiring.backtest import run
from engine.wiring.backtest_data import Prepared
from engine.wiring.backtest_tapes import Block, TapeData
from engine.wiring.desk import Desk
from engine.wiring.journal_memory import JournalMemory
from engine.wiring.lookahead_modules import modules_of, unheard
from engine.wiring.opened_files import OpenedFiles, watched

CUTS = 12


def lookahead(
    config: Config,
    prepared: Prepared,
    *,
    count: int = CUTS,
    seed: int = 0,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[float], None] = lambda share: None,
    given: Collection[str] = (),
) -> LookAhead:
    """Test the strategies that are on, with ``count`` moments from which on the future is changed.
    ``given``: as of ``on_bars``.

    Raises ConfigError: one of them failed, or none spoke, so that nothing can be told.
    """
    tested, opened = _tested(config, note)
    runs = 0

    def again(changer: Changer | None) -> list[Said]:
        nonlocal runs
        runs += 1
        with watched(opened):
            data = prepared if changer is None else _changed(prepared, changer)
            return _heard(config, data, tested, given)

    note("running over the data as it is")
    base = again(None)
    if not base:
        raise ConfigError("no strategy said anything over this data, so nothing can be compared: give more")
    moments = cuts(_times(prepared), base, count)
    note(f"{len(base):,} signals; changing the future from {len(moments)} moments on")
    found = look(again, base, moments, seed=seed, note=note, progress=progress)
    for module, what in [*opened.found, *((name, f"calls {called}") for name, called in unheard(opened.own))]:
        text = f"{module} {what}: what stands there may be of the future, and is not changed with the data"
        found.append(Finding("reads", text))
    return LookAhead(
        tuple(sorted({one.signal.source for one in base})),
        len(base),
        tuple(one.symbol for one in prepared.sources),
        prepared.first_ns,
        prepared.last_ns,
        tuple(moments),
        runs,
        tuple(found),
        tuple(one.symbol for one in prepared.sources if one.adjusted),
    )


def _tested(config: Config, note: Callable[[str], None]) -> tuple[frozenset[str], OpenedFiles]:
    """The names of the strategies that are on, and what is to watch their files."""
    folder = Path(config.strategies_dir) if config.strategies_dir else None
    states = StrategySet(config.strategies, folder).states()
    # One that cannot be loaded is never on: it is tested where the configuration names it.
    asked = {name for name, section in config.strategies.items() if section.get("enabled") is True}
    tested = frozenset(
        state.name for state in states if state.enabled or (state.error and state.name in asked)
    )
    _refuse_failed(states, tested)
    failed = [state.name for state in states if state.error]
    if failed:
        note(clean(f"not tested, for their files define no strategy that can run: {', '.join(failed)}", 300))
    origins = [Path(state.origin) for state in states if state.name in tested and state.origin]
    if folder is None:
        return tested, OpenedFiles(Path("/nonexistent"), ())
    mine = [path for path in origins if path.parent == folder]
    return tested, OpenedFiles(folder, modules_of(mine, folder))


def _refuse_failed(states: Sequence[StrategyState], tested: Collection[str]) -> None:
    for state in states:
        if state.error and state.name in tested:
            raise ConfigError(f"{state.name} failed: {state.error}; mend it, then test it again")


def _heard(config: Config, prepared: Prepared, tested: Collection[str], given: Collection[str]) -> list[Said]:
    said: list[Said] = []
    desks: list[Desk] = []

    def listen(desk: Desk, journal: JournalMemory) -> None:
        desks.append(desk)
        desk.signals.strategies.take_errors()  # of files that did not load: told once, and not at each run
        kinds = desk.signals.strategies.kinds()
        at_ticks = {name for name, kind in kinds.items() if kind.on_rise is not Strategy.on_rise}
        desk.signals.on_signal = lambda signal: said.append(Said(signal, signal.source in at_ticks))

    run(config, prepared, detail=False, watch=listen, given=given)
    _refuse_failed(desks[0].signals.strategies.states(), tested)
    return said


def _times(prepared: Prepared) -> list[int]:
    """Moments to cut at: where bars begin; on tapes, whole seconds with data."""
    if prepared.bars is not None:
        return sorted({int(ns) for one in prepared.bars.series for ns in one.begin_ns})
    second, found = 10**9, set()
    if prepared.tapes is not None:
        for block, _ in prepared.tapes.stream():
            if isinstance(block, list):
                found |= {event.recv_ns // second for event in block}
            else:
                found |= set(np.unique(block["recv_ns"] // second).tolist())
    return sorted(ns * second for ns in found)


def _changed(prepared: Prepared, changer: Changer) -> Prepared:
    if prepared.bars is not None:
        ticks = changer(prepared.bars.ticks)
        return msgspec.structs.replace(prepared, bars=msgspec.structs.replace(prepared.bars, ticks=ticks))
    assert prepared.tapes is not None
    fields = {name: getattr(prepared.tapes, name) for name in TapeData.__struct_fields__}
    return msgspec.structs.replace(prepared, tapes=_ChangedTape(**fields, changer=changer))


class _ChangedTape(TapeData, frozen=True):
    """Of what comes from a venue's own frames, prints and quotes are changed, and all else after the cut is
    left out."""

    changer: Changer

    @property
    def ends_ns(self) -> int:
        # The bars that end there close, as by the ticks that are taken away.
        return self.changer.cut_ns

    def stream(self) -> Iterator[tuple[Block, Sequence[str]]]:
        # A run of its own each time: it remembers the last prices.
        changer = Changer(self.changer.cut_ns, self.changer.change, self.changer.seed)
        for block, symbols in super().stream():
            if not isinstance(block, list):
                yield changer(block), symbols
            else:
                yield _events(block, changer), symbols


def _events(events: list[MarketEvent], changer: Changer) -> list[MarketEvent]:
    kept: list[MarketEvent] = []
    later: list[Trade | Quote] = []
    for event in events:
        if event.recv_ns < changer.cut_ns:
            kept.append(event)
            if isinstance(event, Trade):
                changer.seen(changer.index(event.symbol), event.price)
        elif isinstance(event, Trade | Quote):
            later.append(event)
    if not later or changer.change == "removed":
        return kept
    for event, row in zip(later, changer(_packed(later, changer)), strict=True):
        if isinstance(event, Trade):
            kept.append(msgspec.structs.replace(event, price=float(row["a"]), size=float(row["b"])))
        else:
            names = ("bid", "ask", "bid_size", "ask_size")
            kept.append(msgspec.structs.replace(event, **dict(zip(names, row.item()[-4:], strict=True))))
    return kept


def _packed(events: Sequence[Trade | Quote], changer: Changer) -> Ticks:
    ticks = np.zeros(len(events), TICK)
    for row, event in zip(ticks, events, strict=True):
        row["recv_ns"], row["symbol"] = event.recv_ns, changer.index(event.symbol)
        if isinstance(event, Trade):
            row["kind"], row["a"], row["b"] = TRADE, event.price, event.size
        else:
            row["kind"], row["a"], row["b"] = QUOTE, event.bid, event.ask
            row["c"], row["d"] = event.bid_size, event.ask_size
    return ticks
