"""What a word may become, what is said meanwhile, and what a whole line means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import MOST, complete, one_of, put, understood
from console.command_line.grammar import LONGEST
from console.command_line.symbols import symbol_candidates, symbol_named
from engine.text import clean


def sizes(before: Sequence[str]) -> Iterable[Candidate]:
    return [Candidate(f"{before[0]}-1", "one"), Candidate("two \x1b[31mwords", "two")]


def nothing(words: Sequence[str]) -> None:
    return None


SYMBOLS = Argument(
    "SYM", "the symbol", lambda before: [Candidate("BTC-USD"), Candidate("BTC-EUR"), Candidate("ETH-BTC")]
)
COMMANDS = {
    command.name: command
    for command in (
        Command("buy", "The ticket", nothing, (SYMBOLS, Argument("SIZE", "how much", sizes))),
        Command("bury", "Nothing", nothing),
        Command("help", "Help", nothing, (Argument("WORD", "any", optional=True),)),
        Command("say", "Says", nothing, (Argument("TEXT", "what", rest=True),)),
    )
}


def offered(line: str) -> list[str]:
    return [candidate.text for candidate in complete(line, COMMANDS).candidates]


def test_names_of_commands() -> None:
    assert offered("") == ["buy", "bury", "help", "say"] and offered("bu") == ["buy", "bury"]
    assert offered("ury") == ["bury"]  # it holds it
    assert complete("bu", COMMANDS).common == "bu" and complete("", COMMANDS).about == "Tab completes"
    assert complete("buy", COMMANDS).usage == "buy SYM SIZE"
    assert complete("byu ", COMMANDS).about == "no command is called byu; did you mean buy?"


def test_words_of_a_command() -> None:
    assert offered("buy ") == ["BTC-USD", "BTC-EUR", "ETH-BTC"]
    assert offered("buy btc") == ["BTC-USD", "BTC-EUR", "ETH-BTC"]  # the beginnings first
    completion = complete("buy btc-u", COMMANDS)
    assert completion.start == 4 and completion.about == "SYM: the symbol" and completion.common == "BTC-USD"
    assert put("buy btc-u", 4, "BTC-USD", True) == "buy BTC-USD "
    assert put("buy btc", 4, "BTC-", False) == "buy BTC-"
    assert offered("buy X ") == ["X-1", "two [31mwords"]
    assert complete("buy X 1 ", COMMANDS).candidates == () and complete("buy X 1 y", COMMANDS).about
    assert complete("say a b c", COMMANDS).about == "TEXT: what"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "type a command"),
        ("sell x", "no command is called sell"),
        ("buy", "SYM is missing: the symbol"),
        ("buy X", "SIZE is missing: how much"),
        ("buy X 1 2", "2 is too much: buy SYM SIZE"),
        ("help a b", "b is too much: help [WORD]"),
        ("say", "TEXT is missing"),
    ],
)
def test_what_a_line_lacks(line: str, says: str) -> None:
    with pytest.raises(CommandError, match=says.replace("[", r"\[")):
        understood(line, COMMANDS)


def test_what_a_line_means() -> None:
    command, words = understood('say "a b" c', COMMANDS)
    assert (command.name, words) == ("say", ["a b", "c"])
    assert understood("HELP", COMMANDS)[0].name == "help"


@given(st.text(max_size=LONGEST + 10))
def test_any_line_is_completed_and_understood_or_one_line(line: str) -> None:
    for text in (line, f"buy {line}", f"buy {line} ", f"say {line}"):
        completion = complete(text, COMMANDS)
        assert len(completion.candidates) <= MOST
        assert all(clean(part, 400) == part for part in (completion.about, completion.common, *offered(text)))
        try:
            understood(text, COMMANDS)
        except CommandError as error:
            assert clean(error, 400) == str(error) and len(str(error)) < 200


def test_names_whatever_their_capitals() -> None:
    assert one_of("GAMMA", ["alpha", "Gamma"], "x") == "Gamma"
    with pytest.raises(CommandError, match="there is no strategy breakuot; did you mean breakout"):
        one_of("breakuot", ["breakout", "trend"], "strategy")
    with pytest.raises(CommandError, match="none is known"):
        one_of("x", [], "strategy")


def test_symbols_without_their_venue_where_that_is_enough() -> None:
    known = ["binance:BTC-USD", "kraken:BTC-USD", "kraken:ETH-USD"]
    assert symbol_named("eth-usd", known) == "kraken:ETH-USD"
    assert symbol_named("KRAKEN:btc-usd", known) == "kraken:BTC-USD"
    with pytest.raises(CommandError, match="binance:BTC-USD and kraken:BTC-USD: say which"):
        symbol_named("BTC-USD", known)
    with pytest.raises(CommandError, match="did you mean ETH-USD"):
        symbol_named("ETH-USDT", known)
    assert [one.text for one in symbol_candidates(known)] == ["binance:BTC-USD", "kraken:BTC-USD", "ETH-USD"]
