"""What the word that is being typed may become, and what is said of the command meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from console.command_line.command import Candidate, Command, CommandError
from console.command_line.grammar import LONGEST, quoted, read
from engine.text import clean

MOST = 60
"""Candidates that are offered."""
_LONGEST = 80


class Completion(NamedTuple):
    candidates: tuple[Candidate, ...]
    start: int
    """Where in the line the word begins that a candidate takes the place of."""
    usage: str
    """Of the command; "" while none is told yet."""
    about: str
    """What is typed next, or what the command does; "" nothing is known."""

    @property
    def common(self) -> str:
        """How all candidates begin."""
        texts = [candidate.text for candidate in self.candidates]
        first, last = min(texts, default=""), max(texts, default="")
        pairs = enumerate(zip(first, last, strict=False))
        return first[: next((at for at, (one, other) in pairs if one != other), len(first))]


def complete(line: str, commands: Mapping[str, Command]) -> Completion:
    """For ``line`` up to the cursor. ``commands`` by name."""
    typed = read(line)
    last, before = typed.last, typed.before
    if not before:
        names = _fitting(last.text, (Candidate(one.name, one.about) for one in commands.values()))
        command = commands.get(last.text.lower())
        said = (command.usage, command.about) if command is not None else ("", "Tab completes")
        return Completion(names, last.start, *said)
    command = commands.get(typed.name)
    if command is None:
        return Completion((), last.start, "", unknown(typed.name, commands))
    argument = command.argument(len(before) - 1)
    if argument is None:
        return Completion((), last.start, command.usage, "that is all it takes" if last.text else "")
    known = argument.candidates(before[1:]) if argument.beginning is None else argument.beginning(last.text)
    found = _fitting(last.text, known)
    return Completion(found, last.start, command.usage, f"{argument.name}: {argument.about}")


def unknown(name: str, commands: Mapping[str, Command]) -> str:
    near = get_close_matches(name, commands, 1)
    return f"no command is called {clean(name, 30)}" + (f"; did you mean {near[0]}?" if near else "")


def put(line: str, start: int, text: str, whole: bool) -> str:
    """``line`` with ``text`` in the place of the word from ``start``; ``whole``: go on behind it.

    What ends in a slash is a folder: the word goes on.
    """
    if not whole or (text.endswith("/") and quoted(text) == text):
        return line[:start] + text
    return f"{line[:start]}{quoted(text)} "


def _fitting(word: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Those that begin with ``word``, then those that hold it."""
    wanted = word.casefold()
    begin: list[Candidate] = []
    hold: list[Candidate] = []
    for candidate in candidates:
        text = candidate.text.casefold()
        if text.startswith(wanted):
            begin.append(candidate)
        elif wanted in text:
            hold.append(candidate)
        if len(begin) >= MOST:
            break
    return tuple(_cleaned(candidate) for candidate in (begin + hold)[:MOST])


@lru_cache(1024)
def _cleaned(candidate: Candidate) -> Candidate:
    return Candidate(clean(candidate.text, LONGEST), clean(candidate.about, _LONGEST))


def understood(line: str, commands: Mapping[str, Command]) -> tuple[Command, Sequence[str]]:
    """The command of a line and the words behind its name. Raises CommandError, one line."""
    typed = read(line)
    if not typed.words:
        raise CommandError("type a command; Tab shows them")
    command = commands.get(typed.name)
    if command is None:
        raise CommandError(unknown(typed.name, commands))
    words = typed.arguments
    if len(words) < command.least:
        missing = command.argument(len(words))
        assert missing is not None
        raise CommandError(f"{missing.name} is missing: {missing.about}")
    if command.most is not None and len(words) > command.most:
        raise CommandError(f"{clean(words[command.most], 30)} is too much: {command.usage}")
    return command, words


def one_of(text: str, known: Iterable[str], what: str) -> str:
    """Which of ``known`` is meant by ``text``, whatever its capitals. Raises CommandError."""
    names = list(known)
    if text in names:
        return text
    same = [name for name in names if name.casefold() == text.casefold()]
    if len(same) == 1:
        return same[0]
    near = get_close_matches(text, names, 1, 0.5)
    hint = f"did you mean {clean(near[0], 40)}?" if near else "Tab shows them" if names else "none is known"
    raise CommandError(f"there is no {what} {clean(text, 40)}; {hint}")
