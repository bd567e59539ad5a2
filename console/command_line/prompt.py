"""``:`` opens the command line; what is typed there does what keys do."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial

from textual import events, work

from console.command_line.command import Command, CommandError
from console.command_line.completion import Completion, complete, put, understood
from console.command_line.desk import desk_commands
from console.command_line.grammar import LONGEST
from console.keymap import Key
from console.link_protocol import Link
from console.memory import RememberError
from console.models import ModelsApp
from console.screens.explain import ExplainScreen
from console.screens.help import HelpScreen
from console.view import DeskView
from engine.errors import LinkError, TickdeskError
from engine.text import clean
from widgets.command_line import CommandLine


class PromptApp(ModelsApp):
    link: Link
    view: DeskView
    _line: CommandLine | None = None

    def begin_with_desk(self) -> None:
        """What was typed was meant for the desk before: it is kept to be called back, and not run here."""
        super().begin_with_desk()
        self.workers.cancel_group(self, "typed")
        line = self._line
        if line is not None:
            text = line.input.value
            self._close_line()
            if text.strip():
                self._remember(text)
                self.say(f":{clean(text, 60)} was not run: another desk is shown", "warning")

    def typed_commands(self) -> list[Command]:
        return [*super().typed_commands(), *desk_commands(self)]

    def known_commands(self) -> dict[str, Command]:
        """By name: every action of the desk by its id, and over them the commands that take words."""
        actions = [
            Command(key.id, key.help, partial(self._press, key))
            for key in self.key_map.desk
            if key.action and key.palette
        ]
        by_name = {command.name: command for command in (*actions, *self.typed_commands())}
        return dict(sorted(by_name.items()))

    async def _press(self, key: Key, words: object) -> None:
        await self.desk.run_action(key.action)

    def open_explanation(self, id: str) -> None:
        self.push_screen(ExplainScreen(id, self.link))

    def open_help(self, word: str = "") -> None:
        """Of the pane, or of all that speaks of ``word``."""
        commands = list(self.known_commands().values())
        self.push_screen(self.new_help(word, commands))

    def new_help(self, word: str, commands: Sequence[Command]) -> HelpScreen:
        return HelpScreen(self.desk.active, self.key_map, word, commands)

    def action_help(self) -> None:
        self.open_help()

    # --- the line --------------------------------------------------------------------------------

    async def action_command_line(self, text: str = "") -> None:
        if self._line is not None or self.screen is not self.desk:
            return
        commands = self.known_commands()

        def offer(typed: str) -> Completion:
            return complete(typed, commands)

        line = self._line = self.desk.line_place.line
        line.input.max_length = LONGEST
        line.input.submitted, line.dropped = self._submit_line, self._drop_line
        hint = self.key_map.words("{halt_anywhere} HALT")
        if self._notifications:
            self.place_toasts()
        line.open(offer, put, self.memory.memory.commands, text, hint)
        # Behind the next frame: to ask takes as long as to draw the line.
        self.call_after_refresh(self._learn, line.turn)

    def _line_of(self, turn: int) -> CommandLine | None:
        """The line, while it is open for what it was then."""
        return self._line if self._line is not None and self._line.turn == turn else None

    @work(group="learn", exclusive=True)
    async def _learn(self, turn: int) -> None:
        """What candidates are made of and the stream does not tell."""
        try:
            await self.learn_for_typing()
        except LinkError as error:
            if line := self._line_of(turn):
                line.say(str(error), "warn")

    def _drop_line(self) -> None:
        line = self._line
        if line is not None and line.waiting:
            self.workers.cancel_group(self, "typed")
            text = clean(line.input.value, 60)
            self.say(f":{text} is not waited for any more; what was sent by then may be done", "warning")
        self._close_line()

    def _close_line(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
            if self._notifications:
                self.place_toasts()
            # What is hidden with the focus would hand it to its neighbour, and another pane be active.
            self.desk.set_focus(self.desk.grid)

    def read_at_the_bottom(self) -> bool:
        """What the line offers stands there."""
        return self._line is not None or super().read_at_the_bottom()

    def _submit_line(self, text: str) -> None:
        line = self._line
        if line is None or line.waiting:
            return
        if not text.strip():
            self._close_line()
            return
        try:
            command, words = understood(text, self.known_commands())
        except CommandError as error:
            line.say(str(error), "bad")
            return
        if command.arguments:
            line.wait()
            self._run_typed(line.turn, command, tuple(words), text)
        else:
            # No word can be wrong. Behind the next frame: a screenshot has no line in it.
            self._close_line()
            self.call_after_refresh(self._run_typed, line.turn, command, (), text)

    @work(group="typed")
    async def _run_typed(self, turn: int, command: Command, words: tuple[str, ...], text: str) -> None:
        try:
            result = command.run(words)
            if inspect.isawaitable(result):
                await result
        except TickdeskError as error:
            if line := self._line_of(turn):
                line.go_on(clean(error, LONGEST))
            else:
                self.say(str(error), "error")
            return
        self._remember(text)
        if line := self._line_of(turn):
            keys, line.typed_ahead = line.typed_ahead, []
            self._close_line()
            # In the order of the app's own messages: of keys that came meanwhile, none goes before them.
            self.call_later(self._act_on, keys)

    async def _act_on(self, keys: Sequence[events.Key]) -> None:
        """Keys that were typed while a command was done."""
        for key in keys:
            await self.on_event(key)

    def _remember(self, text: str) -> None:
        kept = self.memory.memory.commands
        text = clean(text, LONGEST).strip()
        if kept and kept[-1] == text:
            return
        kept.append(text)
        try:
            self.memory.save()
        except RememberError as error:
            self.say(str(error), "warning")
