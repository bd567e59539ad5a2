"""Every key of the models screen: what is asked first, what is sent, what is told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from console.app import DeskApp
from console.keymap import MODEL_KEYS
from console.screens.confirm import ConfirmScreen
from console.screens.contributions import ContributionsScreen
from console.screens.help import ModelsHelpScreen
from console.screens.model import ModelScreen
from console.screens.models import ModelsScreen
from console.screens.switch_model import ActivateScreen, RollbackScreen
from console.screens.training import TrainingScreen
from engine.errors import LinkError
from tests.console import sample_models as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, desk, models_link, open_models, press, text_of, toasts, until
from tests.console.sample_models import ACTIVE, GOOD, LEAKY, SHADOW, USERS
from widgets.lines import Lines


async def test_activate_asks_with_old_against_new_and_cancel_first() -> None:
    link = FakeLink()
    async with desk(link, (60, 16)) as (app, pilot):
        await open_models(app, pilot, "a")
        assert isinstance(app.screen, ActivateScreen) and app.screen.choices.index == 0
        said = text_of(app)
        for text in (ACTIVE, SHADOW, "+0.041", "+0.052", "+0.039", "+0.047", "51.6%", "0.83", "28%"):
            assert text in said
        await press(pilot, "enter")
        assert link.sent == []
        await press(pilot, "a", "down", "enter")
        await until(pilot, lambda: f"model {SHADOW} is active" in toasts(app))
        assert link.sent == [("activate", SHADOW)]


async def test_a_model_that_never_ran_beside_it_is_activated_knowing_that() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await open_models(app, pilot, "G", "a")
        assert isinstance(app.screen, ActivateScreen)
        assert "not compared: it does not run as the shadow" in text_of(app)


@pytest.mark.parametrize("size", [(60, 16), COMPACT], ids=str)
async def test_activating_what_had_to_go_before_says_so(size: tuple[int, int]) -> None:
    link = FakeLink()
    why = "it predicted a number that is not finite, or beyond 1e+100"
    fell = f"2026-01-01 08:59:07Z  rolled back by desk: {why}"
    history = ("2026-01-01 09:01:07Z  shadow by console", fell, "2026-01-01 08:58:41Z  activated by console")
    link.model_details[SHADOW] = msgspec.structs.replace(sample.model(SHADOW), history=history)
    async with desk(link, size) as (app, pilot):
        await open_models(app, pilot, "a")
        assert "! 2026-01-01 08:59:07Z  rolled back by desk: it" in text_of(app)
        shown = app.screen.query_one(Lines)
        assert shown.virtual_size.height <= shown.size.height, "and the rest is still in sight"


async def test_the_active_model_is_not_activated_again() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "j", "a")
        assert isinstance(app.screen, ModelsScreen) and "active already" in toasts(app)[-1]
        await press(pilot, "v")
        assert "is the active one already" in toasts(app)[-1]
    assert link.sent == []


async def test_what_cannot_prove_its_validation_says_why_and_offers_the_shadow() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "j", "j", "j", "a")
        assert isinstance(app.screen, ActivateScreen)
        assert "it was not validated" in text_of(app)
        assert [choice.id for choice in app.screen.choices.choices] == ["cancel", "shadow"]
        await press(pilot, "down", "enter")
        await until(pilot, lambda: bool(link.sent))
        assert link.sent == [("shadow", LEAKY)]


async def test_v_runs_the_selected_as_the_shadow_and_capital_v_none() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "j", "j", "v")
        await until(pilot, lambda: f"model {USERS} runs as the shadow" in toasts(app))
        await press(pilot, "V")
        await until(pilot, lambda: "no shadow runs" in toasts(app))
        assert link.sent == [("shadow", USERS), ("shadow", "")]


async def test_no_shadow_without_one_sends_nothing() -> None:
    link = models_link(models=(sample.entry(),), comparison=None)
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "V")
        assert toasts(app)[-1] == "no shadow runs"
        await press(pilot, "right_square_bracket")
        assert "v on a version runs it beside the active one" in text_of(app)
    assert link.sent == []


@pytest.mark.parametrize("where", [(), ("M",)], ids=["desk", "models"])
async def test_b_rolls_back_after_one_question(where: tuple[str, ...]) -> None:
    link = FakeLink()
    async with desk(link, (60, 16) if not where else COMPACT) as (app, pilot):
        await press(pilot, *where, "b")
        assert isinstance(app.screen, RollbackScreen) and app.screen.choices.index == 0
        await until(pilot, lambda: GOOD in text_of(app))
        assert ACTIVE in text_of(app) and "+0.036" in text_of(app)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: f"rolled back to {GOOD}" in toasts(app))
        assert link.sent == [("roll back",)]


async def test_a_rollback_to_nowhere_says_so() -> None:
    link = models_link(models=(sample.entry(),))
    async with desk(link) as (app, pilot):
        await press(pilot, "b")
        await until(pilot, lambda: "no model to go back to" in text_of(app))
        link.error = "the line was cut"
        await press(pilot, "escape", "b")
        await until(pilot, lambda: text_of(app) == "the line was cut")
    assert link.sent == []


async def test_a_rollback_goes_nowhere_before_it_is_known_where_to() -> None:
    link = models_link(models=(sample.entry(),))
    async with desk(link) as (app, pilot):
        await press(pilot, "b")
        await until(pilot, lambda: "no model to go back to" in text_of(app))
        await press(pilot, "down", "enter")
        assert isinstance(app.screen, RollbackScreen)
        await press(pilot, "up", "enter")
        assert app.screen is app.desk
    assert link.sent == []


async def test_a_rollback_after_the_desks_own_does_not_go_back_twice() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "b")
        await until(pilot, lambda: GOOD in text_of(app))
        rows = (sample.entry(GOOD), sample.entry(USERS, role="", status="deprecated", last_good=True))
        link.registry = sample.models(models=rows)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: bool(toasts(app)))
        said = f"not rolled back: {GOOD} is active and {USERS} the one before by now; b asks again"
        assert toasts(app)[-1] == said
    assert link.sent == []


async def test_deactivate_asks() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "d")
        assert isinstance(app.screen, ConfirmScreen) and ACTIVE in text_of(app)
        await press(pilot, "enter")
        assert link.sent == []
        await press(pilot, "d", "down", "enter")
        await until(pilot, lambda: link.sent == [("deactivate",)])


async def test_r_reloads_at_once_and_a_refusal_is_a_toast() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "r")
        await until(pilot, lambda: "loaded b2c3d4" in toasts(app))
        assert link.sent == [("reload",)]
        link.error = "the model's text is cut"
        await press(pilot, "r")
        await until(pilot, lambda: "the model's text is cut" in toasts(app))


async def test_a_command_on_its_way_is_not_sent_twice() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "r", "r")
        assert link.sent == [("reload",)]
        assert any("already on its way" in text for text in toasts(app))
        link.gate.set()


async def test_the_end_of_a_run_asks() -> None:
    link = models_link(training=sample.running())
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "c")
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: link.sent == [("cancel training",)])
        link.registry = sample.models()
        await until(pilot, lambda: "running" not in text_of(app))
        await press(pilot, "c")
        assert any("no training run is at work" in text for text in toasts(app))


async def test_enter_shows_all_of_a_version_and_t_and_e_and_help_open_theirs() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot)
        for key, screen in (
            ("enter", ModelScreen),
            ("t", TrainingScreen),
            ("e", ContributionsScreen),
            ("question_mark", ModelsHelpScreen),
        ):
            await press(pilot, key)
            assert isinstance(app.screen, screen), key
            await press(pilot, "escape")
            assert isinstance(app.screen, ModelsScreen), key


async def test_enter_tells_all_of_it_and_keeps_it_when_the_line_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ModelScreen, "EVERY_S", 0.02)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "j", "enter")
        await until(pilot, lambda: "Made of" in text_of(app))
        link.fault = LinkError("the line was cut")
        await until(pilot, lambda: "the line was cut" in text_of(app))
        assert "Made of" in text_of(app)


async def test_enter_in_the_models_of_pane_5_opens_the_models_screen() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "5", "right_square_bracket", "enter")
        assert isinstance(app.screen, ModelsScreen)


async def test_what_a_dialog_brought_about_is_asked_for_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "t")
        link.registry = models_link(training=sample.running()).registry
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        await until(pilot, lambda: "▶ running" in text_of(app))
        await press(pilot, "c")
        assert isinstance(app.screen, ConfirmScreen)


async def test_sort_and_copy_and_moving() -> None:
    async with desk(FakeLink()) as (app, pilot):
        screen = await open_models(app, pilot)
        await press(pilot, *["s"] * 11)
        assert screen.grid.sort_mode == "rank IC ▼"
        assert [row.key for row in screen.grid.rows][-1] == LEAKY, "unknown is last"
        assert "by rank IC" in str(screen.query_one(".dialog").border_title)
        await press(pilot, "g")
        assert screen.grid.cursor_key == SHADOW
        await press(pilot, "y")
        assert app._clipboard.startswith(SHADOW)
        await press(pilot, "k", "G")
        assert screen.grid.cursor_key == LEAKY
        await press(pilot, "g", "pagedown")
        assert screen._below.scroll_offset.y > 0
        await press(pilot, "pageup")
        assert screen._below.scroll_offset.y == 0


async def test_the_palette_has_the_keys_of_the_models_screen() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot)
        await press(pilot, "ctrl+p")
        await press(pilot, *"no shadow any")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        await until(pilot, lambda: ("shadow", "") in link.sent)


async def test_halt_works_here_and_q_goes_back() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await open_models(app, pilot, "H")
        await until(pilot, lambda: ("risk", "halted") in link.sent)
        await press(pilot, "q")
        assert app.screen is app.desk


def test_every_key_of_the_models_has_an_action_and_does_one_thing() -> None:
    names = [name for key in MODEL_KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names)) and not {"escape", "H"} & set(names)
    for key in MODEL_KEYS:
        action = key.action.split("(")[0]
        owner: type = DeskApp if action.startswith("app.") else ModelsScreen
        assert hasattr(owner, "action_" + action.removeprefix("app.")), key.id
