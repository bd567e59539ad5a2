"""What a model's prediction costs, beside LightGBM's own; how long one takes to be checked and loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.features.alpha158 import WIDTH
from engine.models import artefact, builtin, text_format
from engine.models.adopt import golden_rows
from engine.models.load import Predictor, load
from engine.models.walker import Walker
from tests.bench.registry import Figure, Skipped, at_least, at_most, bench
from tests.models.boosters import hostile_rows, trained
from tests.models.conftest import reseal, written

_TREES, _LEAVES = 200, 31
_SYMBOLS = 500
_COMPARED = 100_000
_LOADS = 5


@bench("model")
def model(scratch: Path) -> list[Figure]:
    """A model of 200 trees with 31 leaves on the desk's features: one row, 500 rows, equality, loading."""
    booster = _booster(categorical=False)
    walker = _walker(booster)
    rows = np.random.default_rng(2).normal(size=(2_000, WIDTH))
    with_categories = _booster(categorical=True)
    return [
        *_one_row(walker, booster, rows),
        *_many_rows(walker, booster, rows[:_SYMBOLS]),
        _categories(_walker(with_categories), rows[:_SYMBOLS]),
        *(
            _equality(_walker(one), one, which)
            for one, which in ((booster, ""), (with_categories, ", categories"))
        ),
        _loading(booster, scratch),
    ]


def _walker(booster: Any) -> Walker:
    return Walker(text_format.parse(booster.model_to_string().encode())[0])


def _booster(*, categorical: bool) -> Any:
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise Skipped(f"lightgbm cannot be imported ({type(error).__name__}): install libgomp") from None
    settings = {"num_leaves": _LEAVES}
    return trained(lightgbm, settings, categorical=categorical, width=WIDTH, trees=_TREES, rows=3_000)


def _one_row(walker: Walker, booster: Any, rows: np.ndarray) -> list[Figure]:
    """Another row each time: one that is always the same, the processor learns by heart."""
    singles = [rows[i : i + 1] for i in range(len(rows))]
    some = [singles[i : i + 100] for i in range(0, len(singles), 100)]
    ours = min(_best(lambda part=part: [walker.predict(one) for one in part]) for part in some) / 100 * 1e6  # type: ignore[misc]
    theirs = _best(lambda: [booster.predict(one, num_threads=1) for one in some[0]]) / 100 * 1e6
    return [
        Figure("one row", ours, "us", at_most(10.0)),
        Figure("one row, Booster.predict", theirs, "us", None, f"{theirs / ours:.1f} times ours"),
    ]


def _many_rows(walker: Walker, booster: Any, rows: np.ndarray) -> list[Figure]:
    ours = _best(lambda: walker.predict(rows), 50) * 1e3
    figures = [Figure(f"{len(rows)} rows", ours, "ms", at_most(1.5))]
    for threads, name in ((1, "one thread"), (0, "all cores")):
        theirs = _best(lambda threads=threads: booster.predict(rows, num_threads=threads), 30) * 1e3  # type: ignore[misc]
        note = f"{theirs / ours:.1f} times ours"
        figures.append(Figure(f"{len(rows)} rows, Booster.predict, {name}", theirs, "ms", None, note))
    return figures


def _categories(walker: Walker, rows: np.ndarray) -> Figure:
    name = f"{len(rows)} rows, a quarter of the splits by category"
    return Figure(name, _best(lambda: walker.predict(rows), 50) * 1e3, "ms")


def _equality(walker: Walker, booster: Any, which: str) -> Figure:
    rows = hostile_rows(np.random.default_rng(4), _COMPARED, WIDTH)
    ours, theirs = walker.predict(rows), booster.predict(rows)
    equal = int((ours.view(np.uint64) == theirs.view(np.uint64)).sum())
    note = "NaN, infinities, zeros and huge numbers among them"
    return Figure(
        f"rows equal to LightGBM bit for bit{which}", equal, f"of {_COMPARED:,}", at_least(_COMPARED), note
    )


def _loading(booster: Any, scratch: Path) -> Figure:
    text = booster.model_to_string().encode()
    rows = golden_rows(artefact.forest_of(text), 1)
    known = {"golden_rows": rows.tobytes(), "golden_predictions": booster.predict(rows).tobytes()}
    path = written(reseal(artefact.read(builtin.PATH), model=text, **known), scratch / "model")

    def once() -> Predictor:
        return asyncio.run(load(path))  # type: ignore[return-value]  # no user's model

    once()
    return Figure("checked in a child and loaded", _best(once, _LOADS), "s", at_most(2.0))


def _best(call: Callable[[], object], times: int = 15) -> float:
    """Seconds of the fastest: what it costs, not what else the machine does."""
    call()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)
