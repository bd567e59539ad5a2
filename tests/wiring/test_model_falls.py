"""Going back by itself, in every order of events: never to a model that fell, told once, and written down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.predictor import Predictor
from engine.models.registry import Registry
from engine.wiring import loaded_models
from engine.wiring.model_slot import DESK, STRATEGY, ModelSlot
from engine.wiring.model_view import trouble
from tests.wiring.scripted_model import Floor, Scripted
from tests.wiring.test_model_switch import Stage, fall
from tests.wiring.test_model_switch import stage as stage


def active(stage: Stage) -> str:
    found = stage.registry.active(STRATEGY)
    return "" if found is None else found.version


def work(stage: Stage, *versions: str) -> None:
    """Activate one after the other."""
    for version in versions:
        asyncio.run(stage.slot.activate(version, "ann"))
        asyncio.run(stage.settle())


class Locked:
    """The registry cannot be written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __enter__(self) -> None:
        def busy(*_: object, **__: object) -> None:
            raise ModelError("the registry is busy")

        self._context = self._patch.context()
        patch = self._context.__enter__()
        for name in ("rollback", "deactivate", "activate", "set_shadow"):
            patch.setattr(Registry, name, busy)

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)


@pytest.mark.parametrize("asked", ["activate", "same", "rollback", "deactivate", "elsewhere"])
def test_the_note_of_a_rollback_stays_till_somebody_decides(stage: Stage, asked: str) -> None:
    work(stage, stage.b, stage.c)
    stage.floor.run(3)
    fall(stage)
    asyncio.run(stage.settle())
    asyncio.run(stage.slot.follow())
    assert stage.version == stage.b and stage.c in stage.slot.rollback_note
    assert not stage.slot.error and not trouble(stage.slot), "told once, and as no failed reload"
    running_ns = stage.slot.running_ns
    assert 0 < running_ns <= stage.floor.desk.now_ns, "it runs here since the fall"
    asyncio.run(stage.slot.reload())
    assert stage.slot.rollback_note and stage.slot.running_ns == running_ns, "loaded again, the same runs on"
    if asked == "activate":
        asyncio.run(stage.slot.activate(stage.a, "ann"))
    elif asked == "same":
        asyncio.run(stage.slot.activate(stage.b, "ann"))
    elif asked == "rollback":
        asyncio.run(stage.slot.rollback("ann"))
    elif asked == "deactivate":
        asyncio.run(stage.slot.deactivate("ann"))
    else:
        stage.registry.activate(stage.a, who="bob")
        asyncio.run(stage.slot.follow())
    assert stage.slot.rollback_note == ""


def test_without_an_earlier_model_a_fall_is_told_once(stage: Stage) -> None:
    fall(stage)
    asyncio.run(stage.settle())
    assert stage.version == "" and stage.slot.rollback_note
    assert not trouble(stage.slot) and not stage.slot.error


@pytest.mark.parametrize("asked", ["follow", "reload", "activate", "rollback", "shadow"])
def test_two_falls_while_the_registry_is_locked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Whatever is asked of the desk first afterwards, the models that fell stay off."""
    work(stage, stage.b, stage.c)
    with Locked(monkeypatch):
        fall(stage)
        asyncio.run(stage.settle())
        assert stage.version == stage.b and active(stage) == stage.c
        fall(stage)
        asyncio.run(stage.settle())
        assert stage.version == "" and active(stage) == stage.c
        with pytest.raises(ModelError, match="busy"):
            asyncio.run(stage.slot.reload())
        assert stage.version == ""
    slot = stage.slot
    calls = {
        "follow": slot.follow,
        "reload": slot.reload,
        "activate": lambda: slot.activate(stage.a, "ann"),
        "rollback": lambda: slot.rollback("ann"),
        "shadow": lambda: slot.set_shadow(stage.b, "ann"),
    }
    if asked == "rollback":
        with pytest.raises(ModelError, match="no earlier"):
            asyncio.run(calls[asked]())
    else:
        asyncio.run(calls[asked]())
    asyncio.run(slot.follow())
    assert stage.version == active(stage) == stage.a
    assert len([text for text in stage.alerts() if "was rolled back" in text]) == 2, "once each"
    told = {version: stage.registry.history(version) for version in (stage.b, stage.c)}
    for history in told.values():
        assert any((one.what, one.who) == ("rolled back", DESK) for one in history)
    assert stage.registry.earlier(STRATEGY) == []
    if asked == "shadow":
        assert stage.scoring.shadow is not None and stage.scoring.shadow.version == stage.b


def test_a_fall_while_it_is_loaded_again_ends_the_reload(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(stage, stage.b)
    loaded = stage._load

    async def slow(path: str, **_: object) -> Predictor:
        if Path(path).name == stage.b:
            fall(stage)
        return await loaded(path)

    monkeypatch.setattr(loaded_models, "load", slow)
    with pytest.raises(ModelError, match="rolled back while"):
        asyncio.run(stage.slot.reload())
    assert stage.version == stage.a and stage.made[-1].closed
    asyncio.run(stage.settle())
    assert stage.version == active(stage) == stage.a


@pytest.mark.parametrize("asked", ["activate", "rollback"])
def test_a_fall_while_another_is_loaded_is_written_down_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    work(stage, stage.b)
    get = loaded_models.LoadedModels.get

    async def slow(self: object, *args: object, **named: object) -> object:
        if stage.version == stage.b:
            fall(stage)
        return await get(self, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(loaded_models.LoadedModels, "get", slow)
    if asked == "activate":
        asyncio.run(stage.slot.activate(stage.c, "ann"))
    else:
        assert stage.a in asyncio.run(stage.slot.rollback("ann"))
    asyncio.run(stage.settle())
    assert stage.version == active(stage) == (stage.c if asked == "activate" else stage.a)
    good = stage.registry.last_good(STRATEGY)
    assert (good.version if good else "") == (stage.a if asked == "activate" else ""), "b never again"


def test_a_fall_before_the_last_good_model_is_loaded_goes_there_all_the_same(stage: Stage) -> None:
    work(stage, stage.b)
    stage.slot._reserve.take()  # as while a start still loads it
    fall(stage)
    assert stage.version == ""
    asyncio.run(stage.settle())
    assert stage.version == active(stage) == stage.a


def test_nothing_falls_back_to_itself(stage: Stage) -> None:
    work(stage, stage.b)
    asyncio.run(stage.slot.rollback("ann"))
    assert stage.version == stage.a and stage.work, "who else is good is not looked up yet"
    fall(stage)
    assert stage.version == ""
    asyncio.run(stage.settle())
    assert stage.version == active(stage) == ""


def test_the_last_good_model_as_shadow_is_no_shadow_of_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(stage, stage.b)
    asyncio.run(stage.slot.set_shadow(stage.a, "ann"))
    stage.floor.run(10)
    with Locked(monkeypatch):
        fall(stage)
        asyncio.run(stage.settle())
        assert stage.version == stage.a and stage.scoring.shadow is None
        before = stage.scoring.watch.tracks[stage.a].tally.predictions
        stage.floor.run(10)
        assert stage.scoring.watch.tracks[stage.a].tally.predictions == before + 2, "each batch once"
    asyncio.run(stage.slot.follow())
    assert stage.scoring.shadow is None and stage.registry.shadow(STRATEGY) is None


def test_with_all_earlier_models_damaged_the_strategy_goes_on_without_one(stage: Stage) -> None:
    work(stage, stage.b)
    stage.slot._reserve.take()
    (stage.registry.directory / stage.a / "model.txt").write_bytes(b"cut")
    fall(stage)
    asyncio.run(stage.settle())
    assert stage.version == active(stage) == ""
    asyncio.run(stage.slot.activate(stage.c, "ann"))
    assert stage.version == active(stage) == stage.c, "and another one can be put to work"


def test_what_was_kept_of_models_that_are_not_loaded_is_kept(stage: Stage, tmp_path: Path) -> None:
    stage.slot.keep_tracks()
    kept: dict[str, Any] = {}
    slot = ModelSlot(tmp_path / "state", Floor().desk, keep=kept.__setitem__)
    stage.broken.add(stage.a)
    asyncio.run(slot.start(dict(stage.kept)))
    assert slot.scoring.active is None
    slot.close()
    assert [one["version"] for one in kept["models:tracks"]] == [stage.a]


def test_what_a_model_said_counts_no_more_when_it_falls_or_is_switched_off(stage: Stage) -> None:
    def speaks() -> bool:
        desk = stage.floor.desk
        blends = [desk.signals.symbol_signals(one.symbol, desk.now_ns) for one in desk.instruments]
        return any(part.source == "model" for blend in blends if blend is not None for part in blend.inputs)

    stage.floor.run(1)
    assert speaks()
    work(stage, stage.b)
    assert speaks(), "an exchange by hand: the old word stands until the new model speaks"
    found = stage.scoring.active
    assert isinstance(found, Scripted)
    found.says = lambda rows: np.full(len(rows), np.nan)
    stage.floor.run(4)
    assert stage.version == stage.a and not speaks()
    stage.floor.run(5)
    assert speaks()
    asyncio.run(stage.settle())
    asyncio.run(stage.slot.deactivate("ann"))
    assert not speaks()
