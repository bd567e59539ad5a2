"""The models screen: every version and figure on a small terminal and a large one."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from console.screens import models as models_module
from console.screens.models import ModelsScreen
from engine.errors import LinkError
from tests.console import sample_models as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, models_link, open_models, press, text_of, toasts, until
from tests.console.sample_models import ACTIVE, GOOD, LEAKY, SHADOW, USERS


def cells(screen: ModelsScreen) -> dict[str, list[str]]:
    return {row.key: [text for text, _ in row.cells] for row in screen.grid.rows}


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_every_version_with_what_it_does_here(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        screen = await open_models(app, pilot)
        shown = cells(screen)
        assert list(shown) == [SHADOW, ACTIVE, USERS, LEAKY, GOOD], "newest registration first"
        assert shown[ACTIVE][1:6] == ["● active", "LightGBM", "3h", "1m×5", "+0.041"]
        assert shown[ACTIVE][9:13] == ["+0.032", "196≈39", "53%", "▲+0.84%"]
        assert shown[SHADOW][1] == "◐ shadow" and shown[USERS][2:5] == ["user", "1d", "5m×12"]
        assert shown[LEAKY][5] == "–" and shown[LEAKY][-1] == "shadow only"
        assert shown[GOOD][1] == "○ deprecated" and shown[GOOD][-1] == "last good"
        assert f"active {ACTIVE}" in text_of(app) and f"shadow {SHADOW}" in text_of(app)
        assert screen.grid.size.height >= 3 and screen._below.size.height >= 3


async def test_a_model_that_the_registry_has_active_and_the_desk_has_not_is_told() -> None:
    link = models_link(models=(sample.entry(role="", live=None),))
    async with desk(link) as (app, pilot):
        screen = await open_models(app, pilot)
        assert cells(screen)[ACTIVE][1] == "! waiting"
        assert "no model is active: a activates the selected version" in text_of(app)


async def test_details_of_the_selected_version_and_why_a_figure_is_unknown() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await open_models(app, pilot, "j")
        await until(pilot, lambda: "Made of" in text_of(app))
        said = text_of(app)
        for text in (
            "196 of 214 predictions scored",
            "walk-forward, gap 6 + 2 bars",
            "[+0.022, +0.060]",
            "Folds, 5",
            "activated by console",
            "ROC60        5.4%",
            "2025-11-22 12:00 to 2026-01-01 07:00 UTC",
            "seed 7, num_leaves 31, learning_rate 0.05",
            "ab12ab12",
        ):
            assert text in said
        await press(pilot, "j", "j")
        await until(pilot, lambda: "it was not validated" in text_of(app))
        assert "– it never ran here, or nothing of it is kept" in text_of(app)


async def test_all_parts_are_seen_at_once_where_they_fit_and_follow_a_resize() -> None:
    parts = ("Validated", "Shadow against active", "Training", "Drift of features")
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await open_models(app, pilot)
        await until(pilot, lambda: all(part in text_of(app) for part in parts))
        await pilot.resize_terminal(*COMPACT)
        await until(pilot, lambda: "Drift of features" not in text_of(app))
        assert "Validated" in text_of(app)
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: all(part in text_of(app) for part in parts))


async def test_the_parts_are_walked_where_they_do_not_fit() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await open_models(app, pilot, "right_square_bracket")
        said = text_of(app)
        assert "rank correlation 0.83  weights in common 72%" in said
        assert "a switch would trade 28%" in said and "▼-0.12%" in said and "56.1%" in said
        await press(pilot, "right_square_bracket")
        said = text_of(app)
        assert "2 drifted (PSI from 0.25)  1 shifted (from 0.1)  2 alike" in said
        assert "0.412 ! drifted" in said and "0.131 ~ shifted" in said and "0.012 alike" in said
        await press(pilot, "right_square_bracket")
        assert f"took 4m · made {SHADOW}" in text_of(app) and "in 6h" in text_of(app)
        await press(pilot, "right_square_bracket")
        assert "Validated" in text_of(app)
        await press(pilot, "left_square_bracket")
        assert "✓ done" in text_of(app)


async def test_what_the_desk_did_by_itself_and_what_failed_stand_above() -> None:
    link = models_link(
        error="golden rows differ", rollback=f"{ACTIVE}: not finite", training=sample.running(0.42)
    )
    async with desk(link) as (app, pilot):
        await open_models(app, pilot)
        said = text_of(app)
        assert "the old model was kept: golden rows differ" in said
        assert f"by the desk: {ACTIVE}: not finite" in said
        assert "▶ running" in said and "42%" in said and "fold 3 of 5: 180 rounds" in said
        await press(pilot, "left_square_bracket")
        assert "1m, about 1m left" in text_of(app)


async def test_the_progress_of_a_run_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_module, "REFRESH_S", 0.02)
    link = models_link(training=sample.running(0.42))
    async with desk(link) as (app, pilot):
        await open_models(app, pilot)
        link.registry = sample.models(training=sample.running(0.57))
        await until(pilot, lambda: "57%" in text_of(app))
        failed = sample.training("failed", text="too little data", started_ns=1, ended_ns=2)
        link.registry = sample.models(training=failed)
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: "✗ failed" in text_of(app))
        assert "too little data" in text_of(app)


@pytest.mark.parametrize("size", [COMPACT, WIDE], ids=str)
async def test_a_desk_without_a_model_says_what_to_do(size: tuple[int, int]) -> None:
    link = FakeLink()
    link.registry = sample.nothing_yet()
    async with desk(link, size) as (app, pilot):
        await press(pilot, "M")
        await until(pilot, lambda: "t trains the first one" in text_of(app))
        for key, says in (("a", "no version"), ("v", "no version"), ("d", "no model is active")):
            await press(pilot, key)
            assert any(says in text for text in toasts(app)), key
        assert link.sent == []


async def test_an_engine_that_takes_its_time_is_told_and_no_model_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "REFRESH_S", 0.02)
    monkeypatch.setattr(models_module, "SLOW_S", 0.05)
    link = FakeLink()
    gate = link.models_gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, "M")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        assert screen.grid.render_line(1).text.strip() == "", "nothing is known of any model yet"
        await until(pilot, lambda: "no answer from the engine for" in text_of(app))
        gate.set()
        await until(pilot, lambda: f"active {ACTIVE}" in text_of(app))
        assert "no answer" not in text_of(app) and not screen.grid.faded
        gate.clear()
        await until(pilot, lambda: "what you see is the past" in text_of(app))
        assert ACTIVE in text_of(app) and screen.grid.faded
        gate.set()
        await until(pilot, lambda: "the past" not in text_of(app) and not screen.grid.faded)
    assert link.sent == []


async def test_an_engine_that_does_not_answer_is_told_and_what_was_known_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "REFRESH_S", 0.02)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        screen = await open_models(app, pilot)
        link.fault = LinkError("the line was cut")
        await until(pilot, lambda: "the line was cut" in text_of(app))
        assert ACTIVE in text_of(app) and screen.grid.faded
        link.fault = None
        await until(pilot, lambda: "the line was cut" not in text_of(app))
        assert not screen.grid.faded


async def test_a_version_whose_details_are_refused_says_so_and_shows_the_rest() -> None:
    link = FakeLink()
    gone = link.model_details.pop(ACTIVE)

    async def model(version: str) -> object:
        if version == ACTIVE:
            raise LinkError("its manifest is damaged")
        return gone

    link.model = model  # type: ignore[assignment,method-assign]
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "j")
        await until(pilot, lambda: "its manifest is damaged" in text_of(app))
        assert "196 of 214 predictions scored" in text_of(app)


async def test_history_is_asked_anew_when_something_became_of_the_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "REFRESH_S", 0.02)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot)
        told = link.model_details[SHADOW]
        link.model_details[SHADOW] = msgspec.structs.replace(told, history=("promoted just now",))
        models = (sample.entry(SHADOW), *link.registry.models[2:])
        link.registry = sample.models(models=models)
        await until(pilot, lambda: "promoted just now" in text_of(app))
