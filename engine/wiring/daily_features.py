"""The features that a daily run's scores rest on: Alpha158 of each symbol's newest bar, kept as a file."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.features.alpha158 import HISTORY, alpha158_block, schema_hash
from engine.models.training.label import Series
from engine.whole_file import whole_bytes
from engine.wiring.daily_context import FOLDER, Context, Outcome, StepFailed
from engine.wiring.daily_gate import Gate, stored_series

STEP = "features"
KEPT_FILES = 60
Floats = npt.NDArray[np.float64]


class Features(msgspec.Struct, frozen=True):
    """The step's product."""

    mode: str
    """As of the gate's basis."""
    interval_s: float
    symbols: tuple[str, ...]
    file: str = ""
    """In the folder of daily runs; "" of a desk that is fed live."""
    sha256: str = ""
    bar_ns: int = 0
    """When the bar ended that they are of."""
    made_ns: int = 0


def features(context: Context) -> Outcome:
    gate = context.product("gate", Gate)
    basis = gate.basis
    if basis.mode == "live":
        text = f"the desk feeds its model live, with its own bars of {basis.interval_s:g} s"
        product = Features("live", basis.interval_s, gate.symbols, made_ns=context.clock())
        return Outcome(text, product=product)
    series, notes = stored_series(context, basis.interval_s)
    symbols, rows, open_ns, late = at_one_bar({name: series[name] for name in gate.symbols if name in series})
    if len(symbols) < 2:
        raise StepFailed(
            f"{len(symbols)} symbols have the same newest bar, and ranking takes 2", context.again("data")
        )
    name = f"{context.run.day}{'-dry' if context.run.dry else ''}-{context.run.kind}.npz"
    digest = _write(context.state_dir / FOLDER, name, symbols, rows, open_ns)
    bar_ns = open_ns + round(basis.interval_s * 1e9)
    product = Features(
        "stored", basis.interval_s, symbols, name, digest, bar_ns=bar_ns, made_ns=context.clock()
    )
    text = f"{len(symbols)} symbols × {rows.shape[1]} features, schema {schema_hash(basis.interval_s)[:8]}"
    told = [f"{', '.join(late)} have no bar at that time: left out"] if late else []
    return Outcome("; ".join((text, *told, *notes)), product=product)


def at_one_bar(series: dict[str, Series]) -> tuple[tuple[str, ...], Floats, int, tuple[str, ...]]:
    """Of the newest bar that all have reached: (symbols, their features, when it begins, those without
    it). Scores rank symbols against each other: they are of one time."""
    if not series:
        return (), np.zeros((0, 0)), 0, ()
    at_ns = min(int(one.open_ns[-1]) for one in series.values())
    there: dict[str, Floats] = {}
    for symbol, one in series.items():
        end = int(np.searchsorted(one.open_ns, at_ns, side="right"))
        if end >= HISTORY and one.open_ns[end - 1] == at_ns:
            there[symbol] = one.values[end - HISTORY : end]
    late = tuple(symbol for symbol in series if symbol not in there)
    if not there:
        return (), np.zeros((0, 0)), at_ns, late
    return tuple(there), alpha158_block(np.stack(list(there.values()))), at_ns, late


def read_rows(context: Context, product: Features) -> Floats:
    """The features as they were written. Raises StepFailed."""
    path = context.state_dir / FOLDER / product.file
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StepFailed(f"cannot read {path}: {error.strerror}", context.again(STEP)) from None
    if hashlib.sha256(raw).hexdigest() != product.sha256:
        raise StepFailed(f"{path} is not what the features step wrote", context.again(STEP))
    with np.load(io.BytesIO(raw), allow_pickle=False) as found:
        rows: Floats = found["features"]
    return rows


def _write(folder: Path, name: str, symbols: tuple[str, ...], rows: Floats, open_ns: int) -> str:
    """All or nothing; the oldest files go. Returns the file's SHA-256."""
    out = io.BytesIO()
    np.savez(out, symbols=np.array(symbols), features=rows, open_ns=np.array([open_ns]))
    raw = out.getvalue()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        whole_bytes(folder / name, raw)
        for old in sorted(folder.glob("*.npz"))[:-KEPT_FILES]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise StepFailed(
            f"cannot write {folder / name}: {error.strerror}", "free space, then start it again"
        ) from error
    return hashlib.sha256(raw).hexdigest()
