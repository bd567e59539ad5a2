"""The command palette: every action of the key tables by name, and where one can go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from textual import on, work
from textual.await_complete import AwaitComplete
from textual.command import CommandInput, CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Input
from textual.worker import get_current_worker

from console.command_line.command import Candidate, Command
from console.keymap import Key, keys_of
from console.screens.models import ModelsScreen
from engine.errors import TickdeskError
from engine.text import clean

if TYPE_CHECKING:
    from console.command_line.prompt import PromptApp

MOST = 5000
"""Entries of one command: every symbol that a desk may have."""


class Entry(NamedTuple):
    text: str
    shown: str
    """Its key; "" none."""
    run: Callable[[], Awaitable[None]]

    @property
    def content(self) -> Content:
        """Never markup."""
        return Content(f"{self.text}  ({self.shown})" if self.shown else self.text)


class Palette(CommandPalette):
    """Textual's ends the app at a page down before its list has a place; closed while it searches, since its
    list goes before the search does; and by a second Enter, which closes what is below it."""

    _listed: str | None = None
    """What the list was made for; None: it is being made."""
    _wanted: str | None = None
    """Enter was pressed when this was typed, and the list was of something else still."""

    def _action_command_list(self, action: str) -> None:
        if not action.startswith("page") or self.query_one(CommandList).size.height:
            super()._action_command_list(action)

    def dismiss(self, result: object = None) -> AwaitComplete:
        return super().dismiss() if self in self.app.screen_stack else AwaitComplete()

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        gather = CommandPalette._gather_commands.__wrapped__  # type: ignore[attr-defined]
        self._listed = None
        if self._wanted != search_value:
            self._wanted = None  # more was typed
        try:
            await gather(self, search_value)
        except NoMatches:
            if self.query(CommandList):
                raise
            return
        if get_current_worker().is_cancelled:
            return
        self._listed = search_value
        if self._wanted is not None:
            self._wanted = None
            self._select_or_command()

    @on(Input.Submitted)
    def _wait_for_what_is_typed(self, event: Input.Submitted) -> None:
        """Textual would do what is first in the list of what was typed before."""
        typed = self.query_one(CommandInput).value.strip()
        if self._listed != typed and self._selected_command is None:
            self._wanted = typed
            event.stop()
            event.prevent_default()


class DeskCommands(Provider):
    async def discover(self) -> Hits:
        for entry in self._actions():
            yield DiscoveryHit(entry.content, _once(entry.run), text=entry.text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        typed = query.casefold()
        for entry in (*self._actions(), *self._places()):
            # Most entries are ruled out by far less than a score costs.
            if _holds(entry.text, typed) and (score := matcher.match(entry.text)) > 0:
                yield Hit(score, entry.content, _once(entry.run), text=entry.text)

    def _actions(self) -> Iterator[Entry]:
        """Of the screen that the palette was opened on."""
        keys = keys_of(self.app)
        for key in keys.models if isinstance(self.screen, ModelsScreen) else keys.desk:
            if key.palette and key.action:
                yield Entry(key.help, key.shown, self._action(key))

    def _action(self, key: Key) -> Callable[[], Awaitable[None]]:
        screen = self.screen

        async def run() -> None:
            await screen.run_action(key.action)

        return run

    def _places(self) -> Iterator[Entry]:
        """What a command of the command line takes, one entry each."""
        app = cast("PromptApp", self.app)
        if self.screen is not app.desk:
            return
        for command in app.typed_commands():
            if command.palette and command.arguments:
                for candidate in list(command.arguments[0].candidates(()))[:MOST]:
                    text = command.palette.format(clean(candidate.text, 60))
                    yield Entry(text, "", self._typed(app, command, candidate))

    def _typed(self, app: PromptApp, command: Command, candidate: Candidate) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            try:
                done = command.run((candidate.text,))
                if done is not None:
                    await done
            except TickdeskError as error:
                app.say(str(error), "error")

        return run


def _once(run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """However often Enter chose it before the palette had gone."""
    left = [run]

    async def first() -> None:
        if left:
            await left.pop()()

    return first


def _holds(text: str, typed: str) -> bool:
    """Whether the characters of ``typed`` stand in ``text`` in this order, whatever is between them."""
    left = iter(text.casefold())
    return all(character in left for character in typed)
