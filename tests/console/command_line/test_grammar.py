"""Whatever is typed is read: words, quotes, and no exception."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.command_line.grammar import LONGEST, MOST_WORDS, quoted, read
from engine.text import clean

TYPED = st.text(max_size=LONGEST + 20)


def words(line: str) -> list[str]:
    return [word.text for word in read(line).words]


def test_words_and_quotes() -> None:
    assert words("  buy  BTC-USD 0.5 ") == ["buy", "BTC-USD", "0.5"]
    assert words("""layout save "two words" 'it"s' """) == ["layout", "save", "two words", 'it"s']
    assert words('export "not closed') == ["export", "not closed"]
    assert words('say ""') == ["say", ""]
    assert words("it's one") == ["it's", "one"]
    assert words("") == words(" \t ") == []


def test_what_is_being_typed() -> None:
    typed = read("limit max_order")
    assert typed.name == "limit" and typed.last.text == "max_order" and typed.before == ["limit"]
    typed = read("LIMIT max ")
    assert typed.name == "limit" and typed.last == ("", 10, 10) and typed.before == ["LIMIT", "max"]
    assert read("").last == ("", 0, 0) and read("").before == []


@given(TYPED)
def test_any_text_is_read(line: str) -> None:
    typed = read(line)
    assert len(typed.words) <= MOST_WORDS and len(typed.text) <= LONGEST
    assert typed.text == clean(typed.text, LONGEST)
    end = 0
    for word in typed.words:
        assert end <= word.start < word.end <= len(typed.text)
        end = word.end
    assert [word.text for word in typed.words][: len(typed.before)] == typed.before


@given(st.text(st.characters(codec="ascii", min_codepoint=32), max_size=50))
def test_a_quoted_word_is_read_as_it_was(word: str) -> None:
    assert words(f"x {quoted(word)} y") == ["x", word, "y"] or word != clean(word)
