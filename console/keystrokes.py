"""Keys act one after the other, in the order in which they were typed.

Textual lets a text line take what is printable at once, and runs bindings only when a key has wandered up
through every widget: of keys that come together, as over a slow line, a backspace then deletes what was typed
after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from textual import events
from textual.app import App
from textual.widgets import Input

from console.screens.calm import CalmScreen
from console.screens.type_ahead import TypeAheadScreen
from widgets.form import Form
from widgets.value_input import ValueInput

_OPENING_S = 1.0
_NEVER_WAIT = ("close", "app.halt", "app.save_screen")
"""Actions of a dialog that need nothing of what it shows."""


class KeystrokesApp(App[None]):
    """An app in which a key's action is done before the next key is looked at."""

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        if not self._screen_stack:
            return  # typed while the app ends
        screen = self.screen
        if not screen.is_mounted:
            # Typed while it opens: what a key works on is there in a moment.
            with suppress(TimeoutError):
                async with asyncio.timeout(_OPENING_S):
                    await screen._mounted_event.wait()
            if not screen.is_mounted and not self._does_at_once(event, _NEVER_WAIT):
                return  # nothing that it could work on is there
        if not await self._act(event):
            await super().on_event(event)
        elif isinstance(screen, CalmScreen) and self.screen is screen:
            screen.draw_at_once()

    async def _act(self, event: events.Key) -> bool:
        """False: it is Textual's own. A key that means nothing where it was typed is dropped: left to wander,
        it would act on the desk below once a dialog is closed by the key after it."""
        focused = self.focused
        if isinstance(focused, Input) and not isinstance(focused, ValueInput):
            return False  # the palette of actions, which is Textual's own
        if not self.app_focus:
            self.app_focus = True  # a terminal in which somebody types has the focus
            focused = self.focused
        if isinstance(focused, Form) and focused.take(event):
            return True
        if self._waits(event):
            return True
        if isinstance(focused, ValueInput) and focused.take(event):
            return True
        await self._run_bindings(event.key)
        return True

    async def _run_bindings(self, key: str) -> None:
        """What the key is bound to: what goes before all else, from the app down, then from the focus up to
        the dialog. Textual gathers all bindings for each of the two."""
        chain = self.screen._binding_chain
        end = next((at for at, (node, _) in enumerate(chain, 1) if node.is_modal), len(chain))
        for priority, nodes in ((True, chain[::-1]), (False, chain[:end])):
            for node, bindings in nodes:
                for binding in bindings.key_to_bindings.get(key, ()):
                    if binding.priority == priority and await self.run_action(binding.action, node):
                        return

    def _waits(self, event: events.Key) -> bool:
        """Whether it is kept until what it is meant for is there."""
        screen = self.screen
        if not isinstance(screen, TypeAheadScreen) or screen.typed_ahead is None:
            return False
        if self._does_at_once(event, _NEVER_WAIT if screen.typed_ahead else (*_NEVER_WAIT, *screen.AT_ONCE)):
            return False
        screen.typed_ahead.append(event)
        return True

    def _does_at_once(self, event: events.Key, actions: Sequence[str]) -> bool:
        """Whether it is bound to one of them, or goes before all else."""
        return any(
            binding.priority or binding.action in actions
            for _, bindings in self.screen._binding_chain
            for binding in bindings.key_to_bindings.get(event.key, ())
        )
