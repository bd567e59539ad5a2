"""The bars that a training run rests on: stored ones, or those of the simulated venue's past."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.bar_merge import BarMerge
from engine.config import Config
from engine.config.load import traded
from engine.errors import AmbiguousSymbolError, ConfigError, ModelError, SymbolError
from engine.feeds.simulation.venue import VENUE as SIMULATED
from engine.feeds.sources.collection import VENUE as POLLED
from engine.models.load import refuse_interval
from engine.models.training.panel import Progress
from engine.store.bars import BARS_DATABASE
from engine.store.bars_read import BarReader
from engine.symbols import find, name_of, resolve, round_the_clock
from engine.text import clean
from engine.wiring.simulated_bars import simulated_bars
from engine.wiring.stored_bars import TrainingBars, stored_bars
from engine.wiring.training_options import MAX_SIMULATED_S, SIMULATED_S, TrainingOptions


def load(config: Config, state_dir: Path, options: TrainingOptions, progress: Progress) -> TrainingBars:
    """The bars that ``options`` ask for. Raises ConfigError, ModelError, StoreError or FeedError."""
    # A store that cannot be read is no matter for who only simulates.
    wanted = (
        bool(options.symbols) or _names_stored(options) or any(feed.enabled for feed in config.feeds.values())
    )
    reader = _reader(state_dir) if wanted else None
    try:
        symbols = _chosen(config, reader, options)
        if len(symbols) < 2:
            raise ModelError("training ranks symbols against each other: name at least 2")
        simulated = [symbol for symbol in symbols if symbol.startswith(f"{SIMULATED}:")]
        if not simulated:
            reader = reader or BarReader(state_dir / BARS_DATABASE)  # which says what is missing
            return stored_bars(config, reader, symbols, options, progress)
        if len(simulated) < len(symbols):
            real = next(symbol for symbol in symbols if symbol not in simulated)
            raise ConfigError(
                f"{clean(simulated[0], 60)} is of the simulated venue and {clean(real, 60)} is not: what is "
                "learnt of both is true of neither; train on one kind"
            )
        if _wants_stored(config, reader, symbols, options):
            reader = reader or BarReader(state_dir / BARS_DATABASE)
            return stored_bars(config, reader, symbols, options, progress)
        return _simulated(config, symbols, options, progress)
    finally:
        if reader is not None:
            reader.close()


# --- which ---


def _names_stored(options: TrainingOptions) -> bool:
    """Whether only stored bars can be meant, or, by ``bar_s`` alone, may be."""
    period = (options.days, options.since_ns, options.until_ns)
    return any(one is not None for one in period) or (options.bar_s is not None and options.seconds is None)


def _wants_stored(
    config: Config, reader: BarReader | None, symbols: Sequence[str], options: TrainingOptions
) -> bool:
    """Whether the bars of simulated ``symbols`` are those that desks stored while they ran. By their length
    alone only where there are some. Raises ConfigError where they are asked for and there are none."""
    if not _names_stored(options):
        return False
    interval_s = config.history.interval_s if options.bar_s is None else options.bar_s
    known = {
        symbol
        for symbol, stored_s in (reader.series() if reader is not None else ())
        if stored_s == interval_s or interval_s % stored_s == 0
    }
    if len(known.intersection(symbols)) >= 2:
        return True
    if options.days is None and options.since_ns is None and options.until_ns is None:
        return False
    raise ConfigError(
        f"the simulated venue has no history but what a desk stored while it ran, and of {interval_s:g} s "
        "that is nothing yet (`tickdesk history list`): say in seconds how much to simulate (--seconds)"
    )


def _chosen(config: Config, reader: BarReader | None, options: TrainingOptions) -> list[str]:
    known = traded(config)
    if not options.symbols:
        desk = [symbol for symbol in known if not symbol.startswith(f"{POLLED}:")]
        return list(dict.fromkeys(desk or known))
    stored = [symbol for symbol, _ in reader.series()] if reader is not None else []
    return list(dict.fromkeys(_one(config, text, known, stored) for text in options.symbols))


def _one(config: Config, text: str, known: Sequence[str], stored: Sequence[str]) -> str:
    """The desk's own symbol, else one with stored bars, else one of the simulated venue where that is the
    desk's."""
    for some in (known, [one for one in stored if not one.startswith(f"{SIMULATED}:")]):
        try:
            return find(text, some, config.symbols)
        except AmbiguousSymbolError:
            raise
        except SymbolError as error:
            unknown = error
    place, colon, native = text.partition(":")
    if colon and place == SIMULATED:
        return f"{SIMULATED}:{resolve(SIMULATED, native, config.symbols)}"
    if not colon and known and known[0].startswith(f"{SIMULATED}:"):
        return f"{SIMULATED}:{resolve(SIMULATED, text, config.symbols)}"
    raise ConfigError(f"{unknown}; `tickdesk history list` shows of what bars are stored")


def _reader(state_dir: Path) -> BarReader | None:
    path = state_dir / BARS_DATABASE
    return BarReader(path) if path.is_file() else None


# --- simulated ---


def _simulated(
    config: Config, symbols: Sequence[str], options: TrainingOptions, progress: Progress
) -> TrainingBars:
    if options.adjust:
        raise ConfigError("the simulated venue knows neither splits nor dividends: leave --adjust out")
    seconds = SIMULATED_S if options.seconds is None else options.seconds
    if not 1 <= seconds <= MAX_SIMULATED_S:
        raise ModelError(f"train on 1 to {MAX_SIMULATED_S} seconds of the simulated venue, not {seconds}")
    features, merge, bar_s = config.features, None, options.bar_s
    if bar_s is not None and bar_s != features.bar_s:
        if not 0.1 <= bar_s <= 3600:
            raise ConfigError("bars of the simulated venue take 0.1 to 3600 seconds: give another --bars")
        if refuse_interval(bar_s, features.bar_s):
            features = msgspec.structs.replace(features, bar_s=bar_s)
        else:  # made of the desk's own, to the last bit as a model of them will be fed
            merge = BarMerge(
                int(bar_s),
                features.bar_s,
                never_closes=lambda symbol: round_the_clock(name_of(symbol, config.symbols)),
            )
    natives = [symbol.partition(":")[2] for symbol in symbols]
    series = simulated_bars(natives, seconds, options.seed, features, progress, merge)
    if len(series) < len(symbols):
        raise ModelError(
            f"too little data: {seconds} seconds give some symbols no bar; train on more seconds"
        )
    return TrainingBars(series, bar_s or features.bar_s, f"simulated venue, seed {options.seed}, {seconds} s")
