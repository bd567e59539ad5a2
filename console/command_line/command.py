"""What a command of the command line is, and how a part of the console adds its own.

Every class of ``DeskApp`` that has commands gives them in a method of its own beside its actions::

    class WatchlistsApp(CommandingApp):
        def typed_commands(self) -> list[Command]:
            return [
                *super().typed_commands(),
                Command("watch", "Show one watchlist", self._watch, (Argument("NAME", "…", self._names),)),
            ]

        def _watch(self, words: Sequence[str]) -> None:
            if words[0] not in self.memory.memory.watchlists:
                raise CommandError(f"no watchlist is called {words[0]}")
            self.action_…

        def _names(self, before: Sequence[str]) -> Iterable[Candidate]:
            return [Candidate(name) for name in self.memory.memory.watchlists]

``run`` takes the words behind the command's name, as many as the arguments allow (counted, cleaned and
unquoted before). It does what the key does, through the same action or the same call of the link, and asks
where the key asks. It may be a coroutine function: the line then waits for it. What cannot be done is raised
as ``CommandError`` (or ``LinkError``): one line, shown in place, and what was typed stays.

An action of the key tables needs no command: its id is one already, without arguments. A command of the same
name takes its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from engine.errors import TickdeskError


class CommandError(TickdeskError):
    """A command cannot be done: one line that says why, and what would do."""


class Candidate(NamedTuple):
    """What a word may become; cleaned before it is shown."""

    text: str
    about: str = ""


def _nothing(before: Sequence[str]) -> Iterable[Candidate]:
    return ()


class Argument(NamedTuple):
    """One word behind a command's name."""

    name: str
    """As the usage shows it: capitals for what is put in (``SYM``), else the words (``on|off``)."""
    about: str
    """What it is, a few words."""
    candidates: Callable[[Sequence[str]], Iterable[Candidate]] = _nothing
    """Asked on every key while this word is typed, with the words before it (the command's name not among
    them): from what is known already, never from the engine. What fits the beginning is chosen by others."""
    optional: bool = False
    rest: bool = False
    """It takes every word that is left; only the last argument may."""
    beginning: Callable[[str], Iterable[Candidate]] | None = None
    """Instead of ``candidates``, asked with what is typed of the word so far: for paths, of which there are
    too many to name them all."""


class Command(NamedTuple):
    name: str
    """Lower-case, one word."""
    about: str
    """What it does, one line of at most 60 characters."""
    run: Callable[[Sequence[str]], Awaitable[None] | None]
    arguments: tuple[Argument, ...] = ()
    palette: str = ""
    """How it stands in the palette with each candidate of its first argument, ``Go to {}``; "": not there."""

    @property
    def usage(self) -> str:
        """As in ``limit NAME VALUE [SCOPE]``."""
        return " ".join((self.name, *map(_shown, self.arguments)))

    @property
    def least(self) -> int:
        """Words that it must have."""
        return sum(not argument.optional for argument in self.arguments)

    @property
    def most(self) -> int | None:
        """Words that it may have; None: any number."""
        return None if any(argument.rest for argument in self.arguments) else len(self.arguments)

    def argument(self, index: int) -> Argument | None:
        """What the word of this place (from 0) is; None: there is no such place."""
        if index < len(self.arguments):
            return self.arguments[index]
        return self.arguments[-1] if self.most is None else None


def _shown(argument: Argument) -> str:
    name = f"{argument.name} …" if argument.rest else argument.name
    return f"[{name}]" if argument.optional else name
