"""Damaged models and manifests: the engine neither dies nor hangs, and nothing wrong is ever predicted."""

from __future__ import annotations

import asyncio
import collections
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import artefact, builtin, walker
from engine.models.adopt import golden_rows
from engine.models.artefact import Artefact
from engine.models.load import load
from engine.models.registry import Registry
from tests.chaos.amounts import MODELS, SEED
from tests.chaos.damaged_models import damage_manifest, damaged_text
from tests.models.boosters import hostile_rows, trained
from tests.models.conftest import reseal, written

AT_ONCE = 2
HANG_S = 30.0
"""A load gives up its child after 20 s; the rest is a busy machine."""
STALL_S = 5.0
"""The loop of the engine stands still that long: it hangs."""
_ROWS = hostile_rows(np.random.default_rng(3), 200, 158)


@pytest.fixture(scope="module")
def models() -> list[Artefact]:
    """The shipped one, and one with categories of many kinds."""
    lightgbm: Any = pytest.importorskip("lightgbm")
    walker.compile_kernels()  # as every engine does at its start
    shipped = artefact.read(builtin.PATH)
    booster = trained(lightgbm, {"num_leaves": 15}, categorical=True, width=158, trees=12)
    text = booster.model_to_string().encode()
    rows = golden_rows(artefact.forest_of(text), 5)
    known = {"golden_rows": rows.tobytes(), "golden_predictions": booster.predict(rows).tobytes()}
    return [shipped, reseal(shipped, model=text, **known)]


def lightgbm_says(text: bytes) -> bytes:
    """Of a text that was loaded, so that LightGBM has survived it once."""
    lightgbm: Any = pytest.importorskip("lightgbm")
    found: np.ndarray = lightgbm.Booster(model_str=text.decode()).predict(_ROWS, num_threads=1)
    return found.tobytes()


def damage(good: Artefact, sealed: bool, path: Path, rng: random.Random) -> tuple[str, bytes]:
    """Write a damaged model; returns what was done to its text, and the text. ``sealed``: checksums fit."""
    what, text = damaged_text(good.model, rng)
    written(reseal(good, model=text) if sealed else Artefact(good.manifest, {artefact.MODEL: text}), path)
    return what, text


class Outcomes:
    def __init__(self) -> None:
        self.refused: collections.Counter[str] = collections.Counter()
        self.loaded = 0
        self.wrong: list[str] = []
        self.hung: list[str] = []
        self.children_lost = 0
        self.slowest_s = 0.0

    async def judge(self, what: str, path: Path, expected: Callable[[], bytes]) -> None:
        began = time.monotonic()
        try:
            predictor = await load(path)
        except ModelError as error:
            told = str(error)
            assert told and "\n" not in told and "\x1b" not in told and len(told) < 1000, told
            self.refused[what] += 1
            self.children_lost += "died by signal" in told or "within 20 s" in told
        else:
            self.loaded += 1
            with np.errstate(all="ignore"):
                same = predictor.predict(_ROWS).tobytes() == await asyncio.to_thread(expected)
            if not same:
                self.wrong.append(f"{what}: {path}")
            predictor.close()
        took = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took)
        if took > HANG_S:
            self.hung.append(f"{what}: {path} took {took:.1f} s")

    def tell(self, what: str, stalled_s: float) -> None:
        print(
            f"{MODELS} {what}: {sum(self.refused.values())} refused, {self.loaded} harmless, "
            f"{len(self.wrong)} wrong, {len(self.hung)} hung; {self.children_lost} children died in the "
            f"engine's place; slowest {self.slowest_s:.1f} s, loop stood still {1e3 * stalled_s:.0f} ms"
        )


async def all_of(jobs: list[Callable[[], Awaitable[None]]]) -> float:
    """Run them, some at once; returns for how long the loop stood still at most, seconds."""
    stalled = 0.0
    left = iter(jobs)

    async def worker() -> None:
        for job in left:
            await job()

    async def pulse() -> None:
        nonlocal stalled
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            stalled = max(stalled, time.monotonic() - began)

    beating = asyncio.create_task(pulse())
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    beating.cancel()
    return stalled


@pytest.mark.timeout(60 + 30 * MODELS)
async def test_damaged_model_files(models: list[Artefact], tmp_path: Path) -> None:
    """Checksums fit again in three of four: then only reading, LightGBM and the golden rows can tell."""
    outcomes = Outcomes()

    def job(number: int) -> Callable[[], Awaitable[None]]:
        rng = random.Random(f"{SEED} text {number}")

        async def run() -> None:
            good = models[number % 2]
            sealed = rng.random() < 0.75
            path = tmp_path / str(number)
            what, text = await asyncio.to_thread(damage, good, sealed, path, rng)
            await outcomes.judge(what, path, lambda: lightgbm_says(text if sealed else good.model))

        return run

    stalled = await all_of([job(number) for number in range(MODELS)])
    outcomes.tell("damaged model files", stalled)
    assert not outcomes.wrong and not outcomes.hung and stalled < STALL_S
    assert sum(outcomes.refused.values()) > MODELS // 2


@pytest.mark.timeout(60 + 30 * MODELS)
async def test_damaged_manifests(models: list[Artefact], tmp_path: Path) -> None:
    outcomes = Outcomes()
    registry = Registry(tmp_path / "state")

    def job(number: int) -> Callable[[], Awaitable[None]]:
        rng = random.Random(f"{SEED} manifest {number}")

        async def run() -> None:
            good = models[number % 2]
            path = tmp_path / str(number) / "model"
            what = await asyncio.to_thread(damage_manifest, good, path, rng)
            await outcomes.judge(what, path, lambda: lightgbm_says(good.model))
            try:
                await asyncio.to_thread(registry.register, path)
            except ModelError as error:
                assert "\n" not in str(error)

        return run

    stalled = await all_of([job(number) for number in range(MODELS)])
    outcomes.tell("damaged manifests", stalled)
    assert not outcomes.wrong and not outcomes.hung and stalled < STALL_S
    assert sum(outcomes.refused.values()) > MODELS // 2
    for entry in registry.list():
        assert Path(entry.path).parent == registry.directory and not list(Path(entry.path).glob("**/secret"))
