"""Training runs: bars from the store, or of the simulated venue, through the trainer into the registry.

Its own process, without a screen, for whoever supervises it:

    python -m engine.wiring.training --state-dir DIR --config - --progress json [OPTIONS]  < CONFIG.json

``--config -`` reads the checked configuration as JSON (``msgspec.json.encode(config)``) from standard input;
a path reads a file. OPTIONS are those of ``tickdesk train``: ``--symbols S [S ...]`` ``--bars SECONDS``
``--days D`` ``--since T`` ``--until T`` ``--seconds N`` (simulated) ``--horizon BARS`` ``--seed N``
``--folds N`` ``--embargo BARS`` ``--purge BARS`` ``--window expanding|rolling`` ``--model FILE.py``
``--every N`` ``--memory GB`` ``--adjust`` ``--mlflow URI`` ``--then register|shadow|activate``.

With ``--progress json`` each line of standard output is one JSON object: ``{"share": 0.25, "text": "..."}``
while it works; at the end ``{"version": "0123456789ab", "then": "registered", "text": "..."}`` (``then``:
registered, shadow or active), or ``{"error": "one line"}``. Exit code: 0 done, 1 refused or failed, 2 usage,
130 or 143 interrupted. SIGINT and SIGTERM end it; what is not finished is not registered.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import FeaturesConfig
from engine.errors import ModelError
from engine.events import NS, Quote, Trade
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.feeds.simulation.venue import SimulatedVenue
from engine.models.registry import Registry
from engine.models.train import Progress, train
from engine.ticks import QUOTE, TICK, TRADE, pack_tick

START_NS = 1_700_000_000 * NS
"""The simulated past begins here whenever it is run: the same seed gives the same bars."""
CHUNK_S = 10
MAX_SECONDS = 7 * 86_400


def simulated_bars(
    symbols: Sequence[str], seconds: int, seed: int, progress: Progress | None = None
) -> dict[str, npt.NDArray[np.float64]]:
    """One-second bars (n, 6) of each symbol after ``seconds`` of the simulated venue. Raises FeedError."""
    venue = SimulatedVenue(symbols, seed=seed, start_ns=START_NS)
    engine = FeatureEngine(FeaturesConfig())
    names = [spec.symbol for spec in venue.instruments()]
    index = {name: engine.add_symbol(name) for name in names}
    bars: list[list[npt.NDArray[np.float64]]] = [[] for _ in names]
    for second in range(0, seconds, CHUNK_S):
        if progress is not None:
            progress(second / seconds, "simulating the venue")
        until = START_NS + min(second + CHUNK_S, seconds) * NS
        block = _pack([e for e in venue.advance(until) if isinstance(e, Trade | Quote)], index)
        position, code = 0, -1
        while code != NONE:
            code, position, _ = engine.feed(block, position, len(block))
            if code == BARS:
                _collect(engine, bars)
        while engine.advance(until) != NONE:
            _collect(engine, bars)
    return {name: np.concatenate(rows) for name, rows in zip(names, bars, strict=True) if rows}


def _collect(engine: FeatureEngine, bars: list[list[npt.NDArray[np.float64]]]) -> None:
    for index in engine.closed().tolist():
        bars[index].append(engine.bars(index, 1).copy())


def _pack(events: Sequence[Trade | Quote], index: dict[str, int]) -> npt.NDArray[np.void]:
    buffer = bytearray(len(events) * TICK.itemsize)
    for at, event in zip(range(0, len(buffer), TICK.itemsize), events, strict=True):
        times, symbol = (event.recv_ns, event.event_ns), index[event.symbol]
        if isinstance(event, Trade):
            pack_tick(
                *(buffer, at, *times, event.trade_id, symbol, TRADE, 0, event.aggressor, 0),
                *(event.price, event.size, 0.0, 0.0),
            )
        else:
            pack_tick(
                *(buffer, at, *times, -1, symbol, QUOTE, 0, 0, 0),
                *(event.bid, event.ask, event.bid_size, event.ask_size),
            )
    return np.frombuffer(buffer, TICK)


def run_training(
    state_dir: Path,
    symbols: Sequence[str],
    seconds: int,
    seed: int,
    progress: Progress,
    *,
    horizon: int = 20,
    activate: bool = True,
) -> str:
    """Train on the simulated venue, put the model into the registry and return its version.

    ``activate`` makes it the active model of its strategy. Raises ModelError or FeedError.
    """
    if not 1 <= seconds <= MAX_SECONDS:
        raise ModelError(f"train on 1 to {MAX_SECONDS} seconds of the simulated venue, not {seconds}")
    registry = Registry(state_dir)
    bars = simulated_bars(symbols, seconds, seed, lambda share, text: progress(0.5 * share, text))
    if len(bars) < len(symbols):
        raise ModelError(
            f"too little data: {seconds} seconds give some symbols no bar; train on more seconds"
        )
    with tempfile.TemporaryDirectory(prefix="tickdesk-training-") as out:
        made = train(
            bars,
            horizon=horizon,
            seed=seed,
            bar_interval_s=1.0,
            out=Path(out),
            progress=lambda share, text: progress(0.5 + 0.5 * share, text),
            source=f"simulated venue, seed {seed}, {seconds} s",
        )
        entry = registry.register(Path(out))
    if activate:
        registry.activate(entry.version)
    return made.manifest.version
