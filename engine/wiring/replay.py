"""A whole desk over tapes, as fast as it goes. The same tape and configuration give the same digest."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.config import Config
from engine.errors import StoreError
from engine.events import Fill, JournalEvent, OrderEvent
from engine.feeds.tape import Tape
from engine.instruments import Instruments
from engine.models.predictor import Predictor
from engine.store.quarantine import prune
from engine.store.store import Store
from engine.wiring.compile import compile_all
from engine.wiring.decimal_text import money
from engine.wiring.desk import Desk
from engine.wiring.replay_models import ReplayModels
from engine.wiring.sources import adopt
from engine.wiring.store_query import queried

DATABASE = "replay.db"


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

        desk = Desk(config, Instruments(), commit=commit, record=store.behind)
        scoring = desk.signals.scoring
        scoring.fallback = models.fallback
        scoring.on_fall = lambda fall: scoring.hold(*models.spare_s())
        scoring.hold(*models.spare_s())
        scoring.set_active(models.active)
        adopt(desk, tape.specs)
        began = time.perf_counter()
        for batch in tape.blocks():
            if isinstance(batch, list):
                desk.on_events(batch)
            else:
                desk.on_block(batch, tape.symbols)
        seconds = time.perf_counter() - began
        if not store.flush(60.0):
            raise StoreError(f"the replay's records could not be written to {state_dir / DATABASE}")
        rows = config.quality.quarantine_rows
        asyncio.run(queried(store, lambda connection: prune(connection, rows)))
        sha256 = digest(store)
    finally:
        models.close()
        store.close()
    return _report(desk, tape, tapes, models.active, seconds, sha256)


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


def _report(
    desk: Desk,
    tape: Tape,
    tapes: Sequence[Path],
    predictor: Predictor | None,
    seconds: float,
    sha256: str,
) -> ReplayReport:
    funnel = desk.funnel()
    ledger = desk.trading.ledger
    positions = ledger.positions()
    ticks = funnel["trades"] + funnel["quotes"]
    equity = ledger.equity()
    return ReplayReport(
        tapes=tuple(path.name for path in tapes),
        venue=tape.venue,
        symbols=len(desk.instruments),
        lines=tape.lines,
        undecodable=tape.undecodable,
        truncated=tape.truncated,
        rejected=dict(sorted(desk.intake.rejected.items())),
        dropped=dict(sorted(desk.drops.items())),
        denied=dict(sorted(desk.trading.denied.items())),
        pnl=money(None if equity is None else equity - ledger.starting_cash),
        realized=money(ledger.realized),
        unrealized=money(ledger.unrealized()),
        fees=money(ledger.fees),
        open_positions=len(positions),
        model="" if predictor is None else predictor.version,
        seconds=round(seconds, 3),
        ticks_per_s=round(ticks / seconds, 1) if seconds else 0.0,
        sha256=sha256,
        **funnel,
    )
