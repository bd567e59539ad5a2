"""A start with a damaged model: the last good one that ran here is taken up and told, or why none is."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.events import Alert
from engine.models.registry_history import DESK
from engine.wiring.journal_log import note
from engine.wiring.model_slot import STRATEGY
from engine.wiring.model_view import model_row
from tests.wiring.test_model_switch import Stage


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Models a and b were active before c, which does not load."""
    made = Stage(tmp_path, monkeypatch)
    for version in (made.a, made.b, made.c):
        made.registry.activate(version, who="ann")
    made.broken.add(made.c)
    return made


def start(stage: Stage) -> None:
    async def both() -> None:
        await stage.slot.start()
        await stage.settle()

    asyncio.run(both())


def test_the_last_good_one_is_taken_up_and_told(begun: Stage) -> None:
    start(begun)
    active = begun.registry.active(STRATEGY)
    assert active is not None and begun.version == active.version == begun.b
    (told,) = begun.alerts()
    assert told == begun.slot.rollback_note == model_row(begun.slot).rollback
    assert f"back to {begun.b}: it could not be loaded: model {begun.c} is damaged" in told
    assert model_row(begun.slot).error == ""
    left = begun.registry.history(begun.c)[0]
    assert (left.what, left.who) == ("rolled back", DESK) and "is damaged" in left.reason
    assert begun.registry.fell(begun.c)


def test_one_that_does_not_load_either_is_passed_over(begun: Stage) -> None:
    begun.broken.add(begun.b)
    start(begun)
    active = begun.registry.active(STRATEGY)
    assert active is not None and begun.version == active.version == begun.a


def test_one_that_ran_here_comes_before_one_that_was_only_made_active(begun: Stage) -> None:
    begun.registry.ran(begun.a)
    good = begun.registry.last_good(STRATEGY)
    assert good is not None and good.version == begun.a, "the mark agrees"
    start(begun)
    assert begun.version == begun.a


def test_what_a_tape_goes_back_to_is_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, monkeypatch, tape=True)
    for version in (stage.a, stage.b):
        stage.registry.activate(version)
    stage.broken.add(stage.b)
    before = stage.registry.history()
    start(stage)
    assert stage.version == stage.a and stage.registry.history() == before


def test_without_any_that_loads_the_desk_says_so_and_tries_again(
    begun: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    begun.broken |= {begun.a, begun.b}
    with caplog.at_level(logging.ERROR, "engine.models"):
        start(begun)
    row = model_row(begun.slot)
    assert (row.version, row.status) == ("", "none")
    assert row.error == f"model {begun.c} is damaged"
    assert begun.alerts() == [f"the strategy goes on without a model: {row.error}"]
    assert "stays at work" not in caplog.text and "the old one" not in caplog.text
    active = begun.registry.active(STRATEGY)
    assert active is not None and active.version == begun.c, "as it was: its files may be made good"
    begun.broken.clear()
    asyncio.run(begun.slot.follow())
    assert begun.version == begun.c and begun.slot.error == ""
    asyncio.run(begun.settle())


def test_a_reload_that_fails_says_which_model_stays(begun: Stage) -> None:
    begun.broken.clear()
    start(begun)
    begun.broken.add(begun.c)
    with pytest.raises(ModelError, match=f"{begun.c} is damaged; {begun.c} stays at work"):
        asyncio.run(begun.slot.reload())
    assert begun.version == begun.c and begun.slot.error == f"model {begun.c} is damaged"


def test_a_model_that_was_put_to_work_is_known_to_have_run(begun: Stage) -> None:
    start(begun)
    asyncio.run(begun.slot.activate(begun.a, "ann"))
    asyncio.run(begun.settle())
    for version in (begun.a, begun.b):
        told = [event.what for event in begun.registry.history(version)]
        assert told.count("first ran here") == 1
    assert "first ran here" not in [event.what for event in begun.registry.history(begun.c)]


def test_the_log_names_what_speaks_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "engine.desk"):
        note(Alert("error", "model", "model a1b2 was rolled back", 1))
        note(Alert("info", "anna", "model a1b2 is active", 1))
    assert [record.getMessage() for record in caplog.records] == [
        "model: a1b2 was rolled back",
        "anna: model a1b2 is active",
    ]
