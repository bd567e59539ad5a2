"""The whole engine's replay beside nautilus_trader's backtest of the same ticks, in the same run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.bench.machine import defaults
from tests.bench.peers import run_peer
from tests.bench.registry import Figure, Skipped, bench
from tests.bench.replay import _replay as replay_tape
from tests.bench.synthetic_tape import SYMBOLS, blocks, tape

_TICKS = 500_000
_TAPES = (("dense", 100), ("sparse", 10))
"""(name, ticks per symbol and second)"""


@bench("nautilus")
def nautilus(scratch: Path) -> list[Figure]:
    """Replay with everything on, and nautilus_trader's EMA cross, on the same dense and sparse ticks.

    Ours reads the tape and runs screen, features, all shipped strategies and modules, blend, risk, paper
    fills and journal. Theirs has its objects ready and runs bars, one EMA cross per symbol, risk and a
    simulated venue.
    """
    figures: list[Figure] = []
    for name, per_symbol_s in _TAPES:
        try:
            theirs = _theirs(scratch, name, per_symbol_s)
        except Skipped as reason:
            return [Figure("replay / nautilus_trader", None, "ratio", note=f"skipped: {reason}")]
        report = replay_tape(tape(scratch, _TICKS, per_symbol_s), scratch, defaults(scratch))
        ours = float(report["ticks_per_s"])
        figures += [
            Figure(
                f"{name}: tickdesk", ours, "ticks/s", note=f"{_TICKS:,} ticks, {report['orders']:,} orders"
            ),
            theirs,
            Figure(f"{name}: tickdesk / nautilus_trader", ours / (theirs.value or ours), "ratio"),
        ]
    return figures


def _theirs(scratch: Path, name: str, per_symbol_s: int) -> Figure:
    source = scratch / f"nautilus-{name}.npy"
    np.save(source, np.concatenate(list(blocks(_TICKS, per_symbol_s))))
    found = run_peer("nautilus_ema_cross.py", "nautilus_trader", str(source), str(len(SYMBOLS)))
    note = f"{found['ticks']:,} ticks, {found['orders']:,} orders; one EMA cross (10/20) per symbol"
    return Figure(f"{name}: nautilus_trader", found["ticks"] / found["seconds"], "ticks/s", note=note)
