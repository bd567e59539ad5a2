"""The parity report of a state directory: its journal against a backtest over the same data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from engine.config import Config
from engine.errors import OrderError, StoreError
from engine.events import (
    NS,
    Alert,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderEvent,
    RiskChange,
)
from engine.portfolio.books import Books
from engine.research.parity import Changed, Grounds, Parity, Row, Side
from engine.research.parity_match import compare, shares
from engine.research.parity_side import SideFold
from engine.store.codec import decode_journal
from engine.store.commands import StoredCommand
from engine.store.read import DATABASE, Reader
from engine.text import clean
from engine.wiring.backtest import prepare, run
from engine.wiring.backtest_data import Prepared
from engine.wiring.desk import Desk
from engine.wiring.journal_memory import JournalMemory
from engine.wiring.parity_data import absences, begun_anew, heard, holes_of, plan, warm_bars
from engine.wiring.tuning import STRATEGY, WEIGHTS

WARM_NS = 3_600 * NS
_KINDS = (OrderEvent, Fill, Funding, RiskChange, LimitChange, Alert)
_SETTING = re.compile(
    r"/v1/(strategies/[^/]+|weights|model/(reload|rollback|deactivate)|models/[^/]+/activate)"
)
"""Commands that change what is decided; limits are in the journal."""
_LASTING = re.compile(r"/v1/(strategies/reload|model/.*|models/.*)")
"""Of these the ones that change files: a backtest has those of now."""
_MOST_COMMANDS = 100_000
_DAY_NS = 86_400 * NS


def parity(
    config: Config,
    state_dir: Path,
    since_ns: int,
    until_ns: int,
    *,
    tapes: Sequence[Path] = (),
    warm_ns: int = WARM_NS,
    note: Callable[[str], None] = lambda text: None,
    progress: Callable[[float], None] = lambda share: None,
) -> Parity:
    """Compare what the desk did from ``since_ns`` until ``until_ns`` with a backtest of ``config``.

    Raises StoreError, ConfigError, TapeError.
    """
    path = state_dir / DATABASE
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    reader = Reader(path)
    try:
        reader.require_current()
        journal = [decode_journal(body) for body in reader.bodies(*_KINDS)]
        live = _live(config, reader, journal, since_ns, until_ns)
        traded = sorted({trip.symbol for trip in live.trips})
        wanted = plan(config, state_dir, since_ns, until_ns, tapes=tapes, symbols=traded, warm_ns=warm_ns)
        begun = reader.equity_points(wanted.since_ns - _DAY_NS, wanted.since_ns + 1)
        if begun:
            config = _with_cash(config, float(begun[-1].equity))
        # What one symbol lacks is told of its trades, and does not hide the others'.
        prepared = prepare(config, wanted, state_dir, note, part=True)
        bar_ns = round((prepared.bars.interval_s if prepared.bars else config.features.bar_s) * NS)
        begins = {one.symbol: one.first_ns for one in prepared.sources}
        warm = warm_bars(reader, begins, bar_ns)
        desk_bar_ns = round(config.features.bar_s * NS)
        anew = begun_anew(reader, wanted.since_ns, until_ns, desk_bar_ns)
    except OrderError as error:
        raise StoreError(f"the journal in {path} contradicts itself: {error}") from error
    finally:
        reader.close()
    note("running the backtest")
    backtest, desk, model = _backtest(config, prepared, since_ns, until_ns, progress)
    grounds = Grounds(
        bar_ns,
        begins,
        {one.symbol: float(one.tick_size) for one in desk.instruments},
        {one.symbol: float(one.lot_size) for one in desk.instruments},
        warm,
        prepared.bars is not None,
        desk_bar_ns,
        config.account.starting_cash,
        anew,
    )
    rows = compare(live, backtest, grounds)
    return Parity(
        since_ns,
        until_ns,
        _told(prepared),
        config.account.currency,
        tuple(rows),
        tuple(shares(rows)),
        sum(trip.net for trip in live.trips),
        sum(trip.net for trip in backtest.trips),
        _codes(live),
        _codes(backtest),
        tuple(_notes(config, prepared, model, live, backtest, rows)),
    )


def _live(
    config: Config, reader: Reader, journal: Iterable[JournalEvent], since_ns: int, until_ns: int
) -> Side:
    fold = SideFold(_books(config), since_ns, until_ns)
    for event in journal:
        fold.see(event)
    commands = [one for one in reader.commands(1 << 62, _MOST_COMMANDS) if _sets(one)]
    within = [one for one in commands if since_ns <= one.ns and (one.ns < until_ns or _lasts(one))]
    before = (one for one in commands if one.ns < since_ns)
    changes = [_changed(one) for one in (*_standing(before, reader.settings()), *within)]
    side = fold.side(changes=changes, holes=absences(reader, since_ns, until_ns))
    return msgspec.structs.replace(side, heard=tuple(heard(reader, since_ns, until_ns)))


def _backtest(
    config: Config,
    prepared: Prepared,
    since_ns: int,
    until_ns: int,
    progress: Callable[[float], None],
) -> tuple[Side, Desk, str]:
    """And the version of the model that it had; "": none."""
    seen: list[tuple[Desk, JournalMemory]] = []
    result = run(
        config,
        prepared,
        detail=False,
        progress=progress,
        watch=lambda desk, journal: seen.append((desk, journal)),
    )
    desk, journal = seen[0]
    fold = SideFold(_books(config), since_ns, until_ns)
    for event in journal.events:
        fold.see(event)
    return fold.side(holes=holes_of(prepared, until_ns), strategies=result.strategies), desk, result.model


def _books(config: Config) -> Books:
    account = config.account
    return Books(Decimal(repr(account.starting_cash)), account.currency, account.pegged)


def _with_cash(config: Config, equity: float) -> Config:
    """Sizes follow equity: the backtest begins with what the desk had then."""
    account = msgspec.structs.replace(config.account, starting_cash=max(1.0, equity))
    return msgspec.structs.replace(config, account=account)


def _sets(command: StoredCommand) -> bool:
    return 200 <= command.status < 300 and _SETTING.fullmatch(command.path) is not None


def _lasts(command: StoredCommand) -> bool:
    return _LASTING.fullmatch(command.path) is not None


def _standing(before: Iterable[StoredCommand], kept: Mapping[str, Any]) -> list[StoredCommand]:
    """Of earlier commands the last about each strategy and the weights, where the desk still goes by them."""
    found: dict[str, StoredCommand] = {}
    for one in sorted(before, key=lambda one: one.ns):
        name = one.path.removeprefix("/v1/strategies/")
        if kept.get(WEIGHTS if one.path == "/v1/weights" else f"{STRATEGY}{name}"):
            found[one.path] = one
    return list(found.values())


def _changed(command: StoredCommand) -> Changed:
    """``/v1/strategies/NAME`` is about that one alone."""
    parts = command.path.split("/")
    scope = parts[3] if len(parts) > 3 and parts[2] == "strategies" and parts[3] != "reload" else ""
    told = f"{command.method} {command.path} {_in_words(command.body)} by {command.who or 'the owner'}"
    lasts = _lasts(command)
    told = clean(told, 150) + ": the backtest has what came of it" * lasts
    return Changed(command.ns, "command", told, clean(scope, 60), lasts=lasts)


def _codes(side: Side) -> dict[str, int]:
    return dict(sorted(Counter(one.code for one in side.denials).items()))


def _in_words(body: str) -> str:
    """What a command set: its keys and values, without those that it left alone."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:  # cut where it was stored, or no JSON
        return body
    if not isinstance(told, dict):
        return body
    return ", ".join(f"{key} {value}" for key, value in told.items() if value is not None)


def _told(prepared: Prepared) -> str:
    sources = prepared.sources
    kind = "bars" if prepared.bars is not None else "ticks"
    named = sorted({source.told for source in sources})
    rows = sum(source.rows for source in sources)
    return clean(f"{rows:,} {kind} of {len(sources)} symbols: {', '.join(named)}", 300)


def _notes(
    config: Config, prepared: Prepared, model: str, live: Side, backtest: Side, rows: Sequence[Row]
) -> list[str]:
    notes = [
        "the backtest runs with the configuration of now: what was configured otherwise then, and is written "
        "down nowhere, shows as unexplained",
        f"it had the model that is active now: {model}" if model else "it had no model: none is active now",
        f"it began with {config.account.starting_cash:,.2f} {config.account.currency}, without positions",
        "net is of trades that ended, in the currency of the symbol",
    ]
    if prepared.bars is not None:
        notes.append("there is no tape of that time: the backtest knows bars alone (record.ticks=true)")
    holes = len(live.holes) + len(backtest.holes)
    if holes:
        notes.append(f"times without data, of the tape or the desk: {holes:,}")
    if not rows:
        notes.append("neither side traded")
    return notes
