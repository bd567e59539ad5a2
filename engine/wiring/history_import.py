"""Bars and corporate actions from files into the stored history.

A file's bars are a data service's word: they never replace what a venue or the desk itself told. They stay
when the history's older bars are deleted, since nobody can load them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path

import msgspec

from engine.config import Config
from engine.config.load import traded
from engine.errors import BarsError, ConfigError, EngineBusyError, SymbolError
from engine.events import NS
from engine.feeds.sources.collection import VENUE as POLLED
from engine.market.candle_check import Split
from engine.store.bar import FILE_SOURCE, StoredAction
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_read import BarReader
from engine.store.lock import StateLock
from engine.symbols import find, resolve
from engine.text import clean
from engine.wiring.bar_import import ImportedBars, Reject, named_file, read_bar_files
from engine.wiring.import_columns import SYMBOLS, TIMES, Line, Table, number, time_ns

KINDS = ("split", "dividend")
_PAGE = 5_000


class Chosen(msgspec.Struct, frozen=True):
    """How files are to be read."""

    interval_s: int = 0
    """0: a file's own."""
    zone: tzinfo = UTC
    """Of times that name none."""
    split_adjusted: bool = False
    """The prices are in today's shares already."""
    dry_run: bool = False
    """Read and judge, store nothing."""


class Series(msgspec.Struct, frozen=True):
    """What was imported of one symbol of one file."""

    file: str
    symbol: str
    interval_s: int
    first_ns: int
    last_ns: int
    """When the last bar begins."""
    believed: int
    stored: int
    """Of these, those that were new or better than a stored one."""
    reasons: dict[str, int]
    rejects: tuple[Reject, ...]


class ImportedActions(msgspec.Struct, frozen=True):
    """What was imported of a file of corporate actions."""

    file: str
    splits: int
    dividends: int
    rejects: tuple[Reject, ...]


class Imported(msgspec.Struct, frozen=True):
    series: tuple[Series, ...]
    actions: tuple[ImportedActions, ...] = ()

    @property
    def rejects(self) -> list[tuple[str, Reject]]:
        """All of them, each with its file."""
        files: tuple[ImportedActions | Series, ...] = (*self.actions, *self.series)
        return [(one.file, reject) for one in files for reject in one.rejects]


def import_files(
    config: Config,
    state_dir: Path,
    files: Sequence[str],
    actions: Sequence[Path],
    chosen: Chosen,
    now_ns: int,
    note: Callable[[str], None] = lambda text: None,
) -> Imported:
    """Store the bars of ``files``, each ``PATH`` or ``SYMBOL=PATH``; splits among ``actions`` excuse jumps.

    Raises BarsError for a file that cannot be read, ConfigError for a symbol that is none, EngineBusyError
    while an engine runs, StoreError where it cannot be stored. Of the files before it all is stored then.
    """
    try:
        lock = StateLock.acquire(state_dir)
    except EngineBusyError:
        raise EngineBusyError(
            f"an engine uses {state_dir}: stop it before you import (tickdesk stop)"
        ) from None
    try:
        store = BarStore(state_dir / BARS_DATABASE)
        store.start()
        try:
            return _Import(config, store, chosen, now_ns, note).run(files, actions)
        finally:
            store.close()
    finally:
        lock.release()


def stored_symbol(name: str, config: Config) -> str:
    """What the desk calls an instrument that a file names: ``venue:NATIVE``, one that it trades, or a
    canonical name, which then is one that sources are polled for. Raises ConfigError."""
    name = clean(name.strip(), 60)
    venue, colon, native = name.partition(":")
    try:
        if colon and venue and native:
            return f"{venue}:{resolve(venue, native, config.symbols)}"
        return find(name, traded(config), config.symbols)
    except SymbolError:
        if not name or colon:
            raise ConfigError(f"{name!r} names no instrument: write AAPL, BTC/USD or venue:NATIVE") from None
        return f"{POLLED}:{name}"


class _Import:
    def __init__(
        self, config: Config, store: BarStore, chosen: Chosen, now_ns: int, note: Callable[[str], None]
    ) -> None:
        self._config = config
        self._store = store
        self._chosen = chosen
        self._now_ns = now_ns
        self._note = note
        self._told: dict[str, list[StoredAction]] = {}
        """Actions of this import, by symbol: a dry run stores none."""

    def run(self, files: Sequence[str], actions: Sequence[Path]) -> Imported:
        told = tuple([self._actions(path) for path in actions])
        return Imported(tuple([series for given in files for series in self._file(given)]), told)

    # --- bars ---

    def _file(self, given: str) -> list[Series]:
        named, path = named_file(given)
        self._note(f"reading {clean(path.name, 60)}")
        found = self._read(path, ())
        series = []
        for name, one in found.items():
            if named and len(found) > 1:
                raise BarsError(f"{path} holds several symbols: name the file alone, its column says whose")
            symbol = stored_symbol(named or name or path.name.partition(".")[0], self._config)
            splits = self._splits(symbol)
            if splits and one.rejects:
                one = self._read(path, splits)[name]
            series.append(self._series(path, symbol, one))
        return series

    def _read(self, path: Path, splits: Sequence[Split]) -> dict[str, ImportedBars]:
        return read_bar_files(
            path,
            self._chosen.interval_s,
            daily_return_pct=self._config.quality.daily_return_pct,
            zone=self._chosen.zone,
            splits=splits,
            now_ns=self._now_ns,
        )

    def _splits(self, symbol: str) -> tuple[Split, ...]:
        if self._chosen.split_adjusted:
            return ()
        reader = BarReader(self._store.path)
        try:
            known = [*reader.actions(symbol), *self._told.get(symbol, ())]
        finally:
            reader.close()
        return tuple(
            Split(*one) for one in {one.ex_ns: one.value for one in known if one.kind == "split"}.items()
        )

    def _series(self, path: Path, symbol: str, one: ImportedBars) -> Series:
        source = f"{FILE_SOURCE}{clean(path.name, 50)}"
        bars = msgspec.structs.replace(one.bars, symbol=symbol, sources=(source,))
        stored = 0
        for start in range(0, 0 if self._chosen.dry_run else len(bars), _PAGE):
            page = [bars.bar(at) for at in range(start, min(start + _PAGE, len(bars)))]
            stored += self._store.call(self._store.page(page, split_adjusted=self._chosen.split_adjusted))
            if len(bars) > _PAGE:
                self._note(f"{clean(symbol, 60)}: {start + len(page):,} of {len(bars):,} bars")
        reasons: dict[str, int] = {}
        for reject in one.rejects:
            reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
        return Series(
            file=path.name,
            symbol=symbol,
            interval_s=bars.interval_s,
            first_ns=int(bars.open_ns[0]) if len(bars) else 0,
            last_ns=int(bars.open_ns[-1]) if len(bars) else 0,
            believed=len(bars),
            stored=stored,
            reasons=dict(sorted(reasons.items())),
            rejects=one.rejects,
        )

    # --- corporate actions ---

    def _actions(self, path: Path) -> ImportedActions:
        """Lines of symbol, date, kind (split, dividend) and value: new shares for one, or per share."""
        table = Table(path)
        columns = (
            table.column(SYMBOLS, "the symbol"),
            table.column(("ex_date", *TIMES), "the ex-date"),
            table.column(("kind", "action", "type"), "the kind"),
            table.column(("value", "ratio", "amount"), "the value"),
        )
        rejects: list[Reject] = []

        def refuse(line: Line, reason: str) -> None:
            rejects.append(Reject(line.number, 0, reason, line.text))

        found: dict[str, list[StoredAction]] = {}
        for line in table.lines(columns, refuse):
            action = self._action(path, line, refuse)
            if action is not None:
                found.setdefault(stored_symbol(line.cells[0], self._config), []).append(action)
        for symbol, known in found.items():
            self._told.setdefault(symbol, []).extend(known)
            if not self._chosen.dry_run:
                self._store.call(self._store.actions(symbol, known))
        kinds = [one.kind for known in found.values() for one in known]
        return ImportedActions(path.name, kinds.count("split"), kinds.count("dividend"), tuple(rejects))

    def _action(self, path: Path, line: Line, refuse: Callable[[Line, str], None]) -> StoredAction | None:
        symbol, when, kind, text = line.cells
        kind, ex_ns, value = kind.lower().removesuffix("s"), 0, 0.0
        reason = "" if symbol else "SYMBOL"
        try:
            ex_ns = time_ns(when, self._chosen.zone)
        except (ValueError, OverflowError, OSError):
            reason = reason or "TIME"
        try:
            value = number(text)
        except ValueError:
            reason = reason or "NUMBER"
        if not reason and kind not in KINDS:
            reason = "KIND"
        if not reason and not 0.0 < value < 1e9:
            reason = "NOT_POSITIVE"
        if reason:
            refuse(line, reason)
            return None
        source = f"{FILE_SOURCE}{clean(path.name, 50)}"
        return StoredAction(ex_ns // NS * NS, kind, value, source, False, self._now_ns)
