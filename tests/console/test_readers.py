"""What Enter opens: signals, an explanation, an automation's definition; true while they are open."""

from __future__ import annotations

import msgspec
import pytest

from console.screens.automation import AutomationScreen
from console.screens.explain import ExplainScreen
from console.screens.signals import SignalsScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, desk, text_of, toasts, until


async def test_enter_on_a_symbol_shows_its_signals_and_keeps_them_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SignalsScreen, "EVERY_S", 0.02)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("1", "j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, SignalsScreen)
        said = text_of(app)
        assert "simulated:AVAX-USD" in said
        assert "golden_cross" in said and "+0.210" in said and "conf 80%" in said and "technical" in said
        assert "absent: open interest, options, sentiment" in said
        assert "rsi      61.3" in said
        link.live = msgspec.structs.replace(
            link.live, blocked="external: the market is shut", score=None, inputs=()
        )
        await until(pilot, lambda: "ENTRIES BLOCKED: external: the market is shut" in text_of(app))
        assert "none is live" in text_of(app)
        link.error = "the engine did not answer"
        await until(pilot, lambda: text_of(app).startswith("the engine did not answer"))
        assert "rsi      61.3" in text_of(app), "what was known stays"
        await pilot.press("escape")
        await pilot.pause()
        asked = link.asked
        await pilot.pause(0.1)
        assert link.asked == asked, "nobody looks any more"


async def test_enter_on_an_automation_shows_its_definition() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "left_square_bracket", "enter")
        await pilot.pause()
        assert isinstance(app.screen, AutomationScreen)
        said = text_of(app)
        assert "switched off" in said and "failed 2" in said
        assert "signal golden_cross on BTC-USD, ETH-USD" in said
        assert "! last run: order: denied POSITION_LIMIT" in said
        assert '    "type": "signal",' in said
        assert "signal → job 210µs, p99 880µs" in said
        await pilot.press("q")
        assert app.screen is app.desk


async def test_an_automation_that_is_gone_says_so() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "left_square_bracket")
        link.error = "unknown automation buy_the_cross"
        await pilot.press("enter")
        await pilot.pause()
        assert text_of(app) == "unknown automation buy_the_cross"


async def test_e_in_an_explanation_takes_the_models_prediction_apart() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("2", "j", "enter")
        await until(pilot, lambda: "77aa88bb99cc spoke on the bar closed 12:00:00" in text_of(app))
        assert "now a1b2c3d4e5f6  active" in text_of(app)
        await pilot.press("e")
        await until(pilot, lambda: "ROC60" in text_of(app))
        assert link.sent[-1] == ("contributions", link.story.symbol, link.story.model_ns)
        await pilot.press("escape")
        assert isinstance(app.screen, ExplainScreen)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_version": "", "model_ns": 0, "model": None}, "no model spoke in it"),
        ({"model_ns": 0}, "which of its predictions it was is no longer known"),
    ],
)
async def test_e_says_why_there_is_nothing_to_take_apart(changes: dict[str, object], says: str) -> None:
    link = FakeLink()
    link.story = msgspec.structs.replace(link.story, **changes)
    async with desk(link) as (app, pilot):
        await pilot.press("2", "j", "enter")
        await until(pilot, lambda: link.story.headline in text_of(app))
        await pilot.press("e")
        await until(pilot, lambda: toasts(app)[-1:] == [says])
        assert isinstance(app.screen, ExplainScreen)


@pytest.mark.parametrize(("pane", "id"), [("2", "opp-0008"), ("4", "ord-0008")])
async def test_enter_explains_opportunities_and_orders(pane: str, id: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press(pane, "enter")
        await pilot.pause()
        assert isinstance(app.screen, ExplainScreen)
        text = "\n".join("".join(t for t, _ in line) for line in app.screen._lines.lines)
        assert link.story.headline in text
        assert "golden_cross" in text and "+0.210" in text
        assert "open interest, options, sentiment" in text
        assert "ORDER_NOTIONAL" in text and "5,000.62 USD" in text
        assert "+21.1ms" in text
        await pilot.press("escape")
        assert app.screen is app.desk
    assert link.sent == [("explain", id)]


async def test_explain_shows_why_there_is_nothing_to_explain() -> None:
    link = FakeLink()
    link.error = "no opportunity or order opp-0008 is known"
    async with desk(link, COMPACT) as (app, pilot):
        await pilot.press("2", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ExplainScreen)
        assert app.screen._lines.lines[0][0][0] == link.error
