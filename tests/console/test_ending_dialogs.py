"""A dialog that goes, as all do at the end, while it opens raises nothing: the console would end with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.app import DeskApp
from console.screens.alerts import AlertScreen
from console.screens.daily import DailyScreen
from console.screens.modal import Modal
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk


def _alert(app: DeskApp, link: FakeLink) -> AlertScreen:
    return AlertScreen(link, app.view, (), {}, lambda: None)


def _daily(app: DeskApp, link: FakeLink) -> DailyScreen:
    return DailyScreen(link, app.view)


@pytest.mark.parametrize("made", [_alert, _daily])
async def test_one_that_is_removed_as_it_opens_ends_no_console(
    made: Callable[[DeskApp, FakeLink], Modal[None]],
) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        screen = made(app, link)
        opened = app.push_screen(screen)
        removed = screen.remove()
        await opened
        await screen.action_search()  # a key that was on its way
        await removed
        await pilot.pause()
        assert app._exception is None
