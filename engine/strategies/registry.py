"""All strategies by name, and the set that runs them: switches, weights, symbols, budgets, faults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from engine.errors import ConfigError, UnknownStrategyError
from engine.events import FeatureRow, Signal
from engine.strategies.base import Strategy, no_bars
from engine.strategies.breakout import Breakout
from engine.strategies.ema_cross import EmaCross
from engine.strategies.entry import Entry
from engine.strategies.golden_cross import GoldenCross
from engine.strategies.mean_reversion import MeanReversion
from engine.strategies.memory import Memory, origin_of, take_up
from engine.strategies.memory import told as told_memory
from engine.strategies.model import Model
from engine.strategies.rapid_rise import RapidRise
from engine.strategies.reload import Reloaded, Users, fitting, offers_any, reloaded
from engine.strategies.settings import (
    StrategyInfo,
    StrategyState,
    changed,
    kept_params,
    parse,
    refuse_unknown,
    switches,
)
from engine.strategies.trend import Trend
from engine.strategies.user_files import Source, error_of, offered, trace_of
from engine.text import clean
from engine.user_module import told

if TYPE_CHECKING:
    from engine.feature_table import FeatureTable
    from engine.strategies.base import Bars
    from engine.strategies.together import Together

STRATEGIES: dict[str, type[Strategy]] = {
    RapidRise.name: RapidRise,
    GoldenCross.name: GoldenCross,
    Trend.name: Trend,
    MeanReversion.name: MeanReversion,
    Breakout.name: Breakout,
    EmaCross.name: EmaCross,
    Model.name: Model,
}
"""The built-in ones."""

log = logging.getLogger("engine.strategies")

_OnRow = Callable[[FeatureRow], Signal | None]
_Given = TypeVarTuple("_Given")
_Answer = TypeVar("_Answer")


class StrategySet:
    """Runs the enabled strategies. A fault in one disables that one and never propagates."""

    weights: dict[str, float]
    """By name, above 0. Live: ``set_weight`` and ``reload`` change it in place."""

    def __init__(
        self,
        settings: Mapping[str, Mapping[str, Any]],
        folder: Path | None = None,
        *,
        bars: Bars = no_bars,
        timer: Callable[[], int] | None = None,
        limit_s: float = 0.05,
        stuck_s: float = 0.0,
    ) -> None:
        """``settings``: per strategy ``enabled``, ``weight``, ``symbols`` (empty = all), ``budget_pct`` and
        its parameters. ``folder``: of the users' strategies; None: built-in ones only. ``bars(symbol,
        count)``: closed bars. ``timer``: a clock in ns, with which users' strategies that keep taking longer
        than ``limit_s`` are disabled, and a call is interrupted after ``stuck_s`` (0: never); None (a replay,
        which must not depend on the machine): never.

        Raises ConfigError, one line naming the key and the fix.
        """
        self._settings = settings
        self._bars = bars
        self._timer = timer
        self._limit_s = limit_s
        self.weights = {}
        self._entries: dict[str, Entry] = {}
        self._faults: list[tuple[str, str]] = []
        self._on_bars: list[Entry] = []
        self._together: Together | None = None
        """Of ``_on_bars``; made at the next bars."""
        self._on_rise: list[tuple[Entry, _OnRow]] = []
        for name, kind in STRATEGIES.items():
            self._entries[name] = self._make(kind, None, None)
            self.weights[name] = self._entries[name].weight
        stuck_s = 0.0 if timer is None else stuck_s
        self._users = None if folder is None else Users(folder, STRATEGIES, self._make, stuck_s)
        if self._users is not None:
            self._take_users(self._users.start())
        broken = any(entry.broken for entry in self._entries.values())
        refuse_unknown(settings, self._entries, elsewhere=broken)
        self._bind()

    # --- what runs -------------------------------------------------------------------------------

    def on_bars(self, table: FeatureTable) -> list[Signal]:
        """Signals at a bar boundary, by strategy, then by position.

        Filled bars are left out: nothing was traded in them.
        """
        found: list[Signal] = []
        if not len(table):
            return found
        together = self._together
        if together is None:
            from engine.strategies.together import Together

            together = self._together = Together(self._on_bars)
        spoke = together(table)
        if not spoke and not together.alone:
            return found
        for number, entry in together.order:
            if number >= 0 and not spoke >> number & 1:
                continue
            before = len(found)
            try:
                if number >= 0:
                    entry.on_positions(table, together.passed(number, table), found)
                elif entry.origin:
                    self._timed(entry, entry.on_bars, table, found)
                else:
                    entry.on_bars(table, found)
            except BaseException as error:
                del found[before:]  # its symbols are not all heard, and which came first tells nothing
                self._fault(entry, error)
        return found

    def on_rise(self, row: FeatureRow) -> list[Signal]:
        """Signals when the window crossed ``rise_watch`` between bar closes."""
        found: list[Signal] = []
        for entry, method in self._on_rise:
            if entry.symbols and row.symbol not in entry.symbols:
                continue
            try:
                if entry.origin:
                    signal = self._timed(entry, entry.on_row, method, row)
                else:
                    signal = entry.on_row(method, row)
            except BaseException as error:
                self._fault(entry, error)
            else:
                if signal is not None:
                    found.append(signal)
        return found

    def on_scores(self, ns: int, scores: Mapping[str, float], *, without: str = "") -> list[Signal]:
        """Signals on a model's scores by symbol, normalised across symbols (mean 0, std 0.02).

        ``without``: a strategy that is not asked.
        """
        found: list[Signal] = []
        for name, entry in self._entries.items():
            if not entry.enabled or not entry.defines("on_scores") or name == without:
                continue
            try:
                if entry.origin:
                    self._timed(entry, entry.on_scores, ns, scores, found)
                else:
                    entry.on_scores(ns, scores, found)
            except BaseException as error:
                self._fault(entry, error)
        return found

    def _timed(self, entry: Entry, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """A call of a user's strategy, which may be slow."""
        if self._timer is None:
            return entry.apart.run(call, *given)
        began = self._timer()
        answer = entry.apart.run(call, *given)
        entry.took((self._timer() - began) / 1e9, self._limit_s)
        return answer

    def hear(self, signal: Signal) -> bool:
        """Count what a strategy said elsewhere; False: it is off here, or is not let see the symbol."""
        entry = self._entries.get(signal.source)
        if entry is None or not entry.enabled or (entry.symbols and signal.symbol not in entry.symbols):
            return False
        entry.signals += 1
        entry.last_ns = signal.ns
        return True

    def fail(self, name: str, trace: str) -> None:
        """It failed elsewhere: off here, too."""
        entry = self._entries.get(name)
        if entry is None or not entry.enabled:
            return
        entry.enabled = False
        entry.error = error_of(trace)
        self._faults.append((name, trace))
        self._bind()

    @property
    def heard_at_bars(self) -> Sequence[Entry]:
        """Those that are on and define ``on_bar``; another list once that changes."""
        return self._on_bars

    @property
    def heard_scores(self) -> Sequence[str]:
        """Those that define ``on_scores``, on or off."""
        return [name for name, entry in self._entries.items() if entry.defines("on_scores")]

    @property
    def rise_watch(self) -> tuple[float, float, float, int] | None:
        """(min change in percent, min volume in base units, min notional, min trades) to watch between bars,
        all that is asked of a rise: it is told once. ``rapid_rise`` says them, on or off. None when nobody
        listens."""
        params = self._entries[RapidRise.name].params
        if not self._on_rise or not isinstance(params, RapidRise.Params):
            return None
        return params.min_change_pct, params.min_volume, params.min_notional, params.min_trades

    # --- what is set -----------------------------------------------------------------------------

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every strategy's section as the configuration would write it, defaults included."""
        return {name: entry.section() for name, entry in self._entries.items()}

    def sees(self, name: str, symbol: str) -> bool:
        """Whether a strategy is let see the symbol. Raises ConfigError when unknown."""
        symbols = self._entry(name).symbols
        return not symbols or symbol in symbols

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Switch a strategy. Switching on forgets its past and its fault. Raises ConfigError."""
        entry = self._entry(name)
        wanted = switches(name, entry.kind, {"enabled": enabled}).enabled
        if wanted and not entry.enabled:
            if entry.broken:
                raise ConfigError(f"{name} cannot run: {entry.error}; mend it, then reload the strategies")
            self._renew(entry, entry.params)
            entry.error = ""
        entry.enabled = wanted
        self._bind()

    def enabled(self, name: str) -> bool:
        """Raises ConfigError when unknown."""
        return self._entry(name).enabled

    def params(self, name: str) -> Strategy.Params:
        """Raises ConfigError when unknown."""
        return self._entry(name).params

    def weight(self, name: str) -> float:
        """Raises ConfigError when unknown."""
        self._entry(name)
        return self.weights[name]

    def set_weight(self, name: str, weight: float) -> None:
        """Set a weight within the technical family. Raises ConfigError when unknown or out of (0, 100]."""
        entry = self._entry(name)
        entry.weight = self.weights[name] = switches(name, entry.kind, {"weight": weight}).weight

    def budget(self, name: str) -> float:
        """Most that its positions may be worth, percent of equity; 0: no limit. Raises ConfigError."""
        entry = self._entries.get(name) or self._entry(name)
        return entry.budget_pct

    def set_budget(self, name: str, budget_pct: float) -> None:
        """Raises ConfigError when unknown or out of 0 to 1000."""
        entry = self._entry(name)
        entry.budget_pct = switches(name, entry.kind, {"budget_pct": budget_pct}).budget_pct

    def set_symbols(self, name: str, symbols: tuple[str, ...]) -> None:
        """Let a strategy see these symbols only; none: all. It starts afresh. Raises ConfigError."""
        entry = self._entry(name)
        wanted = frozenset(switches(name, entry.kind, {"symbols": symbols}).symbols)
        if wanted == entry.symbols:
            return
        if not entry.broken:
            self._renew(entry, entry.params)
        entry.restrict(wanted)
        self._bind()

    def check(self, name: str, common: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        """Raises ConfigError for switches or parameters that would be refused; changes nothing."""
        entry = self._entry(name)
        switches(name, entry.kind, common)
        changed(name, entry.params, params)

    def set_params(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change some parameters. The strategy starts afresh: what it remembered was of the old ones.

        Raises ConfigError, and then nothing changed.
        """
        entry = self._entry(name)
        params = changed(name, entry.params, changes)
        if entry.broken or params == entry.params:
            return
        self._renew(entry, params)
        self._bind()

    def detail(self, name: str) -> StrategyInfo:
        """Everything about a strategy. Raises ConfigError when unknown."""
        return self._entry(name).detail()

    def states(self) -> list[StrategyState]:
        """All strategies: the built-in ones in order of registration, then the users' by file."""
        return [entry.state() for entry in self._entries.values()]

    def kinds(self) -> dict[str, type[Strategy]]:
        """The classes that run, by name: another one after its file was read anew."""
        return {name: entry.kind for name, entry in self._entries.items()}

    def broken(self) -> dict[str, str]:
        """Why sources could not be used, by the name that stands for them."""
        return {name: entry.error for name, entry in self._entries.items() if entry.broken}

    def reset_counts(self) -> None:
        """Count signals from zero: those before were of a warm-up."""
        for entry in self._entries.values():
            entry.signals = entry.last_ns = 0

    def memories(self) -> dict[str, Memory]:
        """What each strategy remembers, by name, in their order."""
        return {name: told_memory(entry) for name, entry in self._entries.items()}

    def remember(self, memories: Mapping[str, Memory], symbols: Sequence[str]) -> dict[str, str]:
        """Take up what another set's strategies remember; those of which that cannot be begin anew, and are
        returned with why. ``symbols``: by index."""
        anew: dict[str, str] = {}
        for name, entry in self._entries.items():
            memory = memories.get(name)
            if memory is None or memory.origin != origin_of(entry):
                anew[name] = "it was not there"
                continue
            try:
                why = take_up(entry, memory, symbols, self._bars)
            except BaseException as error:
                self._fault(entry, error)
                why = told(error)
            if why:
                anew[name] = why
        self._bind()
        return anew

    def take_errors(self) -> list[tuple[str, str]]:
        """(name, traceback text) of the strategies that faults disabled since the last call, for the log."""
        taken, self._faults = self._faults, []
        return taken

    def _entry(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            known = ", ".join(self._entries)
            raise UnknownStrategyError(f"unknown strategy {clean(name, 40)}; known are {known}")
        return entry

    def _renew(self, entry: Entry, params: Strategy.Params) -> None:
        try:
            entry.renew(params, self._bars)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            log.exception("strategy %s could not be made", entry.kind.name)
            raise ConfigError(f"strategies.{entry.kind.name}: {told(error)}") from None

    def _bind(self) -> None:
        """Rebuild the lists that the hot path walks: enabled strategies that define the method."""
        enabled = [entry for entry in self._entries.values() if entry.enabled]
        self._on_bars = [entry for entry in enabled if entry.defines("on_bar")]
        self._together = None
        self._on_rise = [(entry, entry.strategy.on_rise) for entry in enabled if entry.defines("on_rise")]

    def _fault(self, entry: Entry, error: BaseException) -> None:
        """Disable it. To be called where ``error`` is handled, whatever a strategy may raise."""
        if isinstance(error, KeyboardInterrupt):
            raise  # the person's, not the strategy's
        entry.enabled = False
        entry.error = told(error)
        self._faults.append((entry.kind.name, trace_of(error)))
        self._bind()

    # --- the users' ------------------------------------------------------------------------------

    def reload(self) -> Reloaded:
        """Read new and changed files of the users' folder; returns what happened.

        A strategy whose file changed starts afresh with its switches, weight, symbols, budget and those of
        its parameters that were set and still fit; its fault is forgotten. A file that cannot be used leaves
        what it defined before running. Packages are not read again.
        """
        if self._users is None:
            return Reloaded("there is no folder of strategies", True)
        entries, told = self._users.reload(self._entries)
        self._take_users(entries)
        return reloaded(told, self._users.refused)

    def _take_users(self, entries: dict[str, Entry]) -> None:
        assert self._users is not None
        own = {name: entry for name, entry in self._entries.items() if name in STRATEGIES}
        self._entries = own | entries
        for name in self.weights.keys() - self._entries.keys():
            del self.weights[name]
        for name, entry in entries.items():
            self.weights[name] = entry.weight
        self._faults += self._users.failed
        self._bind()

    def _make(self, kind: type[Strategy], source: Source | None, before: Entry | None) -> Entry:
        """An entry by its section of the configuration, or by the one it stands for. ``source``: a user's."""
        origin, apart = ("", None) if source is None else (source.origin, source.apart)
        section = self._settings.get(kind.name, {})
        if before is None or before.broken:
            chosen, params = parse(kind.name, kind, section)
            entry = Entry(kind, params, origin, apart)
            entry.set(chosen)
        else:
            entry = Entry(kind, kept_params(kind, section, fitting(before)), origin, apart)
            entry.take_over(before)
        entry.renew(entry.params, self._bars)
        return entry


def check_settings(settings: Mapping[str, Mapping[str, Any]], folder: Path | None) -> None:
    """Check what can be without running a user's code. Raises ConfigError as ``StrategySet`` does."""
    users = settings.keys() - STRATEGIES.keys()
    # To look through all packages takes a while: only where it matters.
    refuse_unknown(settings, STRATEGIES, elsewhere=bool(users) and (offers_any(folder) or bool(offered())))
    for name, kind in STRATEGIES.items():
        parse(name, kind, settings.get(name, {}))


def shown_settings(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """All sections: the built-in strategies' with their defaults, the users' as written."""
    own = {name: dict(section) for name, section in settings.items() if name not in STRATEGIES}
    built_in = {name: section for name, section in settings.items() if name in STRATEGIES}
    return StrategySet(built_in).settings() | own
