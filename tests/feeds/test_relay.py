"""Several connections look like one: one book, one quote, no step back, and no book that nobody keeps."""

from __future__ import annotations

from engine.events import BookStatus, Depth, Malformed, MarketEvent, Quote, Trade
from engine.feeds.relay import Relay


def depth(at: int, symbol: str = "v:A") -> Depth:
    return Depth(symbol, ((1.0, 1.0),), ((2.0, 1.0),), at, at)


def quote(at: int, symbol: str = "v:A") -> Quote:
    return Quote(symbol, 1.0, 1.0, 2.0, 1.0, at, at)


def trade(at: int) -> Trade:
    return Trade("v:A", at, 1.0, 1.0, 1, at, at)


def first(relay: Relay, *events: MarketEvent, book_quotes: bool = False) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    relay.first(events, book_quotes, out)
    return out


def lost(relay: Relay, *kept: str, book_quotes: bool = False) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    relay.lost(kept, "the connection is away", book_quotes, 50, out)
    return out


def test_one_connection_passes_as_it_is() -> None:
    relay = Relay()
    events: list[MarketEvent] = [depth(1), quote(1), trade(1), BookStatus("v:A", False, "wrong", False, 2)]
    events += [BookStatus("v:A", True, "", False, 3), depth(4)]
    assert first(relay, *events) == events


def test_until_the_second_takes_over_only_its_trades_go_out_then_what_it_knows_better() -> None:
    relay = Relay()
    first(relay, depth(5), quote(5), depth(5, "v:B"))
    out: list[MarketEvent] = []
    bad = Malformed("v", "x", "y", 1)
    wrong = BookStatus("v:A", False, "wrong", False, 2)
    relay.second([depth(3), quote(7), trade(6), depth(9, "v:B"), wrong, bad], True, out)
    assert out == [trade(6), bad]
    out = []
    relay.hand_over(False, out)
    assert out == [quote(7), depth(9, "v:B")]
    relay.second([trade(8), quote(9)], False, out)  # of the one that was replaced
    assert out[2:] == [trade(8)]
    out = []
    relay.hand_over(False, out)
    assert out == []


def test_what_a_second_told_that_did_not_take_over_is_forgotten() -> None:
    relay = Relay()
    out: list[MarketEvent] = []
    relay.second([quote(7)], True, out)
    relay.dismiss()
    relay.hand_over(False, out)
    assert out == []


def test_books_nobody_keeps_are_wrong_until_one_is_published_again() -> None:
    relay = Relay()
    first(relay, depth(1), depth(1, "v:B"), depth(1, "v:C"), BookStatus("v:C", False, "wrong", False, 2))
    assert lost(relay, "v:B") == [BookStatus("v:A", False, "the connection is away", False, 50)]
    assert lost(relay, "v:B") == []
    out: list[MarketEvent] = []
    relay.back("is begun anew", 55, out)
    relay.back("is begun anew", 56, out)
    assert out == [BookStatus("v:A", False, "is begun anew", False, 55)]
    # A new decoder knows nothing of that: what it finds wrong is told once, and so are its first levels.
    crossed = BookStatus("v:A", False, "is crossed", False, 60)
    assert first(relay, crossed, crossed) == [crossed]
    assert first(relay, depth(61)) == [BookStatus("v:A", True, "", False, 61), depth(61)]
    assert first(relay, depth(62)) == [depth(62)]


def test_quotes_that_are_books_show_that_they_are_right() -> None:
    relay = Relay()
    assert first(relay, quote(1), book_quotes=True) == [quote(1)]
    assert lost(relay, book_quotes=True) == [BookStatus("v:A", False, "the connection is away", True, 50)]
    told = first(relay, quote(60), book_quotes=True)
    assert told == [BookStatus("v:A", True, "", True, 60), quote(60)]
    other = Relay()
    first(other, quote(1))
    assert lost(other) == []
