"""How a typed line is read: words, quoted where they hold blanks. Never raises, whatever is typed."""

from __future__ import annotations

from typing import NamedTuple

from engine.text import clean

LONGEST = 400
"""Characters of a line; what is typed beyond is not read."""
MOST_WORDS = 60
_QUOTES = "\"'"


class Word(NamedTuple):
    text: str
    """Without its quotes."""
    start: int
    end: int
    """Where it stands in the line, quotes and all."""


class Typed(NamedTuple):
    """A line, read up to the cursor's word."""

    words: tuple[Word, ...]
    text: str

    @property
    def name(self) -> str:
        """Of the command, as typed; "" while there is none."""
        return self.words[0].text.lower() if self.words else ""

    @property
    def arguments(self) -> list[str]:
        return [word.text for word in self.words[1:]]

    @property
    def last(self) -> Word:
        """The word that is being typed: empty behind a blank."""
        end = len(self.text)
        if self.words and self.words[-1].end == end:
            return self.words[-1]
        return Word("", end, end)

    @property
    def before(self) -> list[str]:
        """The words in front of the one that is being typed."""
        words = [word.text for word in self.words]
        return words[:-1] if self.words and self.words[-1].end == len(self.text) else words


def read(line: str) -> Typed:
    """``line`` in words. A quote that is not closed holds all that follows; one that is doubled is itself."""
    # What takes no cell on the screen is no part of a command.
    text = clean(line[:LONGEST], LONGEST)
    words: list[Word] = []
    at, end = 0, len(text)
    while at < end and len(words) < MOST_WORDS:
        if text[at].isspace():
            at += 1
            continue
        start, parts, quote = at, [], ""
        while at < end and (quote or not text[at].isspace()):
            character = text[at]
            if quote:
                if text[at : at + 2] == quote * 2:
                    parts.append(quote)
                    at += 1
                elif character == quote:
                    quote = ""
                else:
                    parts.append(character)
            elif character in _QUOTES and at == start:
                quote = character
            else:
                parts.append(character)
            at += 1
        words.append(Word("".join(parts), start, at))
    return Typed(tuple(words), text)


def quoted(word: str) -> str:
    """``word`` as it is typed, so that ``read`` gives it back; without quotes where none are needed."""
    if word and not any(character.isspace() for character in word) and word[0] not in _QUOTES:
        return word
    quote = "'" if '"' in word else '"'
    return f"{quote}{word.replace(quote, quote * 2)}{quote}"
