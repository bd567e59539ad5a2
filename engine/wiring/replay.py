"""A whole desk over tapes, as fast as it goes. The same tape and configuration give the same digest."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.config import Config
from engine.errors import StoreError
from engine.events import Fill, JournalEvent, OrderEvent
from engine.feeds.tape import Tape
from engine.instruments import Instruments
from engine.models.predictor import Predictor
from engine.store.quarantine import prune
from engine.store.store import Store
from engine.strategies.registry import StrategySet
from engine.wiring.compile import compile_all
from engine.wiring.decimal_text import money
from engine.wiring.desk import Desk
from engine.wiring.garbage import keep_loaded, seldom_searched
from engine.wiring.replay_models import ReplayModels
from engine.wiring.signals import Said
from engine.wiring.sources import adopt
from engine.wiring.store_query import queried

DATABASE = "replay.db"
SWITCH_S = 0.02
"""How long the desk may keep the interpreter from the threads that read the tape and write: nobody waits for
them, and Python's own 5 ms cost a replay 5 %."""


class ReplayReport(msgspec.Struct, frozen=True):
    """What a replay did. Money is decimal text in the account's currency."""

    tapes: tuple[str, ...]
    venue: str
    symbols: int
    lines: int
    undecodable: int
    truncated: bool
    """A tape ended before its end: cut off by a crash, or damaged. What came before was replayed."""
    trades: int
    quotes: int
    rejected: dict[str, int]
    bars: int
    features: int
    signals: int
    blends: int
    opportunities: int
    dropped: dict[str, int]
    denied: dict[str, int]
    orders: int
    fills: int
    pnl: str
    realized: str
    unrealized: str
    fees: str
    open_positions: int
    model: str
    seconds: float
    ticks_per_s: float
    sha256: str


def replay(
    config: Config,
    tapes: Sequence[Path],
    state_dir: Path,
    *,
    venue: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> ReplayReport:
    """Run ``tapes`` through a fresh desk; what it stores goes to ``state_dir/replay.db``, made anew.

    The model is the active one of ``state_dir``'s registry. Raises TapeError, StoreError, ConfigError.
    """
    # As live: the paper venue fills against the depth that is told.
    tape = Tape(tapes, venue=venue, book_levels={name: one.book_levels for name, one in config.feeds.items()})

    def play(desk: Desk) -> None:
        adopt(desk, tape.specs)
        for batch in tape.blocks():
            if isinstance(batch, list):
                desk.on_events(batch)
            else:
                desk.on_block(batch, tape.symbols)

    run = run_desk(config, state_dir, play, note=note)
    return report(
        run,
        tapes=tuple(path.name for path in tapes),
        venue=tape.venue,
        lines=tape.lines,
        undecodable=tape.undecodable,
        truncated=tape.truncated,
    )


class Run(NamedTuple):
    """A desk that has played all there was."""

    desk: Desk
    predictor: Predictor | None
    seconds: float
    sha256: str


def run_desk(
    config: Config,
    state_dir: Path,
    play: Callable[[Desk], None],
    *,
    note: Callable[[str], None],
    said: Callable[[StrategySet], Said] | None = None,
) -> Run:
    """``play`` a fresh desk; ``said`` as in ``Desk``. Raises StoreError, ConfigError."""
    compile_all(note)
    store = _store(state_dir)
    try:
        models = ReplayModels(state_dir, config, note)
    except BaseException:
        store.close()
        raise
    try:

        def commit(events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
            store.commit_now(events)
            done()

        desk = Desk(config, Instruments(), commit=commit, record=store.behind, said=said)
        scoring = desk.signals.scoring
        scoring.noted = False  # nobody reads how models did
        scoring.fallback = models.fallback
        scoring.on_fall = lambda fall: scoring.hold(*models.spare_s())
        scoring.hold(*models.spare_s())
        scoring.set_active(models.active)
        keep_loaded()
        began = time.perf_counter()
        with _seldom_interrupted(), seldom_searched():
            play(desk)
        seconds = time.perf_counter() - began
        if not store.flush(60.0):
            raise StoreError(f"the replay's records could not be written to {state_dir / DATABASE}")
        rows = config.quality.quarantine_rows
        asyncio.run(queried(store, lambda connection: prune(connection, rows)))
        return Run(desk, models.active, seconds, digest(store))
    finally:
        models.close()
        store.close()


@contextmanager
def _seldom_interrupted() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def digest(store: Store) -> str:
    """SHA-256 over all orders and fills as the journal has them, a line each."""
    sha = hashlib.sha256()
    reader = store.reader()
    try:
        for body in reader.bodies(OrderEvent, Fill):
            sha.update(body.encode())
            sha.update(b"\n")
    finally:
        reader.close()
    return sha.hexdigest()


def _store(state_dir: Path) -> Store:
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
            (state_dir / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot use {state_dir}: {error.strerror}; choose another --state-dir") from None
    store = Store(state_dir / DATABASE, durable=False)
    store.start()
    return store


def report(
    run: Run, *, tapes: tuple[str, ...], venue: str, lines: int, undecodable: int, truncated: bool
) -> ReplayReport:
    """What came of it, and of what it was played."""
    desk = run.desk
    funnel = desk.funnel()
    ledger = desk.trading.ledger
    ticks = funnel["trades"] + funnel["quotes"]
    equity = ledger.equity()
    return ReplayReport(
        tapes=tapes,
        venue=venue,
        symbols=len(desk.instruments),
        lines=lines,
        undecodable=undecodable,
        truncated=truncated,
        rejected=dict(sorted(desk.intake.rejected.items())),
        dropped=dict(sorted(desk.drops.items())),
        denied=dict(sorted(desk.trading.denied.items())),
        pnl=money(None if equity is None else equity - ledger.starting_cash),
        realized=money(ledger.realized),
        unrealized=money(ledger.unrealized()),
        fees=money(ledger.fees),
        open_positions=len(ledger.positions()),
        model="" if run.predictor is None else run.predictor.version,
        seconds=round(run.seconds, 3),
        ticks_per_s=round(ticks / run.seconds, 1) if run.seconds else 0.0,
        sha256=run.sha256,
        **funnel,
    )
