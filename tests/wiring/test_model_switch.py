"""Switching models on a running desk: tried first, then written down, then exchanged; or all as it was.

The registry and the desk are real; what a child process would load, a test scripts (see test_model_slot for
the loading itself).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.events import Alert
from engine.models import artefact, builtin
from engine.models.artefact import Artefact
from engine.models.drift import reference
from engine.models.predictor import Predictor
from engine.models.registry import Registry
from engine.wiring import loaded_models
from engine.wiring.model_poll import poll
from engine.wiring.model_rows import entry_row
from engine.wiring.model_slot import DESK, STRATEGY, ModelSlot
from engine.wiring.model_view import comparison, drift_rows, model_entry, model_row
from engine.wiring.model_watch import TRACKS
from engine.wiring.scoring import Scoring
from tests.models.conftest import reseal, written
from tests.wiring.scripted_model import Floor, Scripted, by_feature, reversed_index

RULES = ("models.rollback.strikes=1",)


class Stage:
    """A desk, its registry with three models, and a slot between them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *rules: str, tape: bool = False
    ) -> None:
        self.registry = Registry(folder / "state")
        shipped = artefact.read(builtin.PATH)
        self.a, self.b, self.c = (self._registered(shipped, folder / str(n), n) for n in (1, 2, 3))
        self.made: list[Scripted] = []
        self.broken: set[str] = set()
        self.bars_s: dict[str, float] = {}
        """Of models whose bars are not the desk's own."""
        self.floor = Floor(*RULES, *rules)
        self.kept: dict[str, Any] = {}
        self.work: list[Coroutine[Any, Any, None]] = []
        self.slot = ModelSlot(
            folder / "state",
            self.floor.desk,
            keep=self.kept.__setitem__,
            spawn=None if tape else self.work.append,
        )
        monkeypatch.setattr(loaded_models, "load", self._load)

    def _registered(self, shipped: Artefact, folder: Path, seed: int) -> str:
        found = reseal(shipped, seed=seed, horizon_bars=2, purge_gap_bars=3)
        return self.registry.register(written(found, folder)).version

    async def _load(self, path: str, **_: object) -> Predictor:
        version = Path(path).name
        if version in self.broken:
            raise ModelError(f"model {version} is damaged")
        bar_s = self.bars_s.get(version, 1.0)
        self.made.append(Scripted(version, by_feature, horizon_bars=2, bar_interval_s=bar_s))
        return self.made[-1]

    @property
    def scoring(self) -> Scoring:
        return self.slot.scoring

    @property
    def version(self) -> str:
        return "" if self.scoring.active is None else self.scoring.active.version

    async def settle(self) -> None:
        while self.work:
            await self.work.pop(0)

    def alerts(self) -> list[str]:
        return [event.text for event in self.floor.bench.journal if isinstance(event, Alert)]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(tmp_path, monkeypatch)
    made.registry.activate(made.a)
    asyncio.run(made.slot.start())
    assert made.version == made.a
    made.floor.run(70)
    yield made
    for one in made.work:
        one.close()


def test_a_model_is_tried_on_the_desks_rows_before_it_is_exchanged(stage: Stage) -> None:
    text = asyncio.run(stage.slot.activate(stage.b[:6], "ann"))
    assert stage.b in text and stage.version == stage.b
    assert stage.made[-1].asked == [6], "warmed up before the swap"
    assert 0 < stage.slot.swap_ns < 5_000_000
    active = stage.registry.active(STRATEGY)
    assert active is not None and active.version == stage.b
    assert stage.registry.history(stage.b)[0].who == "ann"


@pytest.mark.parametrize("what", ["load", "rows", "registry", "objection"])
def test_a_failure_anywhere_leaves_all_as_it_was(
    stage: Stage, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "load":
        stage.broken.add(stage.b)
    elif what == "rows":

        async def nan(path: str, **_: object) -> Predictor:
            stage.made.append(Scripted(stage.b, lambda rows: np.full(len(rows), np.nan)))
            return stage.made[-1]

        monkeypatch.setattr(loaded_models, "load", nan)
    elif what == "registry":
        (stage.registry.directory / stage.b / "model.txt").write_bytes(b"other")
    else:
        with stage.registry._file.writing() as db:
            db.execute("UPDATE models SET strategy = 'other' WHERE version = ?", (stage.b,))
    before = stage.registry.roles(STRATEGY), stage.scoring.active, stage.floor.desk.trading.ledger.positions()
    with pytest.raises(ModelError):
        asyncio.run(stage.slot.activate(stage.b, "ann"))
    assert (stage.registry.roles(STRATEGY), stage.scoring.active) == before[:2]
    assert stage.floor.desk.trading.ledger.positions() == before[2]
    if what != "objection":
        assert model_row(stage.slot).version == stage.a
        assert stage.slot.error == "", "who asked was refused: no alarm stays behind"
        assert all(one.closed for one in stage.made if one.version == stage.b)
    stage.floor.run(5)
    assert stage.floor.signals()[-1].reason.startswith(f"model {stage.a}: ")


def test_the_bars_of_the_last_good_model_are_held_while_another_is_at_work(stage: Stage) -> None:
    stage.bars_s[stage.b] = 2.0
    bars = stage.floor.desk.model_bars
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    held = bars._coarse[2]
    for change in (
        lambda: stage.slot.activate(stage.c, "ann"),
        stage.settle,
        lambda: stage.slot.rollback("ann"),
        stage.settle,
        lambda: stage.slot.deactivate("ann"),
        lambda: stage.slot.activate(stage.c, "ann"),
        stage.settle,
    ):
        asyncio.run(change())
        assert bars._coarse.get(2) is held
    asyncio.run(stage.slot.activate(stage.a, "ann"))
    asyncio.run(stage.settle())
    assert bars.wanted == () and 2 not in bars._coarse, "nobody would go back to it"


def test_a_reload_loads_anew_and_a_failed_one_keeps_the_old(stage: Stage) -> None:
    first = stage.scoring.active
    assert "loaded again" in asyncio.run(stage.slot.reload())
    assert stage.scoring.active is not first and stage.made[0].closed
    stage.broken.add(stage.a)
    with pytest.raises(ModelError, match="damaged"):
        asyncio.run(stage.slot.reload())
    assert stage.version == stage.a and "damaged" in model_row(stage.slot).error
    stage.broken.clear()
    asyncio.run(stage.slot.reload())
    assert model_row(stage.slot).error == ""


def test_rollback_and_deactivation(stage: Stage) -> None:
    with pytest.raises(ModelError, match="no earlier model"):
        asyncio.run(stage.slot.rollback("ann"))
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    asyncio.run(stage.settle())
    assert stage.slot.ready_version == stage.a and not stage.made[0].closed
    made = len(stage.made)
    assert stage.a in asyncio.run(stage.slot.rollback("ann"))
    assert stage.version == stage.a and len(stage.made) == made, "the last good one was kept loaded"
    asyncio.run(stage.settle())
    assert stage.made[-1].closed, "nobody asks b any more"
    asyncio.run(stage.slot.deactivate("ann"))
    assert stage.version == "" and stage.registry.active(STRATEGY) is None
    stage.floor.run(10)
    assert model_row(stage.slot).status == "none"


def test_a_shadow_is_compared_and_promoted_without_loading(stage: Stage) -> None:
    asyncio.run(stage.slot.set_shadow(stage.b, "ann"))
    shadow = stage.scoring.shadow
    assert isinstance(shadow, Scripted)
    shadow.says = reversed_index
    stage.floor.run(40)
    found = comparison(stage.scoring)
    assert found is not None and (found.active, found.shadow, found.batches) == (stage.a, stage.b, 8)
    assert found.active_live.predictions == found.shadow_live.predictions == 8
    assert found.rank_correlation is not None and found.turnover_to_switch is not None
    known = stage.registry.roles(STRATEGY)
    entries = {e.version: model_entry(entry_row(e, known), stage.slot) for e in stage.registry.list()}
    assert [entries[v].role for v in (stage.a, stage.b, stage.c)] == ["active", "shadow", ""]
    assert entries[stage.c].live is None and entries[stage.b].live is not None
    assert model_row(stage.slot).shadow == stage.b
    made = len(stage.made)
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    assert stage.scoring.active is shadow and stage.scoring.shadow is None and len(stage.made) == made
    assert comparison(stage.scoring) is None and stage.registry.shadow(STRATEGY) is None
    asyncio.run(stage.slot.set_shadow(stage.c, "ann"))
    asyncio.run(stage.slot.set_shadow("", "ann"))
    assert stage.scoring.shadow is None and stage.registry.shadow(STRATEGY) is None


def test_the_poll_takes_up_what_another_process_changed(stage: Stage) -> None:
    stage.registry.set_shadow(stage.c)
    stage.registry.activate(stage.b)
    asyncio.run(stage.slot.follow())
    assert stage.version == stage.b and stage.scoring.shadow is not None
    assert stage.scoring.shadow.version == stage.c and stage.slot.ready_version == stage.a
    stage.registry.set_shadow(None)
    stage.registry.deactivate(STRATEGY)
    asyncio.run(stage.slot.follow())
    assert stage.version == "" and stage.scoring.shadow is None
    stage.broken.add(stage.c)
    stage.registry.activate(stage.c)
    asyncio.run(stage.slot.follow())
    assert stage.version == "" and "damaged" in stage.slot.error
    stage.broken.clear()
    asyncio.run(stage.slot.follow())
    assert stage.version == stage.c and stage.slot.error == ""


def fall(stage: Stage) -> None:
    active = stage.scoring.active
    assert isinstance(active, Scripted)
    active.says = lambda rows: np.full(len(rows), np.nan)
    stage.floor.run(5)


def test_the_desk_goes_back_by_itself_and_never_forth_again(stage: Stage) -> None:
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    asyncio.run(stage.settle())
    fall(stage)
    assert stage.version == stage.a, "between two batches, before anything is written"
    assert any(stage.b in text and "not finite" in text and stage.a in text for text in stage.alerts())
    assert "not finite" in model_row(stage.slot).rollback
    asyncio.run(stage.settle())
    roles = stage.registry.roles(STRATEGY)
    assert roles.active is not None and roles.active.version == stage.a
    told = stage.registry.history(stage.b)[0]
    assert (told.what, told.who) == ("rolled back", DESK) and "not finite" in told.reason
    for _ in range(3):
        asyncio.run(stage.slot.follow())
        assert stage.version == stage.a
    stage.registry.activate(stage.b, who="ann")
    asyncio.run(stage.slot.follow())
    assert stage.version == stage.b, "a person has decided"


def test_without_an_earlier_model_the_registry_has_none_either(stage: Stage) -> None:
    fall(stage)
    assert stage.version == ""
    asyncio.run(stage.settle())
    assert stage.registry.active(STRATEGY) is None and stage.registry.last_good(STRATEGY) is None
    asyncio.run(stage.slot.follow())
    assert stage.version == ""


def test_a_registry_that_could_not_be_told_is_told_by_the_poll(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    asyncio.run(stage.settle())

    def busy(*_: object, **__: object) -> None:
        raise ModelError("the registry is busy")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "rollback", busy)
        fall(stage)
        asyncio.run(stage.settle())
        active = stage.registry.active(STRATEGY)
        assert active is not None and active.version == stage.b
        with pytest.raises(ModelError):
            asyncio.run(stage.slot.follow())
        assert stage.version == stage.a
    asyncio.run(stage.slot.follow())
    active = stage.registry.active(STRATEGY)
    assert active is not None and active.version == stage.version == stage.a


def test_on_a_tape_the_registry_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, tape=True)
    stage.registry.activate(stage.a)
    asyncio.run(stage.slot.start())
    stage.floor.run(66)
    fall(stage)
    asyncio.run(stage.slot.follow())
    active = stage.registry.active(STRATEGY)
    assert stage.version == "" and active is not None and active.version == stage.a


def test_a_start_loads_all_roles_and_goes_on_with_the_live_ic(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(stage.slot.activate(stage.b, "ann"))
    asyncio.run(stage.settle())
    asyncio.run(stage.slot.set_shadow(stage.c, "ann"))
    stage.floor.run(60)
    before = stage.scoring.watch.tracks[stage.b].tally.figures()
    assert before.steps >= 10 and model_row(stage.slot).live_steps == before.steps
    stage.slot.close()
    asyncio.run(stage.settle())
    assert all(one.closed for one in stage.made) and stage.version == ""
    floor = Floor(*RULES)
    slot = ModelSlot(tmp_path / "state", floor.desk, keep=stage.kept.__setitem__)
    asyncio.run(slot.start(dict(stage.kept)))
    watch = slot.scoring.watch
    assert slot.scoring.active is not None and slot.scoring.active.version == stage.b
    assert slot.scoring.shadow is not None and slot.scoring.shadow.version == stage.c
    assert slot.ready_version == stage.a
    assert watch.tracks[stage.b].tally.figures() == before and watch.tracks[stage.b].judged == before.steps
    bad = ModelSlot(tmp_path / "state", Floor(*RULES).desk)
    asyncio.run(bad.start({TRACKS: [{"version": 7}]}))
    assert bad.scoring.active is not None, "what was kept and makes no sense is left out"


def test_drift_is_told_most_drifted_first(stage: Stage) -> None:
    assert drift_rows(stage.scoring) == ((), 0), "this model knows nothing of its training"
    batch = stage.scoring.batch()
    assert batch is not None
    trained = np.tile(batch.rows, (40, 1))
    trained[:, 7] += 1e6
    stage.scoring.set_active(Scripted("e" * 12, by_feature, reference=reference(trained)))
    stage.floor.run(5 * 80)
    rows, count = drift_rows(stage.scoring)
    assert count == 6 * 80 and len(rows) == 158
    assert [row.psi for row in rows] == sorted((row.psi for row in rows), reverse=True)
    assert rows[0].psi > 0.25
    assert model_row(stage.slot).drifted == sum(row.psi >= 0.25 and row.psi > row.noise for row in rows) > 0


def test_polling_follows_the_registry_and_keeps_the_tracks(stage: Stage) -> None:
    stage.registry.activate(stage.b)

    async def until_followed() -> None:
        work = asyncio.create_task(poll(stage.slot, 0.01))
        async with asyncio.timeout(20):
            while stage.version != stage.b:
                await asyncio.sleep(0.01)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(until_followed())
    assert stage.kept[TRACKS][0]["version"] == stage.a
