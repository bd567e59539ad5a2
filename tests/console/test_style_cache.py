"""What a dialog drew is let go of when it is closed."""

from __future__ import annotations

import gc

from textual._styles_cache import StylesCache
from textual.widget import Widget

from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, press


async def test_closed_dialogs_leave_nothing_behind() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for _ in range(3):
            await press(pilot, "X")
            assert app.screen is not app.desk
            await press(pilot, "escape")
        gc.collect()
        known = gc.get_objects()
        shown = {id(widget._styles_cache) for widget in known if isinstance(widget, Widget)}
        left = [cache for cache in known if isinstance(cache, StylesCache) and id(cache) not in shown]
        # Those of the desk are frozen: the collector no longer tells of them.
        assert not any(cache._cache for cache in left), len(left)
