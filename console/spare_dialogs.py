"""The dialogs that are opened most often, or in the greatest hurry, wait to be opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.command_line.command import Command
from console.command_line.prompt import PromptApp
from console.screens.calm import CalmScreen
from console.screens.help import HelpScreen
from console.screens.spares import SparesApp
from console.screens.ticket import TicketScreen


class SpareDialogsApp(PromptApp, SparesApp):
    def spare_makers(self) -> Mapping[type[CalmScreen[Any]], Callable[[], CalmScreen[Any]]]:
        commands = list(self.known_commands().values())
        return {
            HelpScreen: lambda: super(SpareDialogsApp, self).new_help("", commands),
            TicketScreen: lambda: super(SpareDialogsApp, self).new_ticket({"symbol": ""}),
        }

    def new_help(self, word: str, commands: Sequence[Command]) -> HelpScreen:
        spare = self.take_spare(HelpScreen)
        if spare is None:
            return super().new_help(word, commands)
        spare.begin_with(self.desk.active, self.key_map, word, commands)
        return spare

    def new_ticket(self, values: Mapping[str, str]) -> TicketScreen:
        spare = self.take_spare(TicketScreen)
        if spare is None:
            return super().new_ticket(values)
        spare.begin(self.link, self.view, sorted(self.view.ticks), values)
        return spare
